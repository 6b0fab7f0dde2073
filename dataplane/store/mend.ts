/**
 * Puts blocks of a snapshot right, where they lie: only with the very bytes that their seals were
 * made of. What is true already stays true, so nothing is marked, and a crash does no harm.
 */
import type { StoreStep } from './command.ts';
import { blocksOf, type ByteSpan } from './geometry.ts';
import type { Layer } from './layer.ts';
import { sealAbsent, sealOf } from './seal.ts';

/**
 * The bytes are durable where it ends, whether or not they had been wrong.
 *
 * @param chain what the snapshot shows, topmost first; all of it frozen
 * @returns blocks that these bytes do not match; they are as they were
 */
export function* mendBlocks(
  chain: readonly Layer[],
  span: ByteSpan,
  bytes: Uint8Array,
): StoreStep<readonly number[]> {
  const refused: number[] = [];
  const mended = new Set<string>();
  const [top] = chain;
  if (top === undefined) return refused;
  const { blockBytes } = top.geometry;
  const { first, end } = blocksOf(top.geometry, span);
  for (let block = first; block < end; block++) {
    const at = (block - first) * blockBytes;
    const content = bytes.subarray(at, at + blockBytes);
    const layer = yield* holderOf(chain, block, sealOf(content, block));
    if (layer === undefined) refused.push(block);
    else {
      const { data: file } = layer.files;
      yield { kind: 'write', file, offsetBytes: block * blockBytes, bytes: content };
      mended.add(file);
    }
  }
  for (const file of mended) yield { kind: 'sync', file };
  return refused;
}

/** The layer that holds the block, when its seal there is this one. */
function* holderOf(
  chain: readonly Layer[],
  block: number,
  wanted: number,
): StoreStep<Layer | undefined> {
  for (const layer of chain) {
    const [seal = sealAbsent] = yield* layer.seals({ first: block, end: block + 1 });
    if (seal !== sealAbsent) return seal === wanted ? layer : undefined;
  }
  return undefined;
}
