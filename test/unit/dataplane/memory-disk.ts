/** A disk in memory without faults, for tests of one store. */
import type { Disk, DiskFile } from '../../../dataplane/ports/disk.ts';

export class MemoryDisk implements Disk {
  readonly files: Map<string, Uint8Array>;

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.files = new Map([...files].map(([name, content]) => [name, content.slice()]));
  }

  capacityBytes(): Promise<number> {
    return Promise.resolve(Infinity);
  }

  freeBytes(): Promise<number> {
    return Promise.resolve(Infinity);
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.files.keys()].sort());
  }

  readAll(name: string): Promise<Uint8Array> {
    return Promise.resolve(this.#content(name).slice());
  }

  replace(name: string, content: Uint8Array): Promise<void> {
    this.files.set(name, content.slice());
    return Promise.resolve();
  }

  remove(name: string): Promise<void> {
    this.files.delete(name);
    return Promise.resolve();
  }

  open(name: string): Promise<DiskFile> {
    const write = (offsetBytes: number, bytes: Uint8Array) => {
      const old = this.#content(name);
      const next = new Uint8Array(Math.max(old.length, offsetBytes + bytes.length));
      next.set(old);
      next.set(bytes, offsetBytes);
      this.files.set(name, next);
      return Promise.resolve();
    };
    return Promise.resolve({
      read: (offsetBytes, lengthBytes) => {
        const bytes = new Uint8Array(lengthBytes);
        bytes.set(this.#content(name).subarray(offsetBytes, offsetBytes + lengthBytes));
        return Promise.resolve(bytes);
      },
      write,
      punch: (offsetBytes, lengthBytes) => write(offsetBytes, new Uint8Array(lengthBytes)),
      sync: () => Promise.resolve(),
      close: () => Promise.resolve(),
    });
  }

  #content(name: string): Uint8Array {
    return this.files.get(name) ?? new Uint8Array(0);
  }
}
