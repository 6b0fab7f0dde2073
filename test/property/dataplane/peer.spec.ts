import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fault } from '../../../dataplane/base/fault.ts';
import {
  decodeHello,
  decodeWelcome,
  encodeHello,
  encodeWelcome,
} from '../../../dataplane/peer/handshake.ts';
import { decodeReply, encodeReply } from '../../../dataplane/peer/reply-codec.ts';
import { decodeRequest, encodeRequest } from '../../../dataplane/peer/request-codec.ts';
import { type Frame, FrameReader } from '../../../dataplane/peer/frame.ts';
import type { MemberReply, MemberRequest } from '../../../dataplane/volume/member.ts';

const name = fc.stringMatching(/^[a-z0-9-]{1,40}$/);
const count = fc.maxSafeNat();
const length = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const bytes = fc.uint8Array({ maxLength: 300 });
const standing = fc.constantFrom('new', 'inconsistent', 'in-sync');
const absence = fc.record({ member: name, generation: count });
const span = fc.record({ offsetBytes: count, lengthBytes: length });

const request: fc.Arbitrary<MemberRequest> = fc.oneof(
  fc.record({ kind: fc.constant('promise'), epoch: count, writer: name }),
  fc.record({ kind: fc.constant('flush'), epoch: count }),
  fc.record({ kind: fc.constant('grow'), epoch: count, age: count, peerAge: count }),
  fc.record({ kind: fc.constant('become'), epoch: count, standing, proven: fc.boolean() }),
  fc.record({ kind: fc.constant('track'), epoch: count, absence, whole: fc.boolean() }),
  fc.record({ kind: fc.constant('untrack'), epoch: count, member: name }),
  fc.record({ kind: fc.constant('changed'), epoch: count, absence, age: count }),
  fc.record({
    kind: fc.constant('write'),
    epoch: count,
    sequence: count,
    offsetBytes: count,
    bytes,
    fua: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom('zero', 'trim'),
    epoch: count,
    sequence: count,
    span,
    fua: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom('read', 'digest', 'status'), epoch: count, span }),
  fc.record({ kind: fc.constantFrom('read', 'digest'), epoch: count, span, snapshot: name }),
  fc.record({ kind: fc.constant('spoil'), epoch: count, sequence: count, span }),
  fc.record({
    kind: fc.constant('mend'),
    epoch: count,
    snapshot: name,
    offsetBytes: count,
    bytes,
  }),
  fc.record({ kind: fc.constant('difference'), epoch: count, span, from: name, to: name }),
  fc.record({ kind: fc.constantFrom('snapshot', 'forget'), epoch: count, name }),
  fc.record({
    kind: fc.constant('copied'),
    epoch: count,
    absence,
    age: count,
    beforeBytes: count,
    sequence: count,
  }),
  fc.record({ kind: fc.constant('resize'), epoch: count, sizeBytes: count }),
  fc.record({ kind: fc.constant('heartbeat'), epoch: count, cleanThrough: count }),
);

const reply: fc.Arbitrary<MemberReply> = fc.oneof(
  fc.constant<MemberReply>({ kind: 'done' }),
  fc.record({
    kind: fc.constant('extents'),
    extents: fc.array(fc.record({ blocks: length, stored: fc.boolean() }), { maxLength: 5 }),
  }),
  fc.record({ kind: fc.constantFrom('data', 'digests'), bytes }),
  fc.record({ kind: fc.constant('corrupt'), blocks: fc.array(count, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('changed'), regions: fc.option(bytes, { nil: undefined }) }),
  fc.record({ kind: fc.constant('stale'), promisedEpoch: count, promisedTo: name }),
  fc.record({
    kind: fc.constant('failed'),
    code: fc.constantFrom('disk.failed', 'disk.full', 'peer.refused'),
    reason: fc.string({ maxLength: 50 }),
  }),
  fc.record({
    kind: fc.constant('promised'),
    report: fc.record({
      standing,
      proven: fc.boolean(),
      dirty: bytes,
      age: count,
      peerAge: count,
      absences: fc.array(absence, { maxLength: 3 }),
      sizeBytes: count,
      snapshots: fc.array(name, { maxLength: 4 }),
    }),
  }),
);

/** Sends the pieces through a stream that is cut anywhere. */
function through(pieces: readonly Uint8Array[], cuts: readonly number[]): readonly Frame[] {
  const stream = Buffer.concat(pieces);
  const reader = new FrameReader();
  const frames: Frame[] = [];
  const places = [...cuts.map((cut) => cut % (stream.length + 1)), 0, stream.length];
  places.sort((a, b) => a - b);
  for (let index = 1; index < places.length; index++) {
    reader.push(stream.subarray(places[index - 1], places[index]));
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
  }
  return frames;
}

/** Bytes compare by content, whatever kind of view holds them. */
const plain = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value, (_, found: unknown) => {
      const buffer = found as { readonly type?: unknown; readonly data?: unknown } | null;
      if (buffer?.type === 'Buffer') return buffer.data;
      return found instanceof Uint8Array ? [...found] : found;
    }),
  ) as unknown;

