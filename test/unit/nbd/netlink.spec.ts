import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import {
  attributeSocket,
  attributeText,
  attributeU32,
  attributeU64,
  decodeNetlink,
  encodeNetlink,
  nbdAttribute,
  nbdFamily,
} from '../../../dataplane/nbd/netlink.ts';

/** By the layouts of linux/netlink.h; a kernel took such messages in test/guest. */
const reconfigure = [
  // Length, family, flags (request, acknowledge), sequence, port.
  '44000000 1d00 0500 07000000 00000000',
  // Command, version.
  '03 01 0000',
  '0800 0100 02000000',
  '0c00 0200 0000001000000000',
  '0a00 0a00 612f622e7300 0000',
  '1000 0780 0c00 0180 0800 0100 15000000',
].join('');

describe('netlink', () => {
  it('encodes a request for the NBD client byte by byte', () => {
    const message = encodeNetlink({
      family: 0x1d,
      command: nbdFamily.reconfigure,
      version: nbdFamily.version,
      sequence: 7,
      attributes: [
        attributeU32(nbdAttribute.index, 2),
        attributeU64(nbdAttribute.sizeBytes, 2 ** 28),
        attributeText(nbdAttribute.backend, 'a/b.s'),
        attributeSocket(21),
      ],
    });
    assert.equal(message.toString('hex'), reconfigure.replaceAll(' ', ''));
  });

  it('tells answers from ends, several in one datagram', () => {
    const answer = '1c000000 1d00 0000 07000000 00000000 01 01 0000 0500 0100 ff000000'.replaceAll(
      ' ',
      '',
    );
    const end = '24000000 0200 0000 07000000 00000000 efffffff'.replaceAll(' ', '');
    const rest = '00'.repeat(16);
    const replies = decodeNetlink(Buffer.from(`${answer}${end}${rest}`, 'hex'));
    assert.deepEqual(
      replies.map((reply) => [reply.kind, reply.sequence]),
      [
        ['message', 7],
        ['end', 7],
      ],
    );
    assert.equal(replies[1]?.kind === 'end' && replies[1].errno, 17);
    assert.ok(replies[0]?.kind === 'message');
    assert.deepEqual(replies[0].attributes.get(1), Buffer.from([0xff]));
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.ok(decodeNetlink(bytes).length <= bytes.length / 16);
      }),
    );
  });
});
