/**
 * Moves what a layer holds in one region into the layer that lies upon it, as far as that one has
 * nothing of its own there. Nobody else writes to the region of either meanwhile.
 *
 * A crash leaves both layers whole: what was not saved is still found below.
 */
import { assert } from '../base/assert.ts';
import { isZero, type Span } from '../base/bytes.ts';
import { Fault } from '../base/fault.ts';
import { holding, readFile, type StoreStep } from './command.ts';
import type { Layer } from './layer.ts';
import { dirtyBit } from './region-map.ts';
import { isData, sealAbsent, sealOf, sealUnreadable, sealZero } from './seal.ts';

/** The region of a head is left dirty: it is cleaned like after a write. */
export function* mergeRegion(
  from: Layer,
  into: Layer,
  region: number,
  intoHead: boolean,
): StoreStep<void> {
  const { regionBlocks } = into.geometry;
  const blocks = { first: region * regionBlocks, end: (region + 1) * regionBlocks };
  const below = yield* from.seals(blocks);
  const above = yield* into.seals(blocks);
  const moving: number[] = [];
  for (let index = 0; index < below.length; index++) {
    if (above[index] === sealAbsent && below[index] !== sealAbsent) moving.push(index);
  }
  // Moved before, when there was no room to save the page, it still has to be saved.
  if (moving.length === 0 && into.isSaved(region)) return;
  yield* mark(into, region);
  yield* copyData(from, into, { base: blocks.first, moving, seals: below });
  const page = yield* into.ownPage(region);
  for (const index of moving) {
    assert(page.seals[index] === sealAbsent, 'I-15 nobody else writes to a region that is merged');
    page.seals[index] = below[index] ?? sealUnreadable;
  }
  page.version += 1;
  yield* into.savePages();
  if (!intoHead) into.map.remove(region, dirtyBit);
  yield* holding('regions', () => into.saveMap());
}

interface Moving {
  /** Number of the first block of the region; what follows counts from it. */
  readonly base: number;
  readonly moving: readonly number[];
  /** Of the layer below. What turns out not to match becomes unreadable here. */
  readonly seals: Uint32Array;
}

function* copyData(from: Layer, into: Layer, { base, moving, seals }: Moving): StoreStep<void> {
  const { blockBytes } = into.geometry;
  for (const run of runs(moving.filter((index) => isData(seals[index] ?? sealUnreadable)))) {
    const bytes = yield* readRun(from, base, run);
    const good: number[] = [];
    for (let index = run.first; index < run.end; index++) {
      const at = (index - run.first) * blockBytes;
      const block = bytes.subarray(at, at + blockBytes);
      // What does not match stays unreadable: a peer may have it. It must not be copied either, or
      // a crash would take it for a write.
      if (sealOf(block, base + index) !== seals[index]) seals[index] = sealUnreadable;
      // Needs no room above.
      else if (isZero(block)) seals[index] = sealZero;
      else good.push(index);
    }
    for (const { first, end } of runs(good)) {
      const part = bytes.subarray((first - run.first) * blockBytes, (end - run.first) * blockBytes);
      const offsetBytes = (base + first) * blockBytes;
      yield { kind: 'write', file: into.files.data, offsetBytes, bytes: part };
    }
  }
}

/** While it is marked, nobody trusts the checksum of its page after a crash. */
function* mark(into: Layer, region: number): StoreStep<void> {
  if (into.map.covers(region, dirtyBit)) return;
  yield* holding('regions', function* marking(): StoreStep<void> {
    into.map.add(region, dirtyBit);
    yield* into.saveMap();
  });
}

/** Blocks that the disk cannot read come back as zeroes, which match no seal. */
function* readRun(from: Layer, base: number, run: Span): StoreStep<Uint8Array> {
  const { blockBytes } = from.geometry;
  const span = (first: number, end: number) => ({
    offsetBytes: (base + first) * blockBytes,
    lengthBytes: (end - first) * blockBytes,
  });
  try {
    return yield* readFile(from.files.data, span(run.first, run.end));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
  const bytes = new Uint8Array((run.end - run.first) * blockBytes);
  for (let index = run.first; index < run.end; index++) {
    try {
      const block = yield* readFile(from.files.data, span(index, index + 1));
      bytes.set(block, (index - run.first) * blockBytes);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }
  return bytes;
}

/** Neighbours among sorted numbers. */
function runs(sorted: readonly number[]): readonly Span[] {
  const found: { first: number; end: number }[] = [];
  for (const index of sorted) {
    const last = found.at(-1);
    if (last?.end === index) last.end += 1;
    else found.push({ first: index, end: index + 1 });
  }
  return found;
}