describe('peer codec', () => {
  const cuts = fc.array(fc.nat(2000), { maxLength: 8 });

  it('gives back every request, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 5 }), cuts, (requests, places) => {
        const frames = through(
          requests.flatMap((each, id) => encodeRequest(id, each)),
          places,
        );
        assert.deepEqual(
          plain(frames.map((frame) => [frame.id, decodeRequest(frame)])),
          plain(requests.map((each, id) => [id, each])),
        );
      }),
    );
  });

  it('gives back every reply, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 5 }), cuts, (replies, places) => {
        const frames = through(
          replies.flatMap((each, id) => encodeReply(id, each)),
          places,
        );
        assert.deepEqual(
          plain(frames.map((frame) => [frame.id, decodeReply(frame)])),
          plain(replies.map((each, id) => [id, each])),
        );
      }),
    );
  });

  it('gives back hello and welcome', () => {
    fc.assert(
      fc.property(name, name, name, name, count, standing, fc.boolean(), (...drawn) => {
        const [volume, lineage, member, incarnation, promisedEpoch, stands, proven] = drawn;
        const hello = { versionMin: 1, versionMax: 3, volume, member };
        const [first] = through(encodeHello(hello), []);
        assert.ok(first !== undefined);
        assert.deepEqual(decodeHello(first), hello);
        const welcome = { volume, lineage, member, incarnation, promisedEpoch, proven };
        const [second] = through(encodeWelcome({ ...welcome, standing: stands }), []);
        assert.ok(second !== undefined);
        assert.deepEqual(decodeWelcome(second), { ...welcome, standing: stands });
      }),
    );
  });

  it('refuses bytes that are no frames with peer.malformed and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (noise, places) => {
        try {
          through([noise], places);
        } catch (error) {
          assert.ok(error instanceof Fault && error.code === 'peer.malformed', String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('finds every single changed byte of a frame', () => {
    fc.assert(
      fc.property(request, fc.nat(), fc.integer({ min: 1, max: 255 }), (each, at, change) => {
        const stream = Buffer.concat([...encodeRequest(1, each)]);
        const place = at % stream.length;
        stream[place] = (stream[place] ?? 0) ^ change;
        try {
          // A changed length may also ask for bytes that never come.
          assert.deepEqual(through([stream], []), []);
        } catch (error) {
          assert.ok(error instanceof Fault && error.code === 'peer.malformed', String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('never dies of a well-formed frame with impossible fields', () => {
    const frame = fc.record({
      verb: fc.nat(255),
      flags: fc.nat(255),
      id: count,
      epoch: count,
      number: count,
      offsetBytes: count,
      lengthBytes: length,
      payload: bytes,
    });
    const decoders = [decodeHello, decodeWelcome, decodeRequest, decodeReply];
    fc.assert(
      fc.property(frame, fc.constantFrom(...decoders), (found, decode) => {
        try {
          decode(found);
        } catch (error) {
          assert.ok(error instanceof Fault && error.code === 'peer.malformed', String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
});
