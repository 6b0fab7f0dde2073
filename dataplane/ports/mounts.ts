/**
 * What the node half of the CSI driver does to its machine: block devices, file systems, mounts.
 * Nothing here remembers anything; what is so is asked of the kernel each time.
 *
 * Failures reject with `disk.failed` and what the program said.
 */

export interface Mounted {
  readonly path: string;
  /** The device a file system lies on, `7:3`; of a bind mount the same as of what it shows. */
  readonly device: string;
  readonly fileSystem: string;
  /** The folder of the file system that is shown there; `/` for all of it. */
  readonly root: string;
  readonly readOnly: boolean;
}

export type Found =
  /** The first and the last MiB hold nothing but zeroes. */
  | { readonly kind: 'zero' }
  | { readonly kind: 'file-system'; readonly type: string }
  /** Something that is neither. */
  | { readonly kind: 'unknown' };

export interface SpaceUse {
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly availableBytes: number;
  readonly totalFiles: number;
  readonly usedFiles: number;
}

export interface Mounts {
  /** The topmost mount at exactly this path; undefined when nothing is mounted there. */
  at(path: string): Promise<Mounted | undefined>;
  /** Every path at which a file system of this device is mounted. */
  pathsOf(device: string): Promise<readonly string[]>;
  /** What stands at the path, links not followed. */
  kindOf(path: string): Promise<'nothing' | 'folder' | 'file' | 'other' | 'broken'>;
  /** The device number of a block device file, `7:3`. */
  deviceOf(file: string): Promise<string>;
  makeFolder(path: string): Promise<void>;
  makeFile(path: string): Promise<void>;
  /** An empty folder or file goes; anything else stays and rejects. */
  removeEmpty(path: string): Promise<void>;
  mount(
    device: string,
    path: string,
    type: 'ext4' | 'xfs',
    options: readonly string[],
  ): Promise<void>;
  bind(from: string, to: string, readOnly: boolean): Promise<void>;
  /**
   * Every mount at the path, however many lie over each other. Nothing happens when there is none.
   */
  unmount(path: string): Promise<void>;
  look(device: string): Promise<Found>;
  format(device: string, type: 'ext4' | 'xfs'): Promise<void>;
  /** Brings a file system in order that was not unmounted; rejects when it cannot be. */
  check(device: string, type: 'ext4' | 'xfs'): Promise<void>;
  /**
   * Makes the file system as large as its device; nothing happens when it is. ext4 grows mounted or
   * not, xfs mounted only.
   *
   * @param mountedAt left out for one that is not mounted
   */
  grow(device: string, type: 'ext4' | 'xfs', mountedAt?: string): Promise<void>;
  spaceOf(path: string): Promise<SpaceUse>;
}

/** Makes volumes block devices of this machine. */
export interface Attacher {
  /**
   * The block device of the volume, made when it is not there. Takes what is left of an earlier
   * life where it still serves, and clears it away where it does not.
   */
  attach(volume: string, sizeBytes: number): Promise<string>;
  /** Makes the device of an attached volume that has grown as large as it, while it is in use. */
  resize(volume: string, sizeBytes: number): Promise<void>;
  /** Ends everything of the volume; nothing happens when there is nothing. */
  detach(volume: string): Promise<void>;
  /** The device, or undefined when the volume is not attached or its device does not serve. */
  device(volume: string): Promise<string | undefined>;
  /** Volumes of which there is something on this machine. */
  list(): Promise<readonly string[]>;
}

/** An attacher as the node that looks after its devices sees it. */
export interface LivingAttacher extends Attacher {
  /**
   * Brings the engine of an attached volume back when it has died, and what is between it and the
   * device; after lost writes it makes the device give errors instead.
   */
  mend(volume: string): Promise<void>;
  /** Ends what serves the device of a volume that is attached elsewhere now: it gives errors. */
  cutOff(volume: string): Promise<void>;
}
