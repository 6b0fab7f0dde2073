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

/**
 * True when something was moved. The region of a head is left dirty: it is cleaned like after a
 * write.
 */
export function* mergeRegion(
  from: Layer,
  into: Layer,
  region: number,
  intoHead: boolean,
): StoreStep<boolean> {
  const { regionBlocks, blockBytes } = into.geometry;
  const blocks = { first: region * regionBlocks, end: (region + 1) * regionBlocks };
  const below = yield* from.seals(blocks);
  const above = yield* into.seals(blocks);
  const moving = (index: number) => above[index] === sealAbsent && below[index] !== sealAbsent;
  const moved: number[] = [];
  for (let index = 0; index < below.length; index++) if (moving(index)) moved.push(index);
  if (moved.length === 0) return false;
  yield* mark(into, region);
  for (const run of runs(moved.filter((index) => isData(below[index] ?? sealUnreadable)))) {
    const bytes = yield* readRun(from, blocks.first, run);
    const good: number[] = [];
    for (let index = run.first; index < run.end; index++) {
      const at = (index - run.first) * blockBytes;
      const block = bytes.subarray(at, at + blockBytes);
      // What does not match stays unreadable: a peer may have it. It must not be copied either, or
      // a crash would take it for a write.
      if (sealOf(block, blocks.first + index) !== below[index]) below[index] = sealUnreadable;
      // Needs no room above.
      else if (isZero(block)) below[index] = sealZero;
      else good.push(index);
    }
    for (const { first, end } of runs(good)) {
      const part = bytes.subarray((first - run.first) * blockBytes, (end - run.first) * blockBytes);
      const offsetBytes = (blocks.first + first) * blockBytes;
      yield { kind: 'write', file: into.files.data, offsetBytes, bytes: part };
    }
  }
  const page = yield* into.ownPage(region);
  for (const index of moved) {
    assert(page.seals[index] === sealAbsent, 'I-15 nobody else writes to a region that is merged');
    page.seals[index] = below[index] ?? sealUnreadable;
  }
  page.version += 1;
  yield* into.savePages();
  if (!intoHead) into.map.remove(region, dirtyBit);
  yield* holding('regions', () => into.saveMap());
  return true;
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
