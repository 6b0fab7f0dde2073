/**
 * The twin of a disk's medium with the page cache over it: it outlives the processes that use it.
 * When the power fails, any subset of what was not synced is on the medium, in units the disk
 * writes whole: a block of a data file, a 512-byte sector of the others (docs/decisions/0052). What
 * a bad disk does besides is switched on from outside (strikes.ts).
 */
import type { Prng } from '../../dataplane/base/prng.ts';

const sectorBytes = 512;

export interface Content {
  readonly unitBytes: number;
  cache: Uint8Array;
  medium: Uint8Array;
  readonly dirty: Set<number>;
  /** Units that take space; a full disk takes no others. */
  readonly allocated: Set<number>;
}

interface Unit {
  readonly unit: number;
  readonly bytes: Uint8Array;
}

/** Everything on a disk at one moment, as it would be found after a loss of power. */
export type Snapshot = ReadonlyMap<string, Uint8Array>;

export class SimMedium {
  readonly name: string;
  readonly prng: Prng;
  readonly #dataUnitBytes: number;
  readonly files = new Map<string, Content>();
  /** The next sync fails, and what it should have carried is gone from the books (I-18). */
  failNextSync = false;
  readonly #slowestMs: number;
  /** Some operations take so much longer, each by its own luck. */
  hiccupMs = 0;
  /** No unit that takes no space yet can be written. */
  full = false;
  /** The next write to a data file lands on other blocks, drawn by this number. */
  misdirectNext: number | undefined;
  /** The next sync of a data file or table leaves one unit out, and says that all is well. */
  loseNext = false;
  /** What was in the slot before somebody put another disk there. */
  #aside: Snapshot | undefined;
  /** Told of every change of a data file when it is issued. */
  onDataChange: (
    kind: 'write' | 'punch',
    file: string,
    offsetBytes: number,
    bytes: Uint8Array,
  ) => void = () => {};

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
      allocated: new Set(),
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
      content.allocated.add(unit);
    }
  }

  /** Reads as zeroes from now on, and takes no space where whole units are covered. */
  punch(content: Content, offsetBytes: number, lengthBytes: number): void {
    this.put(content, offsetBytes, new Uint8Array(lengthBytes));
    const { unitBytes } = content;
    const end = Math.floor((offsetBytes + lengthBytes) / unitBytes);
    for (let unit = Math.ceil(offsetBytes / unitBytes); unit < end; unit++) {
      content.allocated.delete(unit);
    }
  }

  /** False: it would take space that is not there. */
  hasRoomFor(content: Content, offsetBytes: number, lengthBytes: number): boolean {
    if (!this.full) return true;
    const { unitBytes, allocated } = content;
    const end = Math.ceil((offsetBytes + lengthBytes) / unitBytes);
    for (let unit = Math.floor(offsetBytes / unitBytes); unit < end; unit++) {
      if (!allocated.has(unit)) return false;
    }
    return true;
  }

  /** Where a write lands. */
  placeOf(name: string, offsetBytes: number, lengthBytes: number): number {
    const content = this.content(name);
    const draw = this.misdirectNext;
    if (draw === undefined || !name.startsWith('data-')) return offsetBytes;
    this.misdirectNext = undefined;
    const places = Math.floor((content.cache.length - lengthBytes) / content.unitBytes) + 1;
    return places < 1 ? offsetBytes : (draw % places) * content.unitBytes;
  }

  /** Puts a whole file in place, durably. */
  replace(name: string, bytes: Uint8Array): void {
    const content = this.content(name);
    content.cache = bytes.slice();
    content.medium = bytes.slice();
    content.dirty.clear();
    const units = Math.ceil(bytes.length / content.unitBytes);
    for (let unit = 0; unit < units; unit++) content.allocated.add(unit);
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

  unsynced(content: Content): readonly Unit[] {
    return [...content.dirty].map((unit) => ({
      unit,
      bytes: content.cache.slice(unit * content.unitBytes, (unit + 1) * content.unitBytes),
    }));
  }

  /** Carries units to the medium, all but one when the disk is about to lose a write. */
  sync(name: string, content: Content, units: readonly Unit[]): void {
    const loses = this.loseNext && units.length > 0 && /^(data|table)-/.test(name);
    const lost = loses ? this.prng.between(0, units.length - 1) : -1;
    if (loses) this.loseNext = false;
    for (const [index, { unit }] of units.entries()) if (index === lost) content.dirty.delete(unit);
    this.#carry(
      content,
      units.filter((_, index) => index !== lost),
    );
  }

  #carry(content: Content, units: readonly Unit[]): void {
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
      const units = this.unsynced(content).filter(() => this.prng.chance(0.5));
      this.#carry(content, units);
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

  /** A new disk is put in, for good. */
  empty(): void {
    this.files.clear();
    this.#aside = undefined;
  }

  /** What is on the medium now. */
  snapshot(): Snapshot {
    return new Map([...this.files].map(([name, { medium }]) => [name, medium.slice()]));
  }

  /** Everything is as it was then. */
  restore(snapshot: Snapshot): void {
    this.files.clear();
    for (const [name, bytes] of snapshot) this.replace(name, bytes);
  }

  /** An older state of the disk is put in, for good. */
  putImage(image: Snapshot): void {
    this.restore(image);
    this.#aside = undefined;
  }

  /** What is on the disk that belongs here, wherever it is now. */
  get own(): Snapshot {
    return this.#aside ?? this.snapshot();
  }

  /** Another disk is put into the slot; `putBack` ends it. */
  exchange(other: Snapshot): void {
    this.#aside = this.own;
    this.restore(other);
  }

  putBack(): void {
    if (this.#aside !== undefined) this.restore(this.#aside);
    this.#aside = undefined;
  }

  /** From now on it does what it should; what it did stays. */
  heal(): void {
    this.failNextSync = false;
    this.hiccupMs = 0;
    this.full = false;
    this.misdirectNext = undefined;
    this.loseNext = false;
    this.putBack();
  }
}

function grown(bytes: Uint8Array, sizeBytes: number): Uint8Array {
  const next = new Uint8Array(sizeBytes);
  next.set(bytes);
  return next;
}
