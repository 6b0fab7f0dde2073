/**
 * One replica of one volume on one disk. Every operation is a generator of disk commands: it yields
 * what it wants done, `drive/` does it and resumes it, so each operation reads from top to bottom,
 * while this file touches no disk and knows no time (docs/decisions/0051).
 *
 * Promises: I-02 (a promise is durable before it is answered), I-11 (a region is durably dirty
 * before its first write, and stays so until every in-sync member has flushed it), I-13 (changes
 * are tracked for absent members), I-18 (after a failed write or sync nothing is done any more).
 *
 * Relies on the engine for one thing: operations that overlap never run at the same time (I-15).
 * A thrown `Fault` ends the store: the caller calls `fail` and answers every request with it.
 */
import { assert } from '../base/assert.ts';
import { Bitmap } from '../base/bitmap.ts';
import { isZero } from '../base/bytes.ts';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { ChecksumTable, pageBytes, type TablePage, tableFile } from './checksum-table.ts';
import { blocksOf, type ByteSpan, fits, type Geometry, regionSpan, regionsOf } from './geometry.ts';
import type { Identity } from './identity.ts';
import { dirtyBit, RegionMap, regionsFile, trackedBit } from './region-map.ts';
import { sealAbsent, sealOf, sealUnreadable, sealZero } from './seal.ts';
import {
  type Absence,
  encodeSuperblock,
  type Standing,
  type Superblock,
  superblockFile,
  superblockSlotBytes,
} from './superblock.ts';

export const dataFile = 'data';

export type StoreLock = 'regions' | 'table' | 'superblock' | 'flush';

export type StoreCommand =
  /** Resumed with the bytes. */
  | { readonly kind: 'read'; readonly file: string; readonly span: ByteSpan }
  | {
      readonly kind: 'write';
      readonly file: string;
      readonly offsetBytes: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'punch'; readonly file: string; readonly span: ByteSpan }
  | { readonly kind: 'sync'; readonly file: string }
  /** Resumed when nobody else holds it; first come, first served. */
  | { readonly kind: 'acquire'; readonly lock: StoreLock }
  | { readonly kind: 'release'; readonly lock: StoreLock };

export type StoreStep<T> = Generator<StoreCommand, T, Uint8Array | undefined>;

/** Mistakes that tests plant to prove that the simulator finds them; never set anywhere else. */
export interface StorePlants {
  readonly dataBeforeIntent?: boolean;
  readonly flushWithoutSync?: boolean;
  readonly cleanBeforeSync?: boolean;
  readonly promiseNotDurable?: boolean;
  readonly provenAfterCrash?: boolean;
  readonly sealOfAnyBlock?: boolean;
  readonly absenceNotKept?: boolean;
}

export type StoreReadOutcome =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  /** Block numbers that do not match their seals: never returned as data (I-21). */
  | { readonly kind: 'corrupt'; readonly blocks: readonly number[] };

/** Writes since the last promise carry sequences from 2 on; 1 stands for all that was before. */
const sequenceBeforeEpoch = 1;

export class Store {
  readonly identity: Identity;
  readonly #plants: StorePlants;
  readonly #regions: RegionMap;
  readonly #table: ChecksumTable;
  #superblock: Superblock;
  /** Nothing acknowledged was lost since this store was last confirmed in sync (I-10). */
  #proven: boolean;
  #failure: Fault | undefined;
  /** Sequence of the last write to each dirty region. */
  readonly #lastWrite = new Map<number, number>();
  /** Writes under way in each region. */
  readonly #writing = new Map<number, number>();
  /** Flushes begun; a flush that waited behind a later begun one has nothing left to do. */
  #flushTicket = 0;
  #flushDone = 0;
  /** All sequences up to this one were in the data file when the last finished sync began. */
  #cleanThrough = 0;

  constructor(
    opened: {
      readonly identity: Identity;
      readonly superblock: Superblock;
      readonly regions: RegionMap;
    },
    plants: StorePlants,
  ) {
    this.identity = opened.identity;
    this.#superblock = opened.superblock;
    this.#regions = opened.regions;
    this.#plants = plants;
    this.#table = new ChecksumTable(opened.identity.geometry.regionBlocks);
    this.#proven = opened.superblock.clean || plants.provenAfterCrash === true;
    for (const region of opened.regions.having(dirtyBit).members()) {
      this.#lastWrite.set(region, sequenceBeforeEpoch);
    }
  }

