/**
 * One directory on a disk, which holds one store.
 *
 * A write is `written` when its promise resolves: reads see it and a killed process leaves it in
 * place. It is `durable` only when a `sync` of its file that began later has resolved. A rejected
 * promise carries a `Fault` (`disk.failed`, `disk.full`). After a write that found the disk full,
 * any of its blocks are written and the others are as before; after a rejected `sync` nothing is
 * known about unsynced writes, for ever (I-18).
 */
export interface Disk {
  /** Of the whole file system, used or not. Infinity when there is no telling. */
  capacityBytes(): Promise<number>;
  /** What may still be written here. Infinity when there is no telling. */
  freeBytes(): Promise<number>;
  /** Names of the files in the directory; empty when there is no directory. */
  list(): Promise<readonly string[]>;
  /** Opens an existing file. */
  open(name: string): Promise<DiskFile>;
  /** Whole content of a small file. */
  readAll(name: string): Promise<Uint8Array>;
  /**
   * Puts a whole file in place: temporary file, sync, rename, sync of the directory. After a crash
   * there is the old file or the new one, whole. Nobody else renames.
   */
  replace(name: string, content: Uint8Array): Promise<void>;
  /** Takes a file away, if it is there; after a crash it may be back. */
  remove(name: string): Promise<void>;
}

export interface DiskFile {
  /** Beyond the end of the file reads as zeroes. The bytes belong to the caller. */
  read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
  write(offsetBytes: number, bytes: Uint8Array): Promise<void>;
  /**
   * `read` without waiting: undefined where it would have to, and then nothing was done. Throws
   * what `read` rejects with. A disk that always has to wait leaves it out.
   */
  readAtOnce?(offsetBytes: number, lengthBytes: number): Uint8Array | undefined;
  /** `write` without waiting: false where it would have to; some of it may have been written. */
  writeAtOnce?(offsetBytes: number, bytes: Uint8Array): boolean;
  /** Makes the range read as zeroes and gives its space back where the file system can. */
  punch(offsetBytes: number, lengthBytes: number): Promise<void>;
  sync(): Promise<void>;
  /** `sync` without waiting for long: false where it would have to, and then nothing was done. */
  syncAtOnce?(): boolean;
  close(): Promise<void>;
}
