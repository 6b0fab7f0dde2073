/**
 * Fills a new store with the bytes of an image. Until it is whole and durable the store says "new",
 * which is "holds nothing" to everybody: one that was interrupted is never taken for data.
 */
import { isZero } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Disk } from '../ports/disk.ts';
import type { Identity } from '../store/identity.ts';
import { createStore, openStore } from './hosted-store.ts';

export interface BirthSource {
  /** Bytes of the image, shorter than asked for only at its end. */
  readAt(offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
}

/**
 * The store that results is in sync and proven: an engine whose record names it alone serves it.
 * Rejects with `store.foreign` when the directory is not empty, `disk.full`, `disk.failed`.
 *
 * @param at told how many bytes are done; may throw to end it
 */
export async function fillNewStore(
  disk: Disk,
  birth: { readonly identity: Identity; readonly lineage: string; readonly source: BirthSource },
  at: (doneBytes: number) => void,
): Promise<void> {
  const { identity, lineage, source } = birth;
  const { sizeBytes, blockBytes } = identity.geometry;
  await createStore(disk, identity, { lineage, withVolume: false });
  const { store, runner } = await openStore(disk, identity);
  try {
    let sequence = 1;
    for (let offsetBytes = 0; offsetBytes < sizeBytes; offsetBytes += limits.copyBytesMax) {
      const lengthBytes = Math.min(limits.copyBytesMax, sizeBytes - offsetBytes);
      const bytes = await source.readAt(offsetBytes, lengthBytes);
      for (const run of dataRuns(bytes, blockBytes)) {
        sequence += 1;
        const part = bytes.subarray(run.from, run.to);
        await runner.run(store.write(offsetBytes + run.from, part, { sequence, fua: false }));
      }
      at(offsetBytes + lengthBytes);
    }
    await runner.run(store.flush());
    store.flushedEverywhere(sequence);
    await runner.run(store.clean());
    await runner.run(store.become('in-sync', true));
    await runner.run(store.close());
  } finally {
    await runner.close();
  }
}

/** Runs of blocks that are not all zero. */
export function* dataRuns(
  bytes: Uint8Array,
  blockBytes: number,
): Generator<{ readonly from: number; readonly to: number }> {
  for (let at = 0; at < bytes.length; ) {
    const from = at;
    const zero = isZero(bytes.subarray(at, at + blockBytes));
    for (; at < bytes.length; at += blockBytes) {
      if (isZero(bytes.subarray(at, at + blockBytes)) !== zero) break;
    }
    if (!zero) yield { from, to: at };
  }
}
