/**
 * A change of a data file that may end in the middle for lack of room. Blocks that have become what
 * they were to be then get their seals, and the others keep theirs: old or new, never a third.
 */
import type { Span } from '../base/bytes.ts';
import { Fault } from '../base/fault.ts';
import { readFile, type StoreCommand, type StoreStep } from './command.ts';
import type { ByteSpan } from './geometry.ts';
import type { Layer } from './layer.ts';
import { sealUnreadable } from './seal.ts';

export interface Change {
  readonly command: StoreCommand;
  readonly span: ByteSpan;
  readonly blocks: Span;
  /** What the span is to hold; undefined: zeroes. */
  readonly wanted: Uint8Array | undefined;
  readonly seal: (block: number, index: number) => number;
  readonly veils: (seal: number) => boolean;
}

/** Throws what the disk throws. */
export function* changeData(layer: Layer, change: Change): StoreStep<void> {
  try {
    yield change.command;
  } catch (error) {
    if (!(error instanceof Fault) || !error.retriable) throw error;
    yield* settle(layer, change);
    throw error;
  }
}

function* settle(layer: Layer, { span, blocks, wanted, seal, veils }: Change): StoreStep<void> {
  const { blockBytes } = layer.geometry;
  const before = yield* layer.seals(blocks);
  const found = yield* readFile(layer.files.data, span);
  const arrived = (index: number) => {
    for (let at = index * blockBytes; at < (index + 1) * blockBytes; at++) {
      if (found[at] !== (wanted?.[at] ?? 0)) return false;
    }
    return true;
  };
  // Zeroes may have been there before: then it counts as done, which it is.
  const next = (block: number, index: number) =>
    arrived(index) ? seal(block, index) : (before[index] ?? sealUnreadable);
  yield* layer.reseal(blocks, next, veils);
}
