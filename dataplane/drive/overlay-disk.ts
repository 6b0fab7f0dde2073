/**
 * A disk over another one that takes every change into memory: what was there is never touched, and
 * a store that is opened through it recovers as always, on changes that end with the process. For
 * tools that look at a store which may be the last copy.
 *
 * A write that changes nothing takes no memory: recovery writes again what it has read.
 */
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';

const pageBytes = 4096;

/** Counts what all files of one overlay hold. */
interface Budget {
  usedBytes: number;
}

export class OverlayDisk implements Disk {
  readonly #below: Disk;
  /** Undefined: it was taken away. */
  readonly #replaced = new Map<string, Uint8Array | undefined>();
  readonly #files = new Map<string, OverlayFile>();
  readonly #budget: Budget = { usedBytes: 0 };

  /** @param below opens its files for reading at least; nothing else is asked of it */
  constructor(below: Disk) {
    this.#below = below;
  }

  /** Bytes of memory that changes take. */
  get changedBytes(): number {
    return this.#budget.usedBytes;
  }

  capacityBytes(): Promise<number> {
    return this.#below.capacityBytes();
  }

  freeBytes(): Promise<number> {
    return Promise.resolve(Infinity);
  }

  async list(): Promise<readonly string[]> {
    const names = new Set(await this.#below.list());
    for (const [name, content] of this.#replaced) {
      if (content === undefined) names.delete(name);
      else names.add(name);
    }
    return [...names].sort();
  }

  async open(name: string): Promise<DiskFile> {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const replaced = this.#replaced.get(name);
    const below = replaced === undefined ? await this.#below.open(name) : held(replaced);
    const file = new OverlayFile(below, this.#budget);
    this.#files.set(name, file);
    return file;
  }

  async readAll(name: string): Promise<Uint8Array> {
    return this.#replaced.get(name)?.slice() ?? this.#below.readAll(name);
  }

  replace(name: string, content: Uint8Array): Promise<void> {
    this.#replaced.set(name, content.slice());
    this.#files.delete(name);
    return Promise.resolve();
  }

  remove(name: string): Promise<void> {
    this.#replaced.set(name, undefined);
    this.#files.delete(name);
    return Promise.resolve();
  }
}

class OverlayFile implements DiskFile {
  readonly #below: DiskFile;
  readonly #budget: Budget;
  /** Pages that differ from what lies below, by number. */
  readonly #pages = new Map<number, Uint8Array>();

  constructor(below: DiskFile, budget: Budget) {
    this.#below = below;
    this.#budget = budget;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const bytes = await this.#below.read(offsetBytes, lengthBytes);
    if (this.#pages.size === 0) return bytes;
    const end = offsetBytes + lengthBytes;
    for (let page = Math.floor(offsetBytes / pageBytes); page * pageBytes < end; page++) {
      const content = this.#pages.get(page);
      if (content === undefined) continue;
      const first = Math.max(offsetBytes, page * pageBytes);
      const last = Math.min(end, (page + 1) * pageBytes);
      const part = content.subarray(first - page * pageBytes, last - page * pageBytes);
      bytes.set(part, first - offsetBytes);
    }
    return bytes;
  }

  async write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    const now = await this.read(offsetBytes, bytes.length);
    const end = offsetBytes + bytes.length;
    for (let page = Math.floor(offsetBytes / pageBytes); page * pageBytes < end; page++) {
      const first = Math.max(offsetBytes, page * pageBytes);
      const last = Math.min(end, (page + 1) * pageBytes);
      const [from, to] = [first - offsetBytes, last - offsetBytes];
      if (isEqual(bytes.subarray(from, to), now.subarray(from, to))) continue;
      (await this.#page(page)).set(bytes.subarray(from, to), first - page * pageBytes);
    }
  }

  async punch(offsetBytes: number, lengthBytes: number): Promise<void> {
    for (let at = 0; at < lengthBytes; at += zeroes.length) {
      const part = zeroes.subarray(0, Math.min(zeroes.length, lengthBytes - at));
      await this.write(offsetBytes + at, part);
    }
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.#below.close();
  }

  /** A page of its own, made from what lies below when it is the first change. */
  async #page(page: number): Promise<Uint8Array> {
    const known = this.#pages.get(page);
    if (known !== undefined) return known;
    const content = await this.#below.read(page * pageBytes, pageBytes);
    const meanwhile = this.#pages.get(page);
    if (meanwhile !== undefined) return meanwhile;
    if (this.#budget.usedBytes + pageBytes > limits.overlayBytesMax) throw tooMuch();
    this.#budget.usedBytes += pageBytes;
    this.#pages.set(page, content);
    return content;
  }
}

const zeroes = new Uint8Array(2 ** 20);

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** A file that is in memory as a whole. */
function held(content: Uint8Array): DiskFile {
  const refuse = () => Promise.reject(new Fault('disk.failed', 'An overlay writes to nothing.'));
  return {
    read: (offsetBytes, lengthBytes) => {
      const bytes = new Uint8Array(lengthBytes);
      bytes.set(content.subarray(offsetBytes, offsetBytes + lengthBytes));
      return Promise.resolve(bytes);
    },
    write: refuse,
    punch: refuse,
    sync: refuse,
    close: () => Promise.resolve(),
  };
}

function tooMuch(): Fault {
  const message = `What opening this store changes takes more than ${limits.overlayBytesMax} bytes of memory.`;
  return new Fault('disk.full', message, {
    hint: 'Copy the directory to a disk with room, and open the copy with a replica server.',
  });
}
