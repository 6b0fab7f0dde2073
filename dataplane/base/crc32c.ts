/**
 * CRC32C (Castagnoli) of bytes. The library is chosen by measurement: docs/decisions/0050. Known
 * answers of RFC 3720 B.4 are in test/unit/dataplane/base/crc32c.spec.ts.
 */
import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/**
 * @param seed the checksum of what came before, or a value that binds the bytes to their place: two
 * places give two checksums for the same bytes, so a block that lands in the wrong place is found
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return nativeCrc32c(bytes, seed) >>> 0;
}
