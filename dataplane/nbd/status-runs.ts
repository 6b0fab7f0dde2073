/**
 * The runs of a block-status reply: neighbours of the same state become one, and the list is cut
 * where the protocol or our limit ends it (a client asks again for the rest).
 */
import type { StatusRun } from './reply-codec.ts';

/** Longest run one descriptor can hold: 32 bits, kept to whole blocks of any size in use. */
const runBytesMax = 0xffff_0000;

export function mergeRuns(runs: readonly StatusRun[], runsMax: number): StatusRun[] {
  const merged: StatusRun[] = [];
  for (const run of runs) {
    const last = merged.at(-1);
    const joined = last !== undefined && last.state === run.state;
    if (joined && last.lengthBytes + run.lengthBytes <= runBytesMax) {
      merged[merged.length - 1] = { ...last, lengthBytes: last.lengthBytes + run.lengthBytes };
    } else if (merged.length < runsMax) {
      merged.push(run);
    } else {
      break;
    }
  }
  return merged;
}
