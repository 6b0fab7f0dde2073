/**
 * Where a piece of data is all zeroes, so that a structured reply can say "hole" instead of sending
 * them. Only runs of at least `nbdLimits.holeBytesMin` count (or a piece that is zero as a whole):
 * each run costs a chunk header and cuts the data around it in two.
 */
import { Buffer } from 'node:buffer';
import { nbdLimits } from './limits.ts';

export interface DataRun {
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly zero: boolean;
}

/** Runs begin and end on multiples of this within the piece, its end excepted. */
const unitBytes = 4096;
const zeroes = Buffer.alloc(unitBytes);

/** Cuts `bytes` into runs that lie side by side and cover all of it. */
export function dataRuns(bytes: Uint8Array): DataRun[] {
  const runs: DataRun[] = [];
  let dataStart = 0;
  let at = 0;
  while (at < bytes.length) {
    const end = endOfZeroes(bytes, at);
    const wholePiece = at === 0 && end === bytes.length;
    if (wholePiece || end - at >= nbdLimits.holeBytesMin) {
      if (at > dataStart) runs.push(run(dataStart, at, false));
      runs.push(run(at, end, true));
      dataStart = end;
    }
    at = Math.max(end, at + unitBytes);
  }
  if (dataStart < bytes.length) runs.push(run(dataStart, bytes.length, false));
  return runs;
}

/** The first position from `start` on, in whole units, that does not follow zeroes only. */
function endOfZeroes(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && isZero(bytes.subarray(at, at + unitBytes))) at += unitBytes;
  return Math.min(at, bytes.length);
}

function isZero(unit: Uint8Array): boolean {
  // Data differs in its first byte almost always; only what may be zero is compared in full.
  return unit[0] === 0 && Buffer.compare(unit, zeroes.subarray(0, unit.length)) === 0;
}

function run(start: number, end: number, zero: boolean): DataRun {
  return { startBytes: start, lengthBytes: end - start, zero };
}
