import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { crc32c, joinedCrc32c, seededCrc32c } from '../../../../dataplane/base/crc32c.ts';

describe('crc32c', () => {
  // RFC 3720, B.4.
  const known: readonly (readonly [string, Uint8Array, number])[] = [
    ['32 zero bytes', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of 0xff', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
    ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
  ];
  for (const [name, bytes, expected] of known) {
    it(`gives the known answer for ${name}`, () => {
      assert.equal(crc32c(bytes), expected);
    });
  }

  it('goes on from the checksum of what came before', () => {
    const bytes = new TextEncoder().encode('123456789');
    assert.equal(crc32c(bytes.subarray(4), crc32c(bytes.subarray(0, 4))), crc32c(bytes));
  });

  it('follows from the checksum without a seed, for every length', () => {
    for (const length of [0, 1, 2, 3, 7, 64, 4095, 4096, 4097, 65_536, 1_000_003]) {
      const bytes = randomBytes(length);
      for (const seed of [0, 1, 0x8000_0000, 0xffff_ffff, 0x1234_5678]) {
        assert.equal(seededCrc32c(seed, crc32c(bytes), length), crc32c(bytes, seed), `${length}`);
      }
    }
  });

  it('follows from the checksums of blocks in a row', () => {
    for (const blockBytes of [8, 512, 4096]) {
      const bytes = randomBytes(5 * blockBytes);
      const crcs = Uint32Array.from({ length: 5 }, (_, index) =>
        crc32c(bytes.subarray(index * blockBytes, (index + 1) * blockBytes)),
      );
      assert.equal(joinedCrc32c(crcs, blockBytes), crc32c(bytes));
      assert.equal(joinedCrc32c(crcs, blockBytes, 77), crc32c(bytes, 77));
      assert.equal(joinedCrc32c(new Uint32Array(0), blockBytes, 77), 77);
    }
  });

  it('differs for the same bytes in two places when it is begun with the place', () => {
    const bytes = new Uint8Array(4096);
    const seen = new Set(Array.from({ length: 1000 }, (_, place) => crc32c(bytes, place + 1)));
    assert.equal(seen.size, 1000);
  });
});