  get geometry(): Geometry {
    return this.identity.geometry;
  }

  get state(): Superblock {
    return this.#superblock;
  }

  get proven(): boolean {
    return this.#proven;
  }

  get failure(): Fault | undefined {
    return this.#failure;
  }

  get dirtyCount(): number {
    return this.#regions.dirtyCount;
  }

  /** True when enough regions may be cleaned to be worth the disk's while. */
  get cleanable(): boolean {
    for (const [region, sequence] of this.#lastWrite) {
      if (sequence <= this.#cleanThrough && !this.#writing.has(region)) return true;
    }
    return false;
  }

  /** I-18: the first failure stays; nothing is retried. */
  fail(fault: Fault): void {
    this.#failure ??= fault;
  }

  /**
   * The first thing after opening. A killed process, or a sync that failed, leaves files whose
   * content is in the page cache and not on the medium, and no later sync would carry it there:
   * what the store relies on is written again. After an unclean end that goes for the data of dirty
   * regions too, whose seals are computed again on the way.
   */
  *recover(): StoreStep<void> {
    yield* this.#updateSuperblock((now) => now);
    yield { kind: 'acquire', lock: 'regions' };
    yield* this.#saveRegions();
    yield { kind: 'release', lock: 'regions' };
    if (this.#superblock.clean && !this.#regions.damaged) return;
    for (const region of this.#regions.having(dirtyBit).members()) {
      yield* this.#recoverRegion(region);
      if (this.#table.unsavedCount > limits.tablePagesUnsavedMax) yield* this.#savePages();
    }
  }

  *#recoverRegion(region: number): StoreStep<void> {
    const { blockBytes, regionBlocks } = this.geometry;
    const found = yield* read(tableFile, this.#pageSpan(region));
    const seals = this.#table.decode(region, found, undefined);
    const span = regionSpan(this.geometry, region);
    const data = yield* read(dataFile, span);
    const blocks = span.lengthBytes / blockBytes;
    for (let index = 0; index < blocks; ) {
      const first = index;
      const empty = isZero(data.subarray(first * blockBytes, (first + 1) * blockBytes));
      for (; index < blocks; index++) {
        const block = data.subarray(index * blockBytes, (index + 1) * blockBytes);
        if (isZero(block) !== empty) break;
        if (seals[index] === sealUnreadable) continue;
        if (!empty) seals[index] = sealOf(block, region * regionBlocks + index);
        else if (seals[index] !== sealAbsent) seals[index] = sealZero;
      }
      const at = first * blockBytes;
      const offsetBytes = span.offsetBytes + at;
      const lengthBytes = index * blockBytes - at;
      if (empty) yield { kind: 'punch', file: dataFile, span: { offsetBytes, lengthBytes } };
      else {
        const bytes = data.subarray(at, at + lengthBytes);
        yield { kind: 'write', file: dataFile, offsetBytes, bytes };
      }
    }
    this.#table.install(region, seals).version += 1;
  }

  /** I-02. The caller has made sure that no operation of an older epoch is still under way. */
  *promise(epoch: number): StoreStep<void> {
    assert(epoch >= this.#superblock.promisedEpoch, 'I-02 a promise is never lowered');
    if (epoch === this.#superblock.promisedEpoch && !this.#superblock.clean) return;
    for (const region of this.#lastWrite.keys()) this.#lastWrite.set(region, sequenceBeforeEpoch);
    this.#cleanThrough = 0;
    if (this.#plants.promiseNotDurable === true) {
      this.#superblock = { ...this.#superblock, promisedEpoch: epoch, clean: false };
      return;
    }
    yield* this.#updateSuperblock((now) => ({ ...now, promisedEpoch: epoch, clean: false }));
  }

  /** I-14. In sync needs no order from here: the engine says so only after a flush. */
  *become(standing: Standing, proven: boolean): StoreStep<void> {
    this.#proven = proven;
    if (standing === this.#superblock.standing) return;
    yield* this.#updateSuperblock((now) => ({ ...now, standing }));
  }

  *write(
    offsetBytes: number,
    bytes: Uint8Array,
    options: { readonly sequence: number; readonly fua: boolean },
  ): StoreStep<void> {
    const span = { offsetBytes, lengthBytes: bytes.length };
    this.#begin(span);
    if (this.#plants.dataBeforeIntent === true) {
      yield { kind: 'write', file: dataFile, offsetBytes, bytes };
      yield* this.#mark(span);
    } else {
      yield* this.#mark(span);
      yield { kind: 'write', file: dataFile, offsetBytes, bytes };
    }
    const { blockBytes } = this.geometry;
    yield* this.#reseal(span, (block, index) =>
      sealOf(bytes.subarray(index * blockBytes, (index + 1) * blockBytes), block),
    );
    yield* this.#end(span, options);
  }

  /** Zeroes and trims: the same on disk as long as there are no lower layers. */
  *zero(
    span: ByteSpan,
    options: { readonly sequence: number; readonly fua: boolean },
  ): StoreStep<void> {
    this.#begin(span);
    yield* this.#mark(span);
    yield { kind: 'punch', file: dataFile, span };
    yield* this.#reseal(span, () => sealAbsent);
    yield* this.#end(span, options);
  }

  *read(span: ByteSpan): StoreStep<StoreReadOutcome> {
    assert(fits(this.geometry, span), 'a read is whole blocks inside the volume');
    const { blockBytes, regionBlocks } = this.geometry;
    const bytes = yield* read(dataFile, span);
    const blocks = blocksOf(this.geometry, span);
    const corrupt: number[] = [];
    let page: TablePage | undefined;
    for (let block = blocks.first; block < blocks.end; block++) {
      const region = Math.floor(block / regionBlocks);
      if (page?.region !== region) page = yield* this.#page(region);
      const seal = page.seals[block % regionBlocks] ?? sealUnreadable;
      const at = (block - blocks.first) * blockBytes;
      const found = bytes.subarray(at, at + blockBytes);
      if (seal === sealAbsent || seal === sealZero) found.fill(0);
      else if (seal === sealUnreadable || !this.#matches(seal, found, block)) corrupt.push(block);
    }
    return corrupt.length === 0 ? { kind: 'data', bytes } : { kind: 'corrupt', blocks: corrupt };
  }

  /** Everything whose operation ended before the call is durable when it ends. */
  *flush(): StoreStep<void> {
    if (this.#plants.flushWithoutSync === true) return;
    this.#flushTicket += 1;
    const ticket = this.#flushTicket;
    yield { kind: 'acquire', lock: 'flush' };
    if (this.#flushDone < ticket) {
      const covers = this.#flushTicket;
      yield { kind: 'sync', file: dataFile };
      this.#flushDone = covers;
    }
    yield { kind: 'release', lock: 'flush' };
  }

  /** The engine's word that every in-sync member has flushed all writes up to this sequence. */
  flushedEverywhere(sequence: number): void {
    if (sequence > this.#cleanThrough) this.#cleanThrough = sequence;
  }

  /** I-11: takes the dirty mark off regions that every in-sync member has flushed. */
  *clean(): StoreStep<void> {
    const quiet = (region: number) =>
      (this.#lastWrite.get(region) ?? 0) <= this.#cleanThrough && !this.#writing.has(region);
    const chosen = new Map<number, number | undefined>();
    for (const region of this.#lastWrite.keys()) {
      if (quiet(region)) chosen.set(region, this.#table.find(region)?.version);
    }
    if (this.#plants.cleanBeforeSync !== true) yield* this.#savePages();
    yield { kind: 'acquire', lock: 'regions' };
    for (const [region, version] of chosen) {
      // A page that changed since it was saved would leave a clean region with a stale page.
      if (!quiet(region) || this.#table.find(region)?.version !== version) continue;
      this.#regions.remove(region, dirtyBit);
      this.#lastWrite.delete(region);
    }
    yield* this.#saveRegions();
    yield { kind: 'release', lock: 'regions' };
  }

  /**
   * I-13. `whole`: nothing is known about what the member holds, so every region counts as changed.
   */
  *track(absence: Absence, whole: boolean): StoreStep<void> {
    if (this.#plants.absenceNotKept === true) return;
    yield { kind: 'acquire', lock: 'superblock' };
    const { absences } = this.#superblock;
    const known = absences.findIndex((other) => other?.member === absence.member);
    const slot = known === -1 ? absences.indexOf(undefined) : known;
    assert(slot !== -1, 'I-22 a volume has no more members than a region can track');
    if (absences[slot]?.generation !== absence.generation || whole) {
      const next = [...absences];
      next[slot] = absence;
      const bit = trackedBit(slot);
      // Bits of an older absence of the same member stay: copying more than need be is safe.
      if (known === -1) this.#dropBits(bit);
      const mark = whole ? undefined : this.#regions.having(dirtyBit);
      this.#superblock = { ...this.#superblock, absences: next };
      for (let region = 0; region < this.#regions.count; region++) {
        if (mark === undefined || mark.has(region)) this.#regions.add(region, bit);
      }
      yield { kind: 'acquire', lock: 'regions' };
      yield* this.#saveRegions();
      yield { kind: 'release', lock: 'regions' };
      yield* this.#writeSuperblock();
    }
    yield { kind: 'release', lock: 'superblock' };
  }

  /** The member is in sync again. */
  *untrack(member: string): StoreStep<void> {
    const slot = this.#superblock.absences.findIndex((other) => other?.member === member);
    if (slot === -1) return;
    yield* this.#updateSuperblock((now) => ({
      ...now,
      absences: now.absences.map((other) => (other?.member === member ? undefined : other)),
    }));
    this.#dropBits(trackedBit(slot));
  }

  /** Dirty regions, or those that changed since `absence`; undefined when that was not tracked. */
  changed(absence?: Absence): Bitmap | undefined {
    if (absence === undefined) return this.#regions.having(dirtyBit);
    const slot = this.#superblock.absences.findIndex(
      (other) => other?.member === absence.member && other.generation === absence.generation,
    );
    return slot === -1 ? undefined : this.#regions.having(trackedBit(slot));
  }

  /** Nothing else is under way and nothing comes after. */
  *close(): StoreStep<void> {
    yield* this.flush();
    yield* this.#savePages();
    yield { kind: 'acquire', lock: 'regions' };
    yield* this.#saveRegions();
    yield { kind: 'release', lock: 'regions' };
    const proven = this.#proven;
    yield* this.#updateSuperblock((now) => ({ ...now, clean: proven }));
  }

  #matches(seal: number, bytes: Uint8Array, block: number): boolean {
    if (this.#plants.sealOfAnyBlock === true) return true;
    return sealOf(bytes, block) === seal;
  }

  #dropBits(bits: number): void {
    for (let region = 0; region < this.#regions.count; region++) this.#regions.remove(region, bits);
  }

  #begin(span: ByteSpan): void {
    assert(fits(this.geometry, span), 'a write is whole blocks inside the volume');
    const { first, end } = regionsOf(this.geometry, span);
    for (let region = first; region < end; region++) {
      this.#writing.set(region, (this.#writing.get(region) ?? 0) + 1);
    }
  }

  *#end(
    span: ByteSpan,
    options: { readonly sequence: number; readonly fua: boolean },
  ): StoreStep<void> {
    const { first, end } = regionsOf(this.geometry, span);
    for (let region = first; region < end; region++) {
      const left = (this.#writing.get(region) ?? 0) - 1;
      if (left > 0) this.#writing.set(region, left);
      else this.#writing.delete(region);
      const last = this.#lastWrite.get(region) ?? 0;
      this.#lastWrite.set(region, Math.max(last, options.sequence));
    }
    if (options.fua) yield* this.flush();
    if (this.#table.unsavedCount > limits.tablePagesUnsavedMax) yield* this.#savePages();
  }

  /** I-11, I-13: intent before data. Many writes share one save when they come together. */
  *#mark(span: ByteSpan): StoreStep<void> {
    const { first, end } = regionsOf(this.geometry, span);
    const covered = () => {
      const bits = this.#intentBits();
      for (let region = first; region < end; region++) {
        if (!this.#regions.covers(region, bits)) return false;
      }
      return true;
    };
    if (covered()) return;
    yield { kind: 'acquire', lock: 'regions' };
    while (!covered()) {
      for (let region = first; region < end; region++) {
        this.#regions.add(region, this.#intentBits());
      }
      yield* this.#saveRegions();
    }
    yield { kind: 'release', lock: 'regions' };
  }

  #intentBits(): number {
    let bits = dirtyBit;
    this.#superblock.absences.forEach((absence, index) => {
      if (absence !== undefined) bits |= trackedBit(index);
    });
    return bits;
  }

  /** Under the lock `regions`. */
  *#saveRegions(): StoreStep<void> {
    const images = this.#regions.takeUnsaved();
    if (images.length === 0) return;
    for (const { offsetBytes, bytes } of images) {
      yield { kind: 'write', file: regionsFile, offsetBytes, bytes };
    }
    yield { kind: 'sync', file: regionsFile };
    for (const image of images) this.#regions.saved(image);
  }

  /** Data first: a seal on disk never speaks of bytes that are not there yet. */
  *#savePages(): StoreStep<void> {
    yield { kind: 'acquire', lock: 'table' };
    const images = this.#table.unsaved().map((page) => this.#table.image(page));
    if (images.length > 0) {
      yield* this.flush();
      for (const { offsetBytes, bytes } of images) {
        yield { kind: 'write', file: tableFile, offsetBytes, bytes };
      }
      yield { kind: 'sync', file: tableFile };
      for (const { page, version, crc } of images) {
        page.savedVersion = version;
        this.#regions.setTableCrc(page.region, crc);
      }
    }
    yield { kind: 'release', lock: 'table' };
  }

  *#reseal(span: ByteSpan, seal: (block: number, index: number) => number): StoreStep<void> {
    const blocks = blocksOf(this.geometry, span);
    const { regionBlocks } = this.geometry;
    let page: TablePage | undefined;
    for (let block = blocks.first; block < blocks.end; block++) {
      const region = Math.floor(block / regionBlocks);
      if (page?.region !== region) page = yield* this.#page(region);
      page.seals[block % regionBlocks] = seal(block, block - blocks.first);
      page.version += 1;
    }
  }

  *#page(region: number): StoreStep<TablePage> {
    const known = this.#table.find(region);
    if (known !== undefined) return known;
    const crc = this.#regions.tableCrc(region);
    if (crc === 0) {
      return this.#table.install(region, new Uint32Array(this.geometry.regionBlocks));
    }
    const bytes = yield* read(tableFile, this.#pageSpan(region));
    return this.#table.install(region, this.#table.decode(region, bytes, crc));
  }

  #pageSpan(region: number): ByteSpan {
    const lengthBytes = pageBytes(this.geometry.regionBlocks);
    return { offsetBytes: region * lengthBytes, lengthBytes };
  }

  *#updateSuperblock(change: (now: Superblock) => Superblock): StoreStep<void> {
    yield { kind: 'acquire', lock: 'superblock' };
    this.#superblock = change(this.#superblock);
    yield* this.#writeSuperblock();
    yield { kind: 'release', lock: 'superblock' };
  }

  /** Under the lock `superblock`. One slot is durable before the other is touched. */
  *#writeSuperblock(): StoreStep<void> {
    this.#superblock = { ...this.#superblock, counter: this.#superblock.counter + 1 };
    const bytes = encodeSuperblock(this.#superblock);
    for (const offsetBytes of [0, superblockSlotBytes]) {
      yield { kind: 'write', file: superblockFile, offsetBytes, bytes };
      yield { kind: 'sync', file: superblockFile };
    }
  }
}

function* read(file: string, span: ByteSpan): StoreStep<Uint8Array> {
  const bytes = yield { kind: 'read', file, span };
  assert(bytes !== undefined, 'a read is resumed with its bytes');
  return bytes;
}
