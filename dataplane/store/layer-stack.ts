/**
 * The layers of a store: how a block is found through them, and everything that changes how they
 * lie upon each other. Each change is one replacement of the file `layers`; what it needs is
 * durable before, what it no longer needs is removed after.
 *
 * Promises: a snapshot is one cut (nothing is being written when it is made); to take a snapshot
 * away needs room for one region at a time and may be interrupted anywhere.
 */
import { assert } from '../base/assert.ts';
import type { Span } from '../base/bytes.ts';
import { Fault } from '../base/fault.ts';
import type { ChecksumTable } from './checksum-table.ts';
import { holding, type StoreStep } from './command.ts';
import type { Geometry } from './geometry.ts';
import { between } from './difference.ts';
import { Layer } from './layer.ts';
import {
  chainOf,
  encodeLayerList,
  filesOf,
  forgotten,
  frozen,
  type LayerList,
  layersFile,
  type Merge,
  merged,
  mergeOf,
  recordOf,
  resized,
  reverted,
  snapshotLayer,
} from './layer-list.ts';
import { mergeRegion } from './merge.ts';
import { Readers } from './readers.ts';
import type { RegionActivity } from './region-activity.ts';
import type { RegionMap } from './region-map.ts';

interface OpenMerge {
  readonly plan: Merge;
  readonly from: Layer;
  readonly into: Layer;
  /** Regions still to be looked at, the next one last. */
  readonly regions: number[];
}

export class LayerStack {
  readonly readers = new Readers();
  readonly #table: ChecksumTable;
  readonly #activity: RegionActivity;
  readonly #geometry: Geometry;
  readonly #layers = new Map<number, Layer>();
  #list: LayerList;
  #chain: readonly Layer[] = [];
  #merge: OpenMerge | undefined;
  /** Of the head; writes to it wait. */
  #mergingRegion: number | undefined;

  /** @param layers every listed one, with its map */
  constructor(
    opened: {
      readonly geometry: Geometry;
      readonly list: LayerList;
      readonly layers: readonly Layer[];
    },
    shared: { readonly table: ChecksumTable; readonly activity: RegionActivity },
  ) {
    this.#geometry = opened.geometry;
    this.#list = opened.list;
    this.#table = shared.table;
    this.#activity = shared.activity;
    for (const layer of opened.layers) this.#layers.set(layer.number, layer);
    this.#chain = this.#chainOf(opened.list.head);
  }

  get list(): LayerList {
    return this.#list;
  }

  get head(): Layer {
    return this.#layer(this.#list.head);
  }

  /** The head and what shows through it. */
  get chain(): readonly Layer[] {
    return this.#chain;
  }

