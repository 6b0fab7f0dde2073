/**
 * A disk without time that stops in the middle: after so many commands nothing is carried out any
 * more, and of a write under way any units are there. What was not synced is lost, kept or torn by
 * the medium's own luck (test/sim/disk.ts).
 */
import { Fault } from '../../../dataplane/base/fault.ts';
import type { Disk, DiskFile } from '../../../dataplane/ports/disk.ts';
import type { SimMedium } from '../../sim/disk.ts';

/** Not a `Fault`: nobody may handle it. */
export class Crash extends Error {}

export class CrashDisk implements Disk {
  readonly #medium: SimMedium;
  /** Commands left until the crash; Infinity for never. */
  left = Infinity;
  /** Commands carried out. */
  count = 0;
  /** Nothing that takes new space can be written. */
  full = false;

  constructor(medium: SimMedium) {
    this.#medium = medium;
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
      const file = this.#medium.content(name);
      file.cache = bytes.slice();
      file.medium = bytes.slice();
      file.dirty.clear();
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
        if (!this.full || !this.#medium.grows(content, offsetBytes, bytes.length)) {
          return put(offsetBytes, bytes);
        }
        this.#medium.putSome(content, offsetBytes, bytes);
        throw noRoom();
      },
      punch: (offsetBytes, lengthBytes) => put(offsetBytes, new Uint8Array(lengthBytes)),
      sync: () =>
        this.#done(() => {
          this.#medium.carry(content, this.#medium.snapshot(content));
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
