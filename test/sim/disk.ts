/**
 * The twin of a disk with its page cache. A write reaches the cache when it completes; `sync`
 * carries to the medium what was in the cache when it began. When the power fails, any subset of
 * what was not synced is on the medium, in units the disk writes whole: a block of the data file, a
 * 512-byte sector of the others (docs/decisions/0052). A write under way may be there in part, as
 * long as those units are whole.
 */
import { Fault } from '../../dataplane/base/fault.ts';
import type { Prng } from '../../dataplane/base/prng.ts';
import type { Disk, DiskFile } from '../../dataplane/ports/disk.ts';
import type { ByteSpan } from '../../dataplane/store/geometry.ts';
import type { SimProcess } from './process.ts';

const sectorBytes = 512;

interface Content {
  readonly unitBytes: number;
  cache: Uint8Array;
  medium: Uint8Array;
  readonly dirty: Set<number>;
}

/** The medium: it outlives the processes that use it. */
export class SimMedium {
  readonly name: string;
  readonly prng: Prng;
  readonly #dataUnitBytes: number;
  readonly files = new Map<string, Content>();
  /** The next sync fails, and what it should have carried is gone from the books (I-18). */
  failNextSync = false;
  /** Nothing that takes new space can be written. */
  full = false;
  readonly #slowestMs: number;
  /** Some operations take so much longer, each by its own luck. */
  hiccupMs = 0;
  /** Told of every change of a data file when it is issued. */
  onDataChange: (kind: 'write' | 'punch', file: string, span: ByteSpan) => void = () => {};

  constructor(
    prng: Prng,
    options: {
      readonly name: string;
      readonly dataUnitBytes: number;
      readonly slowestMs: number;
    },
  ) {
    this.name = options.name;
    this.prng = prng;
    this.#dataUnitBytes = options.dataUnitBytes;
    this.#slowestMs = options.slowestMs;
  }

  latencyMs(): number {
    const draw = this.prng.fraction();
    const hiccup = this.hiccupMs > 0 && this.prng.chance(0.12) ? this.hiccupMs : 0;
    return 0.02 + draw * draw * this.#slowestMs + this.prng.fraction() * hiccup;
  }

  content(name: string): Content {
    const known = this.files.get(name);
    if (known !== undefined) return known;
    const made: Content = {
      unitBytes: name.startsWith('data-') ? this.#dataUnitBytes : sectorBytes,
      cache: new Uint8Array(0),
      medium: new Uint8Array(0),
      dirty: new Set(),
    };
    this.files.set(name, made);
    return made;
  }

  put(content: Content, offsetBytes: number, bytes: Uint8Array): void {
    const end = offsetBytes + bytes.length;
    if (content.cache.length < end) content.cache = grown(content.cache, end);
    content.cache.set(bytes, offsetBytes);
    const { unitBytes } = content;
    for (let unit = Math.floor(offsetBytes / unitBytes); unit * unitBytes < end; unit++) {
      content.dirty.add(unit);
    }
  }

  /** The write would take new space. */
  grows(content: Content, offsetBytes: number, lengthBytes: number): boolean {
    const { cache } = content;
    const end = offsetBytes + lengthBytes;
    return end > cache.length || cache.subarray(offsetBytes, end).every((byte) => byte === 0);
  }

