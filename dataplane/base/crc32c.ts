/**
 * CRC32C (Castagnoli) of bytes. The library is chosen by measurement: docs/decisions/0050. Known
 * answers of RFC 3720 B.4 are in test/unit/dataplane/base/crc32c.spec.ts.
 *
 * The checksum of a whole follows from those of its parts, so that no byte needs to be read twice
 * to be checked on the wire and sealed on the disk (docs/decisions/0150).
 */
import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/**
 * @param seed the checksum of what came before, or a value that binds the bytes to their place: two
 * places give two checksums for the same bytes, so a block that lands in the wrong place is found
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return nativeCrc32c(bytes, seed) >>> 0;
}

/**
 * What `crc32c(bytes, seed)` would say, from `crc32c(bytes)` and their length alone.
 *
 * @param lengthBytes at most 2^31 - 1
 */
export function seededCrc32c(seed: number, crc: number, lengthBytes: number): number {
  return (shift(seed, lengthBytes) ^ crc) >>> 0;
}

/**
 * The checksum of blocks in a row from those of each.
 *
 * @param seed as in `crc32c`
 */
export function joinedCrc32c(crcs: Uint32Array, blockBytes: number, seed = 0): number {
  let joined = seed;
  for (const crc of crcs) joined = seededCrc32c(joined, crc, blockBytes);
  return joined;
}

/**
 * How a checksum changes when zero bytes follow, but for what those bytes themselves add: linear in
 * every bit of it. Table `k` is for 2^k bytes, with an entry for each value of each byte of the
 * checksum; made when it is needed first.
 */
const shiftTables: Uint32Array[] = [];

function shift(crc: number, lengthBytes: number): number {
  let shifted = crc;
  for (let left = lengthBytes, power = 0; left > 0; left >>>= 1, power += 1) {
    if ((left & 1) !== 0) shifted = lookUp(shiftTables[power] ?? newTable(power), shifted);
  }
  return shifted;
}

function lookUp(table: Uint32Array, crc: number): number {
  return (
    (table[crc & 0xff] ?? 0) ^
    (table[0x100 | ((crc >>> 8) & 0xff)] ?? 0) ^
    (table[0x200 | ((crc >>> 16) & 0xff)] ?? 0) ^
    (table[0x300 | (crc >>> 24)] ?? 0)
  );
}

function newTable(power: number): Uint32Array {
  const zero = new Uint8Array(1);
  const half = power === 0 ? undefined : (shiftTables[power - 1] ?? newTable(power - 1));
  const shiftOnce = (crc: number) =>
    half === undefined ? crc32c(zero, crc) ^ crc32c(zero) : lookUp(half, lookUp(half, crc));
  const table = Uint32Array.from({ length: 1024 }, (_, index) =>
    shiftOnce(((index & 0xff) << (8 * (index >>> 8))) >>> 0),
  );
  shiftTables[power] = table;
  return table;
}
