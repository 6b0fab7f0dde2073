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
import type { Bitmap } from '../base/bitmap.ts';
import type { Span } from '../base/bytes.ts';
import { crc32c, joinedCrc32c } from '../base/crc32c.ts';
import type { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { Absences } from './absences.ts';
import { ChecksumTable } from './checksum-table.ts';
import { holding, type StoreStep } from './command.ts';
import { differenceOf } from './difference.ts';
import { blocksOf, type ByteSpan, fits, type Geometry, regionsOf } from './geometry.ts';
import { HeadChanges } from './head-changes.ts';
import type { Identity } from './identity.ts';
import { Layer } from './layer.ts';
import { type LayerList, type LayerRecord, recordOf, snapshotsOf } from './layer-list.ts';
import { LayerStack } from './layer-stack.ts';
import { mendBlocks } from './mend.ts';
import { type BlockRun, holdings, readThrough } from './read-through.ts';
import { RegionActivity } from './region-activity.ts';
import { dirtyBit, type RegionMap } from './region-map.ts';
import { Room } from './room.ts';
import { crcOfZeroes, sealOfCrc } from './seal.ts';
import type { Absence, Standing, Superblock } from './superblock.ts';
import { SuperblockKeeper } from './superblock-keeper.ts';

/** Mistakes that tests plant to prove that the simulator finds them; never set anywhere else. */
export interface StorePlants {
  readonly dataBeforeIntent?: boolean;
  readonly flushWithoutSync?: boolean;
  readonly cleanBeforeSync?: boolean;
  readonly promiseNotDurable?: boolean;
  readonly provenAfterCrash?: boolean;
  readonly sealOfAnyBlock?: boolean;
  readonly absenceNotKept?: boolean;
  readonly cacheTrusted?: boolean;
}

export type StoreReadOutcome =
  /** `crc`: `crc32c(bytes)`, of the moment when they were found to match. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array; readonly crc: number }
  /** Block numbers that do not match their seals: never returned as data (I-21). */
  | { readonly kind: 'corrupt'; readonly blocks: readonly number[] };

/** Of a write: its place in the order of the epoch, and whether it is durable before the answer. */
export interface WriteOrder {
  readonly sequence: number;
  readonly fua: boolean;
}

/** Of data that is written, also. */
export interface DataOrder extends WriteOrder {
  /** `crc32c` of each block, where they were taken before. */
  readonly blockCrcs?: Uint32Array | undefined;
}

/** How far an absent member has been filled. */
export interface CopiedThrough {
  /** Of the member: it is at least so old. */
  readonly age: number;
  readonly beforeBytes: number;
  readonly sequence: number;
}

export class Store {
  readonly identity: Identity;
  readonly #plants: StorePlants;
  readonly #superblock: SuperblockKeeper;
  readonly #table: ChecksumTable;
  readonly #activity = new RegionActivity();
  readonly #stack: LayerStack;
  readonly #absences: Absences;
  readonly #changes: HeadChanges;
  readonly #room = new Room();
  /** Nothing acknowledged was lost since this store was last confirmed in sync (I-10). */
  #proven: boolean;
  #failure: Fault | undefined;

  constructor(
    opened: {
      readonly identity: Identity;
      readonly superblock: Superblock;
      readonly layers: LayerList;
      /** Of every layer. */
      readonly maps: ReadonlyMap<number, RegionMap>;
    },
    plants: StorePlants,
  ) {
    const { geometry } = opened.identity;
    this.identity = opened.identity;
    this.#superblock = new SuperblockKeeper(opened.superblock);
    this.#plants = plants;
    this.#table = new ChecksumTable(geometry.regionBlocks);
    const { layers: list, maps } = opened;
    const layers = list.layers.map((record) => {
      const map = maps.get(record.layer);
      assert(map !== undefined, `the map of layer ${record.layer} was read`);
      return new Layer(record, { geometry, table: this.#table, map });
    });
    const shared = { table: this.#table, activity: this.#activity };
    this.#stack = new LayerStack({ geometry, list, layers }, shared);
    this.#absences = new Absences(this.#superblock, this.#stack);
    const parts = { stack: this.#stack, absences: this.#absences };
    this.#changes = new HeadChanges(geometry, parts, plants.dataBeforeIntent === true);
    this.#proven = opened.superblock.clean || plants.provenAfterCrash === true;
    for (const region of this.#map.having(dirtyBit).members()) this.#activity.found(region);
  }

  /** As it is now: a volume may have grown since it was made. */
  get geometry(): Geometry {
    const { list } = this.#stack;
    return { ...this.identity.geometry, sizeBytes: recordOf(list, list.head).sizeBytes };
  }

  get state(): Superblock {
    return this.#superblock.state;
  }

  get proven(): boolean {
    return this.#proven;
  }

  get failure(): Fault | undefined {
    return this.#failure;
  }

  get dirtyCount(): number {
    return this.#map.dirtyCount;
  }

  /** True when enough regions may be cleaned to be worth the disk's while. */
  get cleanable(): boolean {
    return this.#activity.cleanable;
  }

  /** Counts writes of any kind since it was opened. */
  get changes(): number {
    return this.#activity.begun;
  }

  get layers(): LayerList {
    return this.#stack.list;
  }

  /** Oldest first. */
  get snapshots(): readonly LayerRecord[] {
    return snapshotsOf(this.#stack.list);
  }

  /** Counts snapshots made, given up and merged, reverts and resizes. */
  get revision(): number {
    return this.#stack.list.revision;
  }

  /** I-18: the first failure stays; nothing is retried. What may be tried again is none. */
  fail(fault: Fault): void {
    if (!fault.retriable) this.#failure ??= fault;
  }

  /** What the file system says: below a reserve, writes that need new space are refused. */
  foundRoom(freeBytes: number): void {
    this.#room.found(freeBytes);
  }

  get full(): boolean {
    return this.#room.full;
  }

  /**
   * The first thing after opening. A killed process, or a sync that failed, leaves files whose
   * content is in the page cache and not on the medium, and no later sync would carry it there:
   * what the store relies on is written again. After an unclean end that goes for the data of dirty
   * regions too, whose seals are computed again on the way.
   */
  *recover(): StoreStep<void> {
    if (this.#plants.cacheTrusted === true) this.#map.fileSaved();
    const { head } = this.#stack;
    yield* this.#superblock.update((now) => now);
    yield* holding('regions', () => head.saveMap());
    yield* this.#stack.mend();
    if (this.state.clean && !this.#map.damaged) return;
    for (const region of this.#map.having(dirtyBit).members()) {
      yield* head.recoverRegion(region);
      if (this.#table.unsavedCount > limits.tablePagesUnsavedMax) yield* head.savePages();
    }
  }

  /** I-02. The caller has made sure that no operation of an older epoch is still under way. */
  *promise(epoch: number, writer: string): StoreStep<void> {
    const { promisedEpoch, promisedTo, clean } = this.state;
    assert(epoch >= promisedEpoch, 'I-02 a promise is never lowered');
    const same = epoch === promisedEpoch;
    if (same && !clean && writer === promisedTo) return;
    if (same) this.#activity.resume();
    else this.#activity.restart();
    const promise = { promisedEpoch: epoch, promisedTo: writer, clean: false };
    yield* this.#opened((now) => ({ ...now, ...promise }));
  }

  /** I-14. In sync needs no order from here: the engine says so only after a flush. */
  *become(standing: Standing, proven: boolean): StoreStep<void> {
    this.#proven = proven;
    if (standing === this.state.standing) return;
    yield* this.#superblock.update((now) => ({ ...now, standing }));
  }

  /**
   * I-24. Everything that was flushed before is older than this from now on. Never goes down.
   *
   * @param peerAge every in-sync member is at least so old
   */
  *grow(age: number, peerAge: number): StoreStep<void> {
    yield* this.#opened((now) => ({
      ...now,
      age: Math.max(now.age, age),
      peerAge: Math.max(now.peerAge, peerAge),
    }));
  }

  /** What an opening makes of it. */
  *#opened(change: (now: Superblock) => Superblock): StoreStep<void> {
    if (this.#plants.promiseNotDurable === true) this.#superblock.pretend(change);
    else yield* this.#superblock.update(change);
  }

  /** Throws a retriable `disk.full` while there is no room: any of the blocks are written then. */
  *write(offsetBytes: number, bytes: Uint8Array, order: DataOrder): StoreStep<void> {
    const span = { offsetBytes, lengthBytes: bytes.length };
    yield* this.#refuseGrowth(span);
    yield* this.#altering(span, order, () => this.#changes.write(span, bytes, order.blockCrcs));
  }

  /** Zeroes and trims: both read as zeroes, and give their space back. */
  *zero(span: ByteSpan, order: WriteOrder): StoreStep<void> {
    yield* this.#altering(span, order, () => this.#changes.zero(span));
  }

  *read(span: ByteSpan): StoreStep<StoreReadOutcome> {
    assert(fits(this.geometry, span), 'a read is whole blocks inside the volume');
    return yield* this.#read(this.#stack.chain, span);
  }

  /** Undefined when there is no such snapshot. What lies beyond its end reads as zeroes. */
  *readSnapshot(name: string, span: ByteSpan): StoreStep<StoreReadOutcome | undefined> {
    const chain = this.#stack.chainOfSnapshot(name);
    return chain === undefined ? undefined : yield* this.#read(chain, span);
  }

  *#read(chain: readonly Layer[], span: ByteSpan): StoreStep<StoreReadOutcome> {
    const { blockBytes } = this.identity.geometry;
    const blocks = blocksOf(this.identity.geometry, span);
    const corrupt: number[] = [];
    const crcs = new Uint32Array(blocks.end - blocks.first).fill(crcOfZeroes(blockBytes));
    const matches = (seal: number, bytes: Uint8Array, block: number) => {
      const crc = crc32c(bytes);
      crcs[block - blocks.first] = crc;
      return sealOfCrc(crc, block, blockBytes) === seal || this.#plants.sealOfAnyBlock === true;
    };
    const turn = this.#stack.readers.enter();
    try {
      const bytes = yield* readThrough(chain, blocks, { matches, corrupt });
      if (corrupt.length === 0) return { kind: 'data', bytes, crc: joinedCrc32c(crcs, blockBytes) };
    } finally {
      this.#stack.readers.leave(turn);
    }
    return { kind: 'corrupt', blocks: corrupt.sort((a, b) => a - b) };
  }

  /** Nobody can read these blocks any more; here too they are corrupt until written again. */
  *spoil(span: ByteSpan, order: WriteOrder): StoreStep<void> {
    yield* this.#altering(span, order, () => this.#changes.spoil(span));
  }

  /** Runs of blocks that hold something, or read as zeroes without holding it. Reads no data. */
  *status(span: ByteSpan): StoreStep<readonly BlockRun[]> {
    assert(fits(this.geometry, span), 'a question is about whole blocks inside the volume');
    const turn = this.#stack.readers.enter();
    try {
      return yield* holdings(this.#stack.chain, blocksOf(this.identity.geometry, span));
    } finally {
      this.#stack.readers.leave(turn);
    }
  }

  /**
   * Where a snapshot may differ from an older one, or the volume from a snapshot. Throws
   * `input.invalid` when there is no such snapshot.
   *
   * @param views names of snapshots; `from` undefined: everything that holds something; `to`
   *   undefined: the volume as it is
   */
  *difference(
    views: { readonly from?: string; readonly to?: string },
    span: ByteSpan,
  ): StoreStep<readonly Span[]> {
    const { from, to } = views;
    const below = from === undefined ? [] : this.#stack.demandSnapshot(from);
    const above = to === undefined ? this.#stack.chain : this.#stack.demandSnapshot(to);
    const turn = this.#stack.readers.enter();
    try {
      return yield* differenceOf(below, above, blocksOf(this.identity.geometry, span));
    } finally {
      this.#stack.readers.leave(turn);
    }
  }

  /** Everything whose operation ended before the call is durable when it ends. */
  *flush(): StoreStep<void> {
    if (this.#plants.flushWithoutSync === true) return;
    const { head } = this.#stack;
    // A "zero" over something below is nowhere but in its page.
    if (this.#table.veiled) yield* head.savePages();
    yield* head.sync();
  }

  /** The engine's word that every in-sync member has flushed all writes up to this sequence. */
  flushedEverywhere(sequence: number): void {
    this.#activity.flushedEverywhere(sequence);
  }

  /** I-11: takes the dirty mark off regions that every in-sync member has flushed. */
  *clean(): StoreStep<void> {
    const { head } = this.#stack;
    const chosen = this.#activity.quiet();
    if (this.#plants.cleanBeforeSync !== true) yield* head.savePages();
    const mayClean = (region: number) => this.#activity.isQuiet(region);
    yield* holding('regions', () => this.#clean(head, chosen, mayClean));
  }

  *#clean(
    head: Layer,
    chosen: readonly number[],
    mayClean: (region: number) => boolean,
  ): StoreStep<void> {
    // A snapshot was made meanwhile: the next time.
    if (head !== this.#stack.head) return;
    for (const region of chosen) {
      // A page that changed since it was saved would leave a clean region with a stale page.
      const saved = this.#table.isSaved(head.number, region);
      if (!mayClean(region)) continue;
      if (!saved && this.#plants.cleanBeforeSync !== true) continue;
      head.map.remove(region, dirtyBit);
      this.#activity.cleaned(region);
    }
    yield* head.saveMap();
  }

  /** A store keeps track of as many as a volume has members besides itself. */
  canTrack(absence: Absence): boolean {
    return this.#absences.canTrack(absence);
  }

  /** I-13. `whole`: every region counts as changed. */
  *track(absence: Absence, whole: boolean): StoreStep<void> {
    if (this.#plants.absenceNotKept !== true) yield* this.#absences.track(absence, whole);
  }

  /** The member is in sync again. */
  *untrack(member: string): StoreStep<void> {
    yield* this.#absences.untrack(member);
  }

  /**
   * The absent member holds, durably, everything written up to a sequence in the regions before one
   * offset: a resync that is interrupted goes on from there (I-13). The member itself need not fear
   * for these regions any more.
   */
  *copied(absence: Absence, { age, beforeBytes, sequence }: CopiedThrough): StoreStep<void> {
    const { blockBytes, regionBlocks } = this.identity.geometry;
    const end = Math.min(Math.floor(beforeBytes / (blockBytes * regionBlocks)), this.#map.count);
    const mayClean = (region: number) => region < end && this.#activity.isSettled(region, sequence);
    if (absence.member !== this.identity.member) {
      yield* this.#absences.caughtUp(absence, age, mayClean);
      return;
    }
    const { head } = this.#stack;
    const chosen = [...this.#map.having(dirtyBit).members()].filter(mayClean);
    yield* head.savePages();
    yield* holding('regions', () => this.#clean(head, chosen, mayClean));
  }

  get dirty(): Bitmap {
    return this.#map.having(dirtyBit);
  }

  /**
   * Regions that changed since a member left; undefined when that was not tracked, or when it was
   * older then than it is now (I-24).
   */
  changedSince(absence: Absence, age: number): Bitmap | undefined {
    return this.#absences.changed(absence, age);
  }

  /** One cut of everything acknowledged; the caller lets no write run meanwhile. Repeatable. */
  *snapshot(name: string): StoreStep<void> {
    yield* this.#stack.snapshot(name);
  }

  /**
   * Blocks of a snapshot get the bytes that their seals were made of. Throws `input.invalid` when
   * there is no such snapshot.
   *
   * @returns blocks that these bytes do not match
   */
  *mend(snapshot: string, offsetBytes: number, bytes: Uint8Array): StoreStep<readonly number[]> {
    const span = { offsetBytes, lengthBytes: bytes.length };
    return yield* holding('layers', () =>
      mendBlocks(this.#stack.demandSnapshot(snapshot), span, bytes),
    );
  }

  /** Returns soon; the space comes back with `mergeStep`. Repeatable. */
  *deleteSnapshot(name: string): StoreStep<void> {
    yield* this.#stack.forget(name);
  }

  /** Shows the snapshot again. The caller lets nothing else run meanwhile. */
  *revert(name: string): StoreStep<void> {
    yield* this.#stack.revert(name, () => this.#absences.intentBits);
  }

  /** Larger, by whole blocks; what is new reads as zeroes. Repeatable. */
  *resize(sizeBytes: number): StoreStep<void> {
    yield* this.#stack.resize(sizeBytes);
  }

  /** A piece of the work that deleted snapshots leave behind. False: there is none. */
  *mergeStep(): StoreStep<boolean> {
    return yield* this.#stack.mergeStep();
  }

  /** Nothing else is under way and nothing comes after. */
  *close(): StoreStep<void> {
    const { head } = this.#stack;
    yield* this.flush();
    yield* head.savePages();
    yield* holding('regions', () => head.saveMap());
    const proven = this.#proven;
    yield* this.#superblock.update((now) => ({ ...now, clean: proven }));
  }

  get #map(): RegionMap {
    return this.#stack.head.map;
  }

  /** A write of any kind, from its turn to its end. */
  *#altering(span: ByteSpan, order: WriteOrder, step: () => StoreStep<void>): StoreStep<void> {
    assert(fits(this.geometry, span), 'a write is whole blocks inside the volume');
    const regions = regionsOf(this.identity.geometry, span);
    while (this.#stack.isMerging(regions)) {
      yield { kind: 'until', ready: () => !this.#stack.isMerging(regions) };
    }
    this.#activity.begin(regions);
    try {
      yield* step();
    } finally {
      this.#activity.end(regions, order.sequence);
    }
    if (order.fua) yield* this.flush();
    if (this.#table.unsavedCount > limits.tablePagesUnsavedMax) yield* this.#stack.head.savePages();
  }

  /** The last of the room is for the store itself. What has its place already may be written. */
  *#refuseGrowth(span: ByteSpan): StoreStep<void> {
    if (!this.#room.full) return;
    if (yield* this.#changes.takesSpace(span)) throw this.#room.refusal();
  }
}
