import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import {
  readU16,
  readU32,
  readU64,
  writeU16,
  writeU32,
  writeU64,
} from '../../../dataplane/base/big-endian.ts';

describe('big-endian', () => {
  it("writes what Node's own Buffer reads, and reads what it writes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.maxSafeNat(),
        (short, word, long) => {
          const bytes = Buffer.alloc(14);
          writeU16(bytes, 0, short);
          writeU32(bytes, 2, word);
          writeU64(bytes, 6, long);
          assert.equal(bytes.readUInt16BE(0), short);
          assert.equal(bytes.readUInt32BE(2), word);
          assert.equal(bytes.readBigUInt64BE(6), BigInt(long));
          assert.deepEqual(
            [readU16(bytes, 0), readU32(bytes, 2), readU64(bytes, 6)],
            [short, word, long],
          );
        },
      ),
    );
  });

  it('keeps 64-bit values beyond 2^53 at least that large', () => {
    const largest = Buffer.alloc(8, 0xff);
    assert.ok(readU64(largest, 0) > Number.MAX_SAFE_INTEGER);
    assert.ok(readU64(Buffer.from('0020000000000001', 'hex'), 0) > Number.MAX_SAFE_INTEGER);
  });

  it('reads zeroes past the end', () => {
    assert.equal(readU32(Uint8Array.of(1), 0), 0x0100_0000);
  });
});
