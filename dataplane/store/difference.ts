/**
 * Where two views may differ: the blocks that a layer holds which only one of them has. Reads
 * tables and no data. What was changed and changed back counts as different.
 */
import type { Span } from '../base/bytes.ts';
import type { StoreStep } from './command.ts';
import type { Layer } from './layer.ts';
import { sealAbsent } from './seal.ts';

/** @returns runs of block numbers, in order */
export function* differenceOf(
  a: readonly Layer[],
  b: readonly Layer[],
  blocks: Span,
): StoreStep<readonly Span[]> {
  const held = new Uint8Array(blocks.end - blocks.first);
  for (const layer of between(a, b)) {
    const seals = yield* layer.seals(blocks);
    for (let index = 0; index < held.length; index++) {
      if (seals[index] !== sealAbsent) held[index] = 1;
    }
  }
  const runs: { first: number; end: number }[] = [];
  for (let index = 0; index < held.length; index++) {
    if (held[index] === 0) continue;
    const block = blocks.first + index;
    const last = runs.at(-1);
    if (last?.end === block) last.end += 1;
    else runs.push({ first: block, end: block + 1 });
  }
  return runs;
}

/** Layers that only one of two chains has. */
export function between(a: readonly Layer[], b: readonly Layer[]): readonly Layer[] {
  return [...a.filter((layer) => !b.includes(layer)), ...b.filter((layer) => !a.includes(layer))];
}
