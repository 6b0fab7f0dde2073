/**
 * One store without its volume: no record, no engine, no epoch. For the day everything else is
 * gone, and for checking a copy.
 *
 * Promises: nothing below is written (everything goes through an overlay); bytes that do not match
 * their checksum are never handed out. What it cannot know: whether this copy is the newest one.
 */
import { assert } from '../base/assert.ts';
import { isZero } from '../base/bytes.ts';
import { Fault } from '../base/fault.ts';
import type { Disk } from '../ports/disk.ts';
import { type ByteSpan, type Geometry, regionCount, regionSpan } from '../store/geometry.ts';
import { decodeIdentity, type Identity, identityFile } from '../store/identity.ts';
import {
  decodeLayerList,
  filesOf,
  type LayerRecord,
  layersFile,
  recordOf,
  snapshotsOf,
} from '../store/layer-list.ts';
import { RegionMap } from '../store/region-map.ts';
import type { StoreReadOutcome } from '../store/store.ts';
import { decodeSuperblock, type Superblock, superblockFile } from '../store/superblock.ts';
import { type HostedStore, openStore } from './hosted-store.ts';
import { OverlayDisk } from './overlay-disk.ts';

/** What the files say before anything is recovered. */
export interface StoreFacts {
  readonly identity: Identity;
  readonly superblock: Superblock;
  /** As it is now; the identity knows the size at creation. */
  readonly geometry: Geometry;
  /** Oldest first. */
  readonly snapshots: readonly LayerRecord[];
  readonly regions: number;
  readonly dirtyRegions: number;
  /** Part of the region map does not match its checksum: all of it counts as dirty. */
  readonly regionMapDamaged: boolean;
}

export interface Piece {
  readonly span: ByteSpan;
  /** Corrupt blocks are zeroes here. */
  readonly bytes: Uint8Array;
  /** Numbers of blocks that match no checksum or cannot be read, lowest first. */
  readonly corrupt: readonly number[];
  /**
   * False: the store was not closed in order and was writing here, so the checksums were computed
   * anew from the data; what is wrong in this region cannot be told from a write.
   */
  readonly provable: boolean;
}

export interface Verification {
  readonly blocks: number;
  readonly data: number;
  readonly zero: number;
  readonly unprovable: number;
  readonly corrupt: number;
  /** First blocks and counts of runs of corrupt blocks, as many as are worth telling. */
  readonly corruptRuns: readonly BlockRun[];
}

export interface BlockRun {
  readonly first: number;
  count: number;
}

const runsKept = 1000;

export class OfflineStore {
  readonly facts: StoreFacts;
  /** Of what is shown: the volume, or a snapshot of it. */
  readonly geometry: Geometry;
  readonly #hosted: HostedStore;
  /** Undefined: the volume as it is. */
  readonly #snapshot: LayerRecord | undefined;
  /** Regions whose checksums prove nothing. */
  readonly #unprovable: (region: number) => boolean;

  private constructor(facts: StoreFacts, hosted: HostedStore, snapshot: LayerRecord | undefined) {
    this.facts = facts;
    const { sizeBytes } = snapshot ?? facts.geometry;
    this.geometry = { ...facts.geometry, sizeBytes };
    this.#hosted = hosted;
    this.#snapshot = snapshot;
    const recomputed = !facts.superblock.clean || facts.regionMapDamaged;
    const { dirty } = hosted.store;
    // What a snapshot shows is frozen: its checksums were saved before it was made.
    this.#unprovable = (region) => recomputed && snapshot === undefined && dirty.has(region);
  }

  /**
   * Rejects with `store.missing`, `store.damaged`, `store.newer-format`, `disk.failed`, and
   * `disk.full` when its recovery does not fit into memory, `input.invalid` when there is no such
   * snapshot.
   */
  static async open(disk: Disk, snapshot?: string): Promise<OfflineStore> {
    const facts = await storeFacts(disk);
    const shown = snapshot === undefined ? undefined : snapshotOf(facts, snapshot);
    return new OfflineStore(facts, await openStore(new OverlayDisk(disk), facts.identity), shown);
  }

