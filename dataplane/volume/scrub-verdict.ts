/**
 * What the digests of several copies say about their blocks (I-21): which member is right, which
 * ones are to be written again, and which blocks nobody has.
 */
import { differingRuns, digestBytes, isUnreadable } from '../base/digest.ts';

export interface Verdict {
  /** Of the block, within the span that was compared. */
  readonly index: number;
  /** Copies whose content counts, by their place; empty when nobody can read the block. */
  readonly right: readonly number[];
  /** Copies that are to get that content. */
  readonly wrong: readonly number[];
  /** Copies that match their checksums say different things. */
  readonly differ: boolean;
}

/**
 * The blocks with which something is wrong, in order. Where readable copies differ, what most of
 * them say counts, and among equals the first in the order of the record (I-12).
 *
 * @param copies digests of the same blocks; of one copy alone only what it cannot read shows
 */
export function verdicts(copies: readonly Uint8Array[]): readonly Verdict[] {
  const [first] = copies;
  const suspects = new Set<number>();
  for (const copy of copies) {
    for (const run of differingRuns(first ?? copy, copy)) {
      for (let index = run.first; index < run.end; index++) suspects.add(index);
    }
  }
  return [...suspects].sort((a, b) => a - b).map((index) => verdict(copies, index));
}

function verdict(copies: readonly Uint8Array[], index: number): Verdict {
  const holders = new Map<string, number[]>();
  for (const [place, copy] of copies.entries()) {
    if (isUnreadable(copy, index)) continue;
    const digest = copy.subarray(index * digestBytes, (index + 1) * digestBytes).join();
    const group = holders.get(digest);
    if (group === undefined) holders.set(digest, [place]);
    else group.push(place);
  }
  // Stable: of groups of one size the one with the first copy stays in front.
  const [right = []] = [...holders.values()].sort((a, b) => b.length - a.length);
  const wrong = [...copies.keys()].filter((place) => !right.includes(place));
  return { index, right, wrong, differ: holders.size > 1 };
}
