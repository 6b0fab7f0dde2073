/**
 * A disk without time that stops in the middle: after so many commands nothing is carried out any
 * more, and of a write under way any units are there. What was not synced is lost, kept or torn by
 * the medium's own luck (test/sim/medium.ts).
 */
import { Fault } from '../../../dataplane/base/fault.ts';
import type { Disk, DiskFile } from '../../../dataplane/ports/disk.ts';
import type { SimMedium } from '../../sim/medium.ts';

/** Not a `Fault`: nobody may handle it. */
export class Crash extends Error {}

export class CrashDisk implements Disk {
  readonly #medium: SimMedium;
  /** Commands left until the crash; Infinity for never. */
  left = Infinity;
  /** Commands carried out. */
  count = 0;

  constructor(medium: SimMedium) {
    this.#medium = medium;
  }

  /** Nothing that takes new space can be written. */
  get full(): boolean {
    return this.#medium.full;
  }

  set full(full: boolean) {
    this.#medium.full = full;
  }

  capacityBytes(): Promise<number> {
    return Promise.resolve(Infinity);
  }

  freeBytes(): Promise<number> {
    return Promise.resolve(Infinity);
  }

  list(): Promise<readonly string[]> {
    return this.#done(() => [...this.#medium.files.keys()].sort());
  }

  readAll(name: string): Promise<Uint8Array> {
    return this.#done(() => this.#medium.content(name).cache.slice());
  }

  replace(name: string, bytes: Uint8Array): Promise<void> {
    if (this.full) return Promise.reject(noRoom());
    return this.#done(() => {
      this.#medium.replace(name, bytes);
    });
  }

  remove(name: string): Promise<void> {
    return this.#done(() => {
      this.#medium.files.delete(name);
    });
  }

  open(name: string): Promise<DiskFile> {
    const content = this.#medium.content(name);
    const put = (offsetBytes: number, bytes: Uint8Array) =>
      this.#done(
        () => {
          this.#medium.put(content, offsetBytes, bytes);
        },
        () => {
          this.#medium.putSome(content, offsetBytes, bytes);
        },
      );
    return Promise.resolve({
      read: (offsetBytes, lengthBytes) =>
        this.#done(() => {
          const bytes = new Uint8Array(lengthBytes);
          bytes.set(content.cache.subarray(offsetBytes, offsetBytes + lengthBytes));
          return bytes;
        }),
      write: async (offsetBytes, bytes) => {
        if (this.#medium.hasRoomFor(content, offsetBytes, bytes.length)) {
          return put(offsetBytes, bytes);
        }
        this.#medium.putSome(content, offsetBytes, bytes);
        throw noRoom();
      },
      punch: (offsetBytes, lengthBytes) => put(offsetBytes, new Uint8Array(lengthBytes)),
      sync: () =>
        this.#done(() => {
          this.#medium.sync(name, content, this.#medium.unsynced(content));
        }),
      close: () => Promise.resolve(),
    });
  }

  #done<T>(run: () => T, half: () => void = () => {}): Promise<T> {
    if (this.left <= 0) return Promise.reject(new Crash('the disk has stopped'));
    this.left -= 1;
    this.count += 1;
    if (this.left > 0) return Promise.resolve(run());
    half();
    return Promise.reject(new Crash('the disk stops here'));
  }
}

function noRoom(): Fault {
  return new Fault('disk.full', 'No room is left.', { retriable: true });
}
