/**
 * The four bytes the checksum table keeps for a block: a CRC32C bound to the block's number, so
 * that bytes of another block never pass, or one of three marks. A CRC that equals a mark has its
 * top bit set, on writing and on checking alike.
 */
import { crc32c } from '../base/crc32c.ts';

/**
 * Nothing was ever written here, or it was trimmed: reads as zeroes, whatever the data file holds.
 */
export const sealAbsent = 0;
/** Written as zeroes without data. Differs from absent once there are lower layers. */
export const sealZero = 1;
/** The table lost this entry: the block is corrupt until it is written again. */
export const sealUnreadable = 2;

export function sealOf(bytes: Uint8Array, block: number): number {
  const crc = crc32c(bytes, block + 1);
  return crc <= sealUnreadable ? (crc | 0x80000000) >>> 0 : crc;
}