  /** What of a write is in place when its process ends in the middle: any of its units. */
  putSome(content: Content, offsetBytes: number, bytes: Uint8Array): void {
    const { unitBytes } = content;
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(unitBytes - ((offsetBytes + at) % unitBytes), bytes.length - at);
      if (this.prng.chance(0.5)) this.put(content, offsetBytes + at, bytes.slice(at, at + length));
      at += length;
    }
  }

  snapshot(content: Content): readonly { readonly unit: number; readonly bytes: Uint8Array }[] {
    return [...content.dirty].map((unit) => ({
      unit,
      bytes: content.cache.slice(unit * content.unitBytes, (unit + 1) * content.unitBytes),
    }));
  }

  carry(
    content: Content,
    units: readonly { readonly unit: number; readonly bytes: Uint8Array }[],
  ): void {
    for (const { unit, bytes } of units) {
      const at = unit * content.unitBytes;
      if (content.medium.length < at + bytes.length) {
        content.medium = grown(content.medium, at + bytes.length);
      }
      content.medium.set(bytes, at);
      const now = content.cache.subarray(at, at + bytes.length);
      if (now.every((byte, index) => byte === bytes[index])) content.dirty.delete(unit);
    }
  }

  /** The cache is gone; of what was not synced some is there. Names come and go whole. */
  cutPower(): void {
    for (const content of this.files.values()) {
      const units = this.snapshot(content).filter(() => this.prng.chance(0.5));
      this.carry(content, units);
      content.cache = content.medium.slice();
      content.dirty.clear();
    }
  }

  /** One byte changes by itself, on the medium and in the cache. */
  rot(name: string, offsetBytes: number): void {
    const content = this.files.get(name);
    if (content === undefined || offsetBytes >= content.cache.length) return;
    const flipped = (content.cache[offsetBytes] ?? 0) ^ 0x40;
    content.cache[offsetBytes] = flipped;
    if (offsetBytes < content.medium.length) content.medium[offsetBytes] = flipped;
  }

  empty(): void {
    this.files.clear();
  }

  /** From now on it does what it should; what it did stays. */
  heal(): void {
    this.failNextSync = false;
    this.hiccupMs = 0;
    this.full = false;
  }
}

/** The medium as one process uses it. */
export class SimDisk implements Disk {
  readonly #medium: SimMedium;
  readonly #process: SimProcess;

  constructor(medium: SimMedium, process: SimProcess) {
    this.#medium = medium;
    this.#process = process;
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
      const file = this.#medium.content(name);
      file.cache = content.slice();
      file.medium = content.slice();
      file.dirty.clear();
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
    return new Promise((resolve) => {
      this.#process.deliver(this.#medium.latencyMs(), what, () => {
        resolve(run());
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
    if (this.#medium.full && this.#medium.grows(this.#content, offsetBytes, bytes.length)) {
      await this.#refuse(offsetBytes, bytes);
    }
    await this.#put('write', offsetBytes, bytes);
  }

  async punch(offsetBytes: number, lengthBytes: number): Promise<void> {
    const zeroes = new Uint8Array(lengthBytes);
    await this.#put('punch', offsetBytes, zeroes);
  }

  /** Of a write that finds no room any blocks may be there. */
  async #refuse(offsetBytes: number, bytes: Uint8Array): Promise<never> {
    await new Promise<void>((resolve) => {
      this.#later(`write ${this.#name} finds no room`, () => {
        this.#medium.putSome(this.#content, offsetBytes, bytes);
        resolve();
      });
    });
    throw new Fault('disk.full', `No room is left for ${this.#name}.`, { retriable: true });
  }

  async #put(kind: 'write' | 'punch', offsetBytes: number, bytes: Uint8Array): Promise<void> {
    const span = { offsetBytes, lengthBytes: bytes.length };
    if (this.#name.startsWith('data-')) this.#medium.onDataChange(kind, this.#name, span);
    let under = true;
    this.#process.onDeath(() => {
      if (under) this.#medium.putSome(this.#content, offsetBytes, bytes);
    });
    await new Promise<void>((resolve) => {
      this.#later(`${kind} ${this.#name} ${offsetBytes}+${bytes.length}`, () => {
        under = false;
        this.#medium.put(this.#content, offsetBytes, bytes);
        resolve();
      });
    });
  }

  async sync(): Promise<void> {
    const units = this.#medium.snapshot(this.#content);
    await new Promise<void>((resolve, reject) => {
      this.#later(`sync ${this.#name}`, () => {
        if (this.#medium.failNextSync) {
          this.#medium.failNextSync = false;
          for (const { unit } of units) this.#content.dirty.delete(unit);
          reject(new Fault('disk.failed', `The sync of ${this.#name} failed (EIO).`));
          return;
        }
        this.#medium.carry(this.#content, units);
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

function grown(bytes: Uint8Array, sizeBytes: number): Uint8Array {
  const next = new Uint8Array(sizeBytes);
  next.set(bytes);
  return next;
}
