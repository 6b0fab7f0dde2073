import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { crc32c } from '../../../dataplane/base/crc32c.ts';
import { FrameReader } from '../../../dataplane/peer/frame.ts';
import { encodeReply } from '../../../dataplane/peer/reply-codec.ts';
import { decodeRequest, encodeRequest } from '../../../dataplane/peer/request-codec.ts';

const blockBytes = 512;
const bytes = randomBytes(4 * blockBytes);
const write = {
  kind: 'write',
  epoch: 3,
  sequence: 9,
  offsetBytes: 2 * blockBytes,
  bytes,
  fua: false,
} as const;

function blockReader(...pieces: readonly Uint8Array[]): FrameReader {
  const reader = new FrameReader();
  reader.blockBytes = blockBytes;
  for (const piece of pieces) reader.push(piece);
  return reader;
}

describe('checksums of a frame', () => {
  it('are the same bytes on the wire when the payload was summed before', () => {
    const again = encodeRequest(7, { ...write, crc: crc32c(bytes) });
    assert.deepEqual(Buffer.concat(again), Buffer.concat(encodeRequest(7, write)));
    const read = { kind: 'data', bytes } as const;
    const readAgain = encodeReply(7, { ...read, crc: crc32c(bytes) });
    assert.deepEqual(Buffer.concat(readAgain), Buffer.concat(encodeReply(7, read)));
  });

  it('come with one of each block for who knows how long a block is', () => {
    const frame = blockReader(...encodeRequest(7, write)).next();
    assert.ok(frame !== undefined);
    const request = decodeRequest(frame);
    assert.ok(request.kind === 'write');
    const blocks = [0, 1, 2, 3].map((at) => bytes.subarray(at * blockBytes, (at + 1) * blockBytes));
    assert.deepEqual(
      [...(request.blockCrcs ?? [])],
      blocks.map((block) => crc32c(block)),
    );
  });

  it('do not come with blocks where the payload is not made of them', () => {
    const odd = { ...write, bytes: bytes.subarray(0, blockBytes + 1) };
    const frame = blockReader(...encodeRequest(7, odd)).next();
    assert.equal(frame?.blockCrcs, undefined);
    assert.equal(frame?.payload.length, blockBytes + 1);
  });

  it('end the connection when any bit is another one, of the header or of any block', () => {
    const whole = Buffer.concat(encodeRequest(7, write));
    for (let at = 4; at < whole.length; at += 37) {
      const bad = Buffer.from(whole);
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      assert.throws(() => blockReader(bad).next(), /does not match its checksum/, `byte ${at}`);
    }
  });

  it('end the connection when the bytes are not those that were summed before', () => {
    const changed = Buffer.from(bytes);
    changed[700] = (changed[700] ?? 0) ^ 1;
    const pieces = encodeRequest(7, { ...write, bytes: changed, crc: crc32c(bytes) });
    assert.throws(() => blockReader(...pieces).next(), /does not match its checksum/);
  });
});
