import assert from 'node:assert/strict';
import { crc32c } from '../../../../dataplane/base/crc32c.ts';

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

  it('differs for the same bytes in two places when it is begun with the place', () => {
    const bytes = new Uint8Array(4096);
    const seen = new Set(Array.from({ length: 1000 }, (_, place) => crc32c(bytes, place + 1)));
    assert.equal(seen.size, 1000);
  });
});