  async read(span: ByteSpan): Promise<StoreReadOutcome> {
    const { store, runner } = this.#hosted;
    if (this.#snapshot === undefined) return runner.run(store.read(span));
    const outcome = await runner.run(store.readSnapshot(this.#snapshot.snapshot, span));
    assert(outcome !== undefined, 'nobody takes a snapshot away from a store that is only read');
    return outcome;
  }

  /** The whole volume in order, a region at a time, the next one read ahead. */
  async *pieces(): AsyncGenerator<Piece> {
    const { geometry } = this;
    const count = regionCount(geometry);
    let next = count > 0 ? this.#piece(0) : undefined;
    for (let region = 0; next !== undefined; region++) {
      const piece = await next;
      next = region + 1 < count ? this.#piece(region + 1) : undefined;
      // A rejection that nobody waits for yet is met with the next turn.
      next?.catch(() => {});
      yield piece;
    }
  }

  /** Compares every block with its checksum. `at` is told how many bytes are done. */
  async verify(at: (doneBytes: number) => void): Promise<Verification> {
    const { blockBytes } = this.geometry;
    const tally = { blocks: 0, data: 0, zero: 0, unprovable: 0, corrupt: 0 };
    const corruptRuns: BlockRun[] = [];
    for await (const { span, bytes, corrupt, provable } of this.pieces()) {
      const blocks = span.lengthBytes / blockBytes;
      let zero = -corrupt.length;
      for (let index = 0; index < blocks; index++) {
        if (isZero(bytes.subarray(index * blockBytes, (index + 1) * blockBytes))) zero += 1;
      }
      for (const block of corrupt) noteRun(corruptRuns, block);
      tally.blocks += blocks;
      tally.corrupt += corrupt.length;
      tally.zero += zero;
      tally.data += blocks - zero - corrupt.length;
      if (!provable) tally.unprovable += blocks;
      at(span.offsetBytes + span.lengthBytes);
    }
    return { ...tally, corruptRuns };
  }

  async close(): Promise<void> {
    await this.#hosted.runner.close();
  }

  async #piece(region: number): Promise<Piece> {
    const span = regionSpan(this.geometry, region);
    const bytes = new Uint8Array(span.lengthBytes);
    const corrupt: number[] = [];
    await this.#salvage(span, (part, outcome) => {
      if (outcome.kind === 'data') bytes.set(outcome.bytes, part.offsetBytes - span.offsetBytes);
      else corrupt.push(...outcome.blocks);
    });
    return { span, bytes, corrupt, provable: !this.#unprovable(region) };
  }

  /** Halves what cannot be read as a whole, down to the blocks that cannot be read at all. */
  async #salvage(
    span: ByteSpan,
    tell: (part: ByteSpan, outcome: StoreReadOutcome) => void,
  ): Promise<void> {
    const { blockBytes } = this.geometry;
    const { offsetBytes, lengthBytes } = span;
    const outcome = await this.#tryRead(span);
    if (outcome.kind === 'data' || lengthBytes === blockBytes) {
      tell(span, outcome);
      return;
    }
    const half = Math.ceil(lengthBytes / blockBytes / 2) * blockBytes;
    await this.#salvage({ offsetBytes, lengthBytes: half }, tell);
    await this.#salvage({ offsetBytes: offsetBytes + half, lengthBytes: lengthBytes - half }, tell);
  }

  /** A disk that cannot read is like a block that does not match. */
  async #tryRead(span: ByteSpan): Promise<StoreReadOutcome> {
    try {
      return await this.read(span);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return {
        kind: 'corrupt',
        blocks: [span.offsetBytes / this.geometry.blockBytes],
      };
    }
  }
}

/** Reads what a store says about itself. Nothing is opened for writing. */
export async function storeFacts(disk: Disk): Promise<StoreFacts> {
  const names = await disk.list();
  if (!names.includes(identityFile)) {
    throw new Fault('store.missing', 'The directory holds no store: it has no identity file.', {
      hint: `Name the directory of one replica, with files like ${identityFile}, ${layersFile} and ${superblockFile}.`,
    });
  }
  const identity = decodeIdentity(await disk.readAll(identityFile));
  const superblock = decodeSuperblock(await disk.readAll(superblockFile));
  const layers = decodeLayerList(await disk.readAll(layersFile));
  const { sizeBytes } = recordOf(layers, layers.head);
  const geometry = { ...identity.geometry, sizeBytes };
  const regions = regionCount(geometry);
  const map = RegionMap.load(regions, await disk.readAll(filesOf(layers.head).regions));
  const { dirtyCount: dirtyRegions, damaged: regionMapDamaged } = map;
  const snapshots = snapshotsOf(layers);
  return { identity, superblock, geometry, snapshots, regions, dirtyRegions, regionMapDamaged };
}

function snapshotOf({ snapshots }: StoreFacts, name: string): LayerRecord {
  const found = snapshots.find(({ snapshot }) => snapshot === name);
  if (found !== undefined) return found;
  const there = snapshots.map(({ snapshot }) => snapshot).join(', ') || 'none';
  throw new Fault('input.invalid', `The store has no snapshot "${name}"; there are: ${there}.`, {
    hint: 'larder-nbd inspect lists them.',
  });
}

function noteRun(runs: BlockRun[], block: number): void {
  const last = runs.at(-1);
  if (last !== undefined && last.first + last.count === block) last.count += 1;
  else if (runs.length < runsKept) runs.push({ first: block, count: 1 });
}
