/**
 * Fingerprints of blocks, for finding what differs between two copies without sending it. 128 bits
 * of SHA-256: equal fingerprints count as equal bytes, so a checksum of 32 bits would not do.
 */
import { hash } from 'node:crypto';
import { isZero } from './bytes.ts';

export const digestBytes = 16;
/** What no hash of a block is: it reads as zeroes, or it cannot be read. */
const digestOfZeroes = 0x00;
const digestOfUnreadable = 0xff;

/** @returns `digestBytes` for each block of `bytes`; all zero for a block of zeroes */
export function digestBlocks(bytes: Uint8Array, blockBytes: number): Uint8Array {
  const digests = new Uint8Array((bytes.length / blockBytes) * digestBytes);
  for (let at = 0, to = 0; at < bytes.length; at += blockBytes, to += digestBytes) {
    const block = bytes.subarray(at, at + blockBytes);
    if (isZero(block)) digests.fill(digestOfZeroes, to, to + digestBytes);
    else digests.set(hash('sha256', block, 'buffer').subarray(0, digestBytes), to);
  }
  return digests;
}

/** The digest of a block that cannot be read: equal to none that a block could have. */
export function markUnreadable(digests: Uint8Array, index: number): void {
  digests.fill(digestOfUnreadable, index * digestBytes, (index + 1) * digestBytes);
}

export function isUnreadable(digests: Uint8Array, index: number): boolean {
  const digest = digests.subarray(index * digestBytes, (index + 1) * digestBytes);
  return digest.every((byte) => byte === digestOfUnreadable);
}

/** Blocks whose digests differ, or of which one is unreadable, as runs of indexes. */
export function* differingRuns(
  one: Uint8Array,
  other: Uint8Array,
): IterableIterator<{ readonly first: number; readonly end: number }> {
  const count = Math.min(one.length, other.length) / digestBytes;
  for (let index = 0; index < count; index++) {
    if (same(one, other, index)) continue;
    const first = index;
    while (index < count && !same(one, other, index)) index++;
    yield { first, end: index };
  }
}

function same(one: Uint8Array, other: Uint8Array, index: number): boolean {
  for (let at = index * digestBytes; at < (index + 1) * digestBytes; at++) {
    if (one[at] !== other[at]) return false;
  }
  return !isUnreadable(one, index);
}
