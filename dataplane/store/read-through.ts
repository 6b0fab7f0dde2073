/**
 * Reading a view: the blocks that the topmost layer holds, and for the others what the layers below
 * show. Nothing leaves here that does not match its seal (I-21).
 */
import type { Span } from '../base/bytes.ts';
import { readFile, type StoreStep } from './command.ts';
import type { Layer } from './layer.ts';
import { isData, sealAbsent, sealUnreadable, sealZero } from './seal.ts';

export type Matches = (seal: number, bytes: Uint8Array, block: number) => boolean;

/**
 * @param corrupt takes the blocks that do not match; their bytes mean nothing
 * @param depth where in the chain to begin
 */
export function* readThrough(
  chain: readonly Layer[],
  blocks: Span,
  check: { readonly matches: Matches; readonly corrupt: number[] },
  depth = 0,
): StoreStep<Uint8Array> {
  const layer = chain[depth];
  const count = blocks.end - blocks.first;
  if (layer === undefined) return new Uint8Array(0);
  const { blockBytes } = layer.geometry;
  const seals = yield* layer.seals(blocks);
  const bytes = yield* readData(layer, blocks, seals);
  for (let index = 0; index < count; index++) {
    const seal = seals[index] ?? sealUnreadable;
    const found = bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
    const block = blocks.first + index;
    if (isData(seal)) {
      if (!check.matches(seal, found, block)) check.corrupt.push(block);
    } else if (seal === sealUnreadable) check.corrupt.push(block);
    else found.fill(0);
  }
  if (depth + 1 === chain.length) return bytes;
  for (let index = 0; index < count; index++) {
    const first = index;
    while (index < count && seals[index] === sealAbsent) index += 1;
    if (index === first) continue;
    const run = { first: blocks.first + first, end: blocks.first + index };
    bytes.set(yield* readThrough(chain, run, check, depth + 1), first * blockBytes);
  }
  return bytes;
}

/** One read from the first block that has data to the last; the rest is not looked at. */
function* readData(layer: Layer, blocks: Span, seals: Uint32Array): StoreStep<Uint8Array> {
  const { blockBytes } = layer.geometry;
  let first = 0;
  let end = seals.length;
  while (first < end && !isData(seals[first] ?? sealAbsent)) first += 1;
  while (end > first && !isData(seals[end - 1] ?? sealAbsent)) end -= 1;
  const lengthBytes = (end - first) * blockBytes;
  const offsetBytes = (blocks.first + first) * blockBytes;
  if (end - first === seals.length) {
    return yield* readFile(layer.files.data, { offsetBytes, lengthBytes });
  }
  const bytes = new Uint8Array(seals.length * blockBytes);
  if (lengthBytes === 0) return bytes;
  const found = yield* readFile(layer.files.data, { offsetBytes, lengthBytes });
  bytes.set(found, first * blockBytes);
  return bytes;
}

/** Blocks side by side that hold something, or all read as zeroes. */
export interface BlockRun {
  readonly blocks: number;
  readonly stored: boolean;
}

/** What a view holds, by its seals alone. A block that cannot be read counts as stored. */
export function* holdings(chain: readonly Layer[], blocks: Span): StoreStep<readonly BlockRun[]> {
  const shown = new Uint32Array(blocks.end - blocks.first);
  for (const layer of chain) {
    const seals = yield* layer.seals(blocks);
    for (let index = 0; index < shown.length; index++) {
      if (shown[index] === sealAbsent) shown[index] = seals[index] ?? sealUnreadable;
    }
  }
  const runs: BlockRun[] = [];
  for (let index = 0; index < shown.length; ) {
    const first = index;
    const stored = isStored(shown[first]);
    while (index < shown.length && isStored(shown[index]) === stored) index += 1;
    runs.push({ blocks: index - first, stored });
  }
  return runs;
}

function isStored(seal = sealUnreadable): boolean {
  return seal !== sealAbsent && seal !== sealZero;
}
