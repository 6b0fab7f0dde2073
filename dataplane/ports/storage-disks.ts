/**
 * The disks that a node's owner declared, and the folders of stores on them. A path under which
 * nothing is mounted is refused: it would fill the node's own disk.
 */
import type { Disk } from './disk.ts';

/** What is known of a declared disk. */
export interface DeclaredDisk {
  readonly name: string;
  /** Where it is mounted on the node. */
  readonly path: string;
  /** The token it is known by; empty before its first use. */
  readonly id: string;
}

export interface DiskState {
  readonly id: string;
  readonly capacityBytes: number;
  readonly freeBytes: number;
  /** Why it cannot be used, and what to do; empty when it can. */
  readonly problem: string;
}

export interface StorageDisks {
  /** Marks a disk that was never used with a token of its own. Never rejects for a bad disk. */
  inspect(disk: DeclaredDisk): Promise<DiskState>;
  /** The folder of a store; `make` makes it when it is not there. */
  store(disk: DeclaredDisk, volume: string, member: string, make: boolean): Promise<Disk>;
  /** Takes the store's files away for good. Nothing happens when there are none. */
  removeStore(disk: DeclaredDisk, volume: string, member: string): Promise<void>;
  /** Stores found on the disk, as `volume/member`. */
  listStores(disk: DeclaredDisk): Promise<readonly string[]>;
}
