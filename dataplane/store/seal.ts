/**
 * The four bytes the checksum table keeps for a block: a CRC32C bound to the block's number, so
 * that bytes of another block never pass, or one of three marks. A CRC that equals a mark has its
 * top bit set, on writing and on checking alike.
 */
import { crc32c } from '../base/crc32c.ts';

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
  const crc = crc32c(bytes, block + 1);
  return crc <= sealUnreadable ? (crc | 0x80000000) >>> 0 : crc;
}

/** True when the data file holds the block's bytes. */
export function isData(seal: number): boolean {
  return seal > sealUnreadable;
}