  /** Undefined when there is no such snapshot. */
  chainOfSnapshot(snapshot: string): readonly Layer[] | undefined {
    const record = snapshotLayer(this.#list, snapshot);
    return record === undefined ? undefined : this.#chainOf(record.layer);
  }

  /** As `chainOfSnapshot`. Throws `input.invalid`. */
  demandSnapshot(snapshot: string): readonly Layer[] {
    const chain = this.chainOfSnapshot(snapshot);
    if (chain === undefined) throw noSnapshot(snapshot);
    return chain;
  }

  /** True while a merge works on the region of the head. */
  isMerging(regions: Span): boolean {
    const region = this.#mergingRegion;
    return region !== undefined && regions.first <= region && region < regions.end;
  }

  /** After opening: merges that were interrupted in frozen layers. */
  *mend(): StoreStep<void> {
    for (const layer of this.#layers.values()) {
      if (layer.number === this.#list.head) continue;
      yield* layer.mend();
      layer.freeze();
    }
  }

  /**
   * The head, as it is now, becomes the snapshot. Nothing is being written, and everything is
   * durable when it ends. A snapshot of that name that exists already is left as it is.
   */
  *snapshot(snapshot: string): StoreStep<void> {
    assert(snapshot !== '', 'a snapshot has a name');
    yield* holding('layers', () => this.#snapshot(snapshot));
  }

  *#snapshot(snapshot: string): StoreStep<void> {
    if (snapshotLayer(this.#list, snapshot) !== undefined) return;
    assert(this.#activity.idle, 'I-15 a snapshot overlaps every write');
    const list = frozen(this.#list, snapshot);
    const { head } = this;
    yield* head.sync();
    yield* head.savePages();
    yield* holding('superblock', () => holding('regions', () => this.#cut(list, head)));
  }

  /** Under the locks of everything that changes the map of the head. */
  *#cut(list: LayerList, old: Layer): StoreStep<void> {
    yield* old.saveMap();
    const next = yield* this.#newHead(list, old.map.successor(old.map.count));
    yield* this.#put(list);
    this.#lay(next, old);
    yield* old.unmark();
    old.freeze();
  }

  /** The snapshot need not be kept; the layer is merged away later. */
  *forget(snapshot: string): StoreStep<void> {
    yield* holding('layers', () => this.#forget(snapshot));
  }

  *#forget(snapshot: string): StoreStep<void> {
    if (snapshotLayer(this.#list, snapshot) === undefined) return;
    const before = this.#list;
    yield* this.#put(forgotten(this.#list, snapshot));
    yield* this.#clearAway(before);
  }

  /**
   * The volume shows the snapshot again; what was written since is given up unless another snapshot
   * holds it. Nothing is being written.
   *
   * @param bits the flags of a region that changes: dirty, and changed for absent members
   */
  *revert(snapshot: string, bits: () => number): StoreStep<void> {
    yield* holding('layers', () =>
      holding('superblock', () => holding('regions', () => this.#revert(snapshot, bits()))),
    );
  }

  *#revert(snapshot: string, bits: number): StoreStep<void> {
    const target = snapshotLayer(this.#list, snapshot);
    if (target === undefined) throw noSnapshot(snapshot);
    assert(this.#activity.idle, 'I-15 a revert overlaps every write');
    const before = this.#list;
    const { head: old } = this;
    const map = old.map.successor(old.map.count);
    for (const layer of between(this.#chain, this.#chainOf(target.layer))) {
      for (const region of layer.pages().members()) {
        if (region >= map.count) continue;
        map.add(region, bits);
        this.#activity.found(region);
      }
    }
    const list = reverted(before, target);
    const next = yield* this.#newHead(list, map);
    yield* this.#put(list);
    this.#lay(next, old);
    yield* this.#clearAway(before);
  }

  /** Larger only. What is new reads as zeroes. */
  *resize(sizeBytes: number): StoreStep<void> {
    yield* holding('layers', () => holding('regions', () => this.#resize(sizeBytes)));
  }

  *#resize(sizeBytes: number): StoreStep<void> {
    const { head } = this;
    const before = recordOf(this.#list, head.number).sizeBytes;
    if (sizeBytes === before) return;
    if (sizeBytes < before || sizeBytes % this.#geometry.blockBytes !== 0) {
      throw new Fault(
        'input.invalid',
        `A volume of ${before} bytes cannot get ${sizeBytes}: it grows, by whole blocks.`,
        { hint: 'Make a new volume of the wanted size and copy the files.' },
      );
    }
    head.grow(sizeBytes);
    yield* head.saveMap();
    yield* this.#put(resized(this.#list, sizeBytes));
  }

  /**
   * One region of the merge that is due, if any. False: nothing is left to do. May be called while
   * reads and writes go on.
   */
  *mergeStep(): StoreStep<boolean> {
    return yield* holding('layers', () => this.#mergeStep());
  }

  *#mergeStep(): StoreStep<boolean> {
    this.#merge ??= yield* this.#beginMerge();
    const merge = this.#merge;
    if (merge === undefined) return false;
    const region = merge.regions.at(-1);
    if (region === undefined) {
      yield* this.#endMerge(merge);
      return true;
    }
    const { from, into } = merge;
    if (into === this.head) {
      yield* this.#mergeIntoHead(from, region);
    } else {
      yield* mergeRegion(from, into, region, false);
    }
    // Reads that found a block below may still be on their way to it.
    yield { kind: 'until', ready: this.readers.allOut() };
    const { regionBlocks, blockBytes } = this.#geometry;
    const lengthBytes = regionBlocks * blockBytes;
    const span = { offsetBytes: region * lengthBytes, lengthBytes };
    yield { kind: 'punch', file: from.files.data, span };
    // Only now: a step that failed is done again.
    merge.regions.pop();
    return true;
  }

  /** Writes to the region wait until it is done, and it is not cleaned meanwhile. */
  *#mergeIntoHead(from: Layer, region: number): StoreStep<void> {
    const regions = { first: region, end: region + 1 };
    this.#mergingRegion = region;
    try {
      yield { kind: 'until', ready: () => !this.#activity.isWriting(region) };
      this.#activity.begin(regions);
      try {
        yield* mergeRegion(from, this.head, region, true);
      } finally {
        this.#activity.end(regions, 0);
        if (this.head.map.isDirty(region)) this.#activity.found(region);
      }
    } finally {
      this.#mergingRegion = undefined;
    }
  }

  *#beginMerge(): StoreStep<OpenMerge | undefined> {
    const plan = mergeOf(this.#list);
    if (plan === undefined) return undefined;
    const from = this.#layer(plan.from.layer);
    const into = this.#layer(plan.into.layer);
    if (into !== this.head) yield* into.thaw();
    return { plan, from, into, regions: [...from.pages().members()].reverse() };
  }

  *#endMerge({ plan, into }: OpenMerge): StoreStep<void> {
    const before = this.#list;
    this.#merge = undefined;
    if (into !== this.head) into.freeze();
    yield* this.#put(merged(before, plan));
    this.#chain = this.#chainOf(this.#list.head);
    yield { kind: 'until', ready: this.readers.allOut() };
    yield* this.#clearAway(before);
  }

  /** Durably there, and not used by anybody before the list says so. */
  *#newHead(list: LayerList, map: RegionMap): StoreStep<Layer> {
    const record = recordOf(list, list.head);
    const next = new Layer(record, { geometry: this.#geometry, table: this.#table, map });
    yield { kind: 'replace', file: next.files.data, bytes: new Uint8Array(0) };
    yield { kind: 'replace', file: next.files.table, bytes: new Uint8Array(0) };
    yield { kind: 'replace', file: next.files.regions, bytes: map.file() };
    map.fileSaved();
    return next;
  }

  #lay(head: Layer, old: Layer): void {
    this.#layers.set(head.number, head);
    this.#chain = this.#chainOf(this.#list.head);
    // It begins again: layers have come and gone.
    if (this.#merge?.into !== old) this.#merge?.into.freeze();
    this.#merge = undefined;
  }

  *#put(list: LayerList): StoreStep<void> {
    yield { kind: 'replace', file: layersFile, bytes: encodeLayerList(list) };
    this.#list = list;
  }

  /** Removes the files of layers that are not listed any more. */
  *#clearAway(before: LayerList): StoreStep<void> {
    for (const { layer } of before.layers) {
      if (this.#list.layers.some((record) => record.layer === layer)) continue;
      this.#layers.delete(layer);
      this.#table.forget(layer);
      for (const file of Object.values(filesOf(layer))) yield { kind: 'remove', file };
    }
  }

  #chainOf(layer: number): readonly Layer[] {
    return chainOf(this.#list, layer).map((record) => this.#layer(record.layer));
  }

  #layer(number: number): Layer {
    const layer = this.#layers.get(number);
    assert(layer !== undefined, `layer ${number} is open`);
    return layer;
  }
}

function noSnapshot(snapshot: string): Fault {
  return new Fault('input.invalid', `The store has no snapshot ${snapshot}.`, {
    hint: 'Ask which snapshots there are.',
  });
}
