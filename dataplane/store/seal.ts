/**
 * The four bytes the checksum table keeps for a block: a CRC32C bound to the block's number, so
 * that bytes of another block never pass, or one of three marks. A CRC that equals a mark has its
 * top bit set, on writing and on checking alike.
 */
import { isZero } from '../base/bytes.ts';
import { crc32c, seededCrc32c } from '../base/crc32c.ts';

/**
 * The layer says nothing about this block, whatever its data file holds: the layer below shows
 * through, and below the lowest there are zeroes.
 */
export const sealAbsent = 0;
/** Reads as zeroes, whatever lies below and whatever the data file holds. */
export const sealZero = 1;
/** The table lost this entry: the block is corrupt until it is written again. */
export const sealUnreadable = 2;

export function sealOf(bytes: Uint8Array, block: number): number {
  return unlikeMarks(crc32c(bytes, block + 1));
}

/** The same from the block's checksum alone, `crc32c(bytes)`. */
export function sealOfCrc(crc: number, block: number, blockBytes: number): number {
  return unlikeMarks(seededCrc32c(block + 1, crc, blockBytes));
}

/** The seal of each block of what is written. */
export function sealsOf(written: {
  readonly bytes: Uint8Array;
  readonly blockBytes: number;
  /** `crc32c` of each block, where they were taken before. */
  readonly blockCrcs: Uint32Array | undefined;
  /** Something may lie below: after a crash, zeroes would be taken for nothing, and show it. */
  readonly layered: boolean;
}): (block: number, index: number) => number {
  const { bytes, blockBytes, blockCrcs, layered } = written;
  const content = (index: number) => bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
  return (block, index) => {
    if (layered && isZero(content(index))) return sealZero;
    const crc = blockCrcs?.[index];
    return crc === undefined ? sealOf(content(index), block) : sealOfCrc(crc, block, blockBytes);
  };
}

let zeroes = { blockBytes: 0, crc: 0 };

/** `crc32c` of a block that reads as zeroes. */
export function crcOfZeroes(blockBytes: number): number {
  if (zeroes.blockBytes !== blockBytes) {
    zeroes = { blockBytes, crc: crc32c(new Uint8Array(blockBytes)) };
  }
  return zeroes.crc;
}

function unlikeMarks(crc: number): number {
  return crc <= sealUnreadable ? (crc | 0x80000000) >>> 0 : crc;
}

/** True when the data file holds the block's bytes. */
export function isData(seal: number): boolean {
  return seal > sealUnreadable;
}
