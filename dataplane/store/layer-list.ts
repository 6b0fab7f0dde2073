/**
 * Which layers a store has and how they lie upon each other. One file, replaced whole: to replace
 * it is what makes a snapshot, a revert, a resize, a merge happen, at once or not at all.
 *
 * A layer that holds nothing for a block lets the one below show through. The head takes the
 * writes; every other layer is frozen. A snapshot is the view from a frozen layer down. Layers form
 * a tree: after a revert the new head and later snapshots share what is below.
 */
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { decodeSealedJson, encodeSealedJson } from './sealed-json.ts';

export const layersFile = 'layers';

export interface LayerRecord {
  /** From 1, never used twice. Part of the names of its files. */
  readonly layer: number;
  /** The layer below; 0: none. */
  readonly parent: number;
  readonly sizeBytes: number;
  /** Whose top this is; empty for the head, and for a frozen layer that waits to be merged. */
  readonly snapshot: string;
}

export interface LayerList {
  /** Counts changes of this list. */
  readonly revision: number;
  readonly head: number;
  readonly layers: readonly LayerRecord[];
}

export interface LayerFiles {
  readonly data: string;
  readonly table: string;
  readonly regions: string;
}

export function filesOf(layer: number): LayerFiles {
  return { data: `data-${layer}`, table: `table-${layer}`, regions: `regions-${layer}` };
}

/** Undefined when a file does not belong to a layer. */
export function layerOfFile(name: string): number | undefined {
  const number = /^(?:data|table|regions)-([1-9][0-9]{0,14})$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
}

export function firstLayerList(sizeBytes: number): LayerList {
  return { revision: 1, head: 1, layers: [{ layer: 1, parent: 0, sizeBytes, snapshot: '' }] };
}

export function encodeLayerList({ revision, head, layers }: LayerList): Uint8Array {
  return encodeSealedJson({ revision, head, layers });
}

/** Throws `store.damaged` or `store.newer-format`. */
export function decodeLayerList(content: Uint8Array): LayerList {
  const { revision, head, layers } = decodeSealedJson(content, layersFile) as LayerList;
  return { revision, head, layers };
}

export function recordOf(list: LayerList, layer: number): LayerRecord {
  const found = list.layers.find((record) => record.layer === layer);
  assert(found !== undefined, `layer ${layer} is listed`);
  return found;
}

/** From the layer down to the lowest. */
export function chainOf(list: LayerList, layer: number): readonly LayerRecord[] {
  const chain: LayerRecord[] = [];
  for (let at = layer; at !== 0; at = recordOf(list, at).parent) chain.push(recordOf(list, at));
  return chain;
}

export function snapshotsOf(list: LayerList): readonly LayerRecord[] {
  return list.layers.filter((record) => record.snapshot !== '');
}

/** Undefined when there is no such snapshot. */
export function snapshotLayer(list: LayerList, snapshot: string): LayerRecord | undefined {
  return list.layers.find((record) => snapshot !== '' && record.snapshot === snapshot);
}

/**
 * The head becomes the snapshot; a new head lies upon it. Throws `input.invalid` when there are too
 * many.
 */
export function frozen(list: LayerList, snapshot: string): LayerList {
  if (list.layers.length >= limits.layersMax) {
    throw new Fault(
      'input.invalid',
      `The store has ${list.layers.length} layers, the most it may.`,
      {
        hint: 'Delete snapshots that are not needed, and let their layers be merged.',
      },
    );
  }
  const head = recordOf(list, list.head);
  const next = { layer: list.head + 1, parent: list.head, sizeBytes: head.sizeBytes, snapshot: '' };
  return changed(list, next.layer, [
    ...list.layers.map((record) => (record === head ? { ...head, snapshot } : record)),
    next,
  ]);
}

/** What the head shows beyond the snapshot is given up; the volume keeps its size. */
export function reverted(list: LayerList, snapshot: LayerRecord): LayerList {
  const { sizeBytes } = recordOf(list, list.head);
  const next = { layer: list.head + 1, parent: snapshot.layer, sizeBytes, snapshot: '' };
  const others = list.layers.filter((record) => record.layer !== list.head);
  return pruned(changed(list, next.layer, [...others, next]));
}

/** The layer waits to be merged, or is gone at once when nothing lies upon it. */
export function forgotten(list: LayerList, snapshot: string): LayerList {
  const layers = list.layers.map((record) =>
    record.snapshot === snapshot ? { ...record, snapshot: '' } : record,
  );
  return pruned(changed(list, list.head, layers));
}

export function resized(list: LayerList, sizeBytes: number): LayerList {
  const layers = list.layers.map((record) =>
    record.layer === list.head ? { ...record, sizeBytes } : record,
  );
  return changed(list, list.head, layers);
}

export interface Merge {
  /** Frozen, of no snapshot, with exactly one layer upon it. */
  readonly from: LayerRecord;
  readonly into: LayerRecord;
}

/** The next merge that is due. */
export function mergeOf(list: LayerList): Merge | undefined {
  for (const from of list.layers) {
    if (from.layer === list.head || from.snapshot !== '') continue;
    const [into, second] = list.layers.filter((record) => record.parent === from.layer);
    if (into !== undefined && second === undefined) return { from, into };
  }
  return undefined;
}

/** Everything of `from` is in `into`. */
export function merged(list: LayerList, { from, into }: Merge): LayerList {
  const layers = list.layers
    .filter((record) => record.layer !== from.layer)
    .map((record) => (record.layer === into.layer ? { ...record, parent: from.parent } : record));
  return changed(list, list.head, layers);
}

function changed(list: LayerList, head: number, layers: readonly LayerRecord[]): LayerList {
  return { revision: list.revision + 1, head, layers };
}

/** Without frozen layers of no snapshot that nothing lies upon. */
function pruned(list: LayerList): LayerList {
  const kept = list.layers.filter(
    ({ layer, snapshot }) =>
      layer === list.head || snapshot !== '' || list.layers.some((other) => other.parent === layer),
  );
  return kept.length === list.layers.length ? list : pruned({ ...list, layers: kept });
}
