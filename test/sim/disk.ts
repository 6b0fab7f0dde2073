/**
 * The twin of a disk as one process uses it. A write reaches the page cache when it completes;
 * `sync` carries to the medium what was in the cache when it began. A write under way when its
 * process ends may be there in part, in units the disk writes whole.
 */
import { Fault } from '../../dataplane/base/fault.ts';
import type { Disk, DiskFile } from '../../dataplane/ports/disk.ts';
import type { Content, SimMedium } from './medium.ts';
import type { SimProcess } from './process.ts';

export class SimDisk implements Disk {
  readonly #medium: SimMedium;
  readonly #process: SimProcess;

  constructor(medium: SimMedium, process: SimProcess) {
    this.#medium = medium;
    this.#process = process;
  }

  async capacityBytes(): Promise<number> {
    return this.#done('size', () => Infinity);
  }

  async freeBytes(): Promise<number> {
    return this.#done('room', () => (this.#medium.full ? 0 : Infinity));
  }

  async list(): Promise<readonly string[]> {
    return this.#done('list', () => [...this.#medium.files.keys()].sort());
  }

  async readAll(name: string): Promise<Uint8Array> {
    return this.#done(`read all of ${name}`, () => this.#medium.content(name).cache.slice());
  }

  async replace(name: string, content: Uint8Array): Promise<void> {
    await this.#done(`replace ${name}`, () => {
      if (this.#medium.full) throw noRoom(name);
      this.#medium.replace(name, content);
    });
  }

  async remove(name: string): Promise<void> {
    await this.#done(`remove ${name}`, () => {
      this.#medium.files.delete(name);
    });
  }

  async open(name: string): Promise<DiskFile> {
    const content = await this.#done(`open ${name}`, () => this.#medium.content(name));
    return new SimFile(name, content, this.#medium, this.#process);
  }

  async #done<T>(what: string, run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#process.deliver(this.#medium.latencyMs(), what, () => {
        try {
          resolve(run());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }
}

class SimFile implements DiskFile {
  readonly #name: string;
  readonly #content: Content;
  readonly #medium: SimMedium;
  readonly #process: SimProcess;

  constructor(name: string, content: Content, medium: SimMedium, process: SimProcess) {
    this.#name = name;
    this.#content = content;
    this.#medium = medium;
    this.#process = process;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.#later(`read ${this.#name} ${offsetBytes}+${lengthBytes}`, () => {
        const bytes = new Uint8Array(lengthBytes);
        bytes.set(this.#content.cache.subarray(offsetBytes, offsetBytes + lengthBytes));
        resolve(bytes);
      });
    });
  }

  async write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    await this.#change('write', offsetBytes, bytes, (medium) => {
      if (medium.hasRoomFor(this.#content, offsetBytes, bytes.length)) {
        const place = medium.placeOf(this.#name, offsetBytes, bytes.length);
        medium.put(this.#content, place, bytes);
      } else {
        // Any blocks of it may be there.
        medium.putSome(this.#content, offsetBytes, bytes);
        throw noRoom(this.#name);
      }
    });
  }

  async punch(offsetBytes: number, lengthBytes: number): Promise<void> {
    await this.#change('punch', offsetBytes, new Uint8Array(lengthBytes), (medium) => {
      medium.punch(this.#content, offsetBytes, lengthBytes);
    });
  }

  async #change(
    kind: 'write' | 'punch',
    offsetBytes: number,
    bytes: Uint8Array,
    change: (medium: SimMedium) => void,
  ): Promise<void> {
    if (this.#name.startsWith('data-'))
      this.#medium.onDataChange(kind, this.#name, offsetBytes, bytes);
    let under = true;
    this.#process.onDeath(() => {
      if (under) this.#medium.putSome(this.#content, offsetBytes, bytes);
    });
    await new Promise<void>((resolve, reject) => {
      this.#later(`${kind} ${this.#name} ${offsetBytes}+${bytes.length}`, () => {
        under = false;
        try {
          change(this.#medium);
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  async sync(): Promise<void> {
    const units = this.#medium.unsynced(this.#content);
    await new Promise<void>((resolve, reject) => {
      this.#later(`sync ${this.#name}`, () => {
        if (this.#medium.failNextSync) {
          this.#medium.failNextSync = false;
          for (const { unit } of units) this.#content.dirty.delete(unit);
          reject(new Fault('disk.failed', `The sync of ${this.#name} failed (EIO).`));
          return;
        }
        this.#medium.sync(this.#name, this.#content, units);
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #later(what: string, run: () => void): void {
    this.#process.deliver(this.#medium.latencyMs(), what, run);
  }
}

function noRoom(name: string): Fault {
  return new Fault('disk.full', `No room is left for ${name}.`, { retriable: true });
}
