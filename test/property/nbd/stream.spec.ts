import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { ClientHandshake } from '../../../dataplane/nbd/client-handshake.ts';
import { ClientSession } from '../../../dataplane/nbd/client-session.ts';
import type { ExportDirectory } from '../../../dataplane/nbd/export-info.ts';
import { InFlight } from '../../../dataplane/nbd/in-flight.ts';
import { nbdLimits } from '../../../dataplane/nbd/limits.ts';
import {
  encodeContextQuery,
  encodeInfoQuery,
  encodeOption,
} from '../../../dataplane/nbd/option-codec.ts';
import { dataChunkHeader, errorChunk, simpleReply } from '../../../dataplane/nbd/reply-codec.ts';
import { encodeRequest, type NbdRequest } from '../../../dataplane/nbd/request.ts';
import { ServerHandshake } from '../../../dataplane/nbd/server-handshake.ts';
import { ServerSession, type SessionStep } from '../../../dataplane/nbd/server-session.ts';
import { command, option } from '../../../dataplane/nbd/wire.ts';

const geometry = { sizeBytes: 65_536, blockBytes: 4096, readOnly: false };
const contexts = ['base:allocation'];
const disk = { name: 'disk', description: '', geometry, contexts };
const exports: ExportDirectory = {
  list: () => [disk],
  find: (name) => (name === 'disk' ? disk : undefined),
};

/** Positions at which a stream is cut; the same stream must mean the same however it is cut. */
const cuts = fc.array(fc.nat(5000), { maxLength: 12 });

function cut(stream: Uint8Array, positions: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(positions)]
    .toSorted((a, b) => a - b)
    .filter((at) => at < stream.length);
  const edges = [0, ...sorted, stream.length];
  return edges.slice(1).map((end, index) => stream.subarray(edges[index], end));
}

const garbage = fc.uint8Array({ minLength: 1, maxLength: 64 });

/** What a client might send in the handshake: sense, nonsense and half of each. */
const clientOption = fc.oneof(
  fc.constantFrom(
    encodeOption(option.list, Buffer.alloc(0)),
    encodeOption(option.structuredReply, Buffer.alloc(0)),
    encodeOption(option.info, encodeInfoQuery({ exportName: 'disk', facts: [1, 3] })),
    encodeOption(
      option.setMetaContext,
      encodeContextQuery({ exportName: 'disk', queries: ['base:allocation'] }),
    ),
    encodeOption(option.go, encodeInfoQuery({ exportName: 'disk', facts: [] })),
    encodeOption(option.startTls, Buffer.alloc(0)),
    encodeOption(option.abort, Buffer.alloc(0)),
    encodeOption(99, Buffer.alloc(3)),
  ),
  fc
    .tuple(fc.integer({ min: 0, max: 12 }), garbage)
    .map(([code, data]) => encodeOption(code, data)),
  garbage,
);

const handshakeStream = fc
  .tuple(
    fc.constantFrom('00000003', '00000000', '00000001'),
    fc.array(clientOption, { maxLength: 8 }),
  )
  .map(([flags, options]) => Buffer.concat([Buffer.from(flags, 'hex'), ...options]));

const request: fc.Arbitrary<NbdRequest> = fc.record({
  code: fc.integer({ min: 0, max: 9 }),
  flags: fc.constantFrom(0, 0, 0, 1, 2, 4, 8, 16, 64),
  cookieHigh: fc.nat(3),
  cookieLow: fc.nat(1000),
  offsetBytes: fc.nat(70_000),
  lengthBytes: fc.nat(3000),
});

const requestStream = fc
  .array(
    fc.oneof({ weight: 9, arbitrary: request.map(withPayload) }, { weight: 1, arbitrary: garbage }),
    { maxLength: 10 },
  )
  .map((parts) => Buffer.concat(parts));

function withPayload(made: NbdRequest): Uint8Array {
  const payload = made.code === command.write ? made.lengthBytes : 0;
  return Buffer.concat([encodeRequest(made), Buffer.alloc(payload, made.cookieLow)]);
}

function handshakeOf(chunks: readonly Uint8Array[]): unknown[] {
  const handshake = new ServerHandshake(exports, 'tls-optional');
  return chunks.flatMap((chunk) => {
    const steps = handshake.push(chunk);
    assert.ok(handshake.heldBytes <= nbdLimits.optionBytesMax + 64);
    // Bytes behind the last option belong to transmission; how many came along depends on the cut.
    return steps.map((step) => (step.kind === 'begin' ? { ...step, rest: undefined } : step));
  });
}

function sessionOf(chunks: readonly Uint8Array[]): SessionStep[] {
  const inFlight = new InFlight();
  const agreement = { exportName: 'disk', structured: true, contexts: [] };
  const session = new ServerSession(agreement, () => geometry, inFlight);
  return chunks.flatMap((chunk) => {
    session.push(chunk);
    const steps: SessionStep[] = [];
    for (let step = session.next(); step !== undefined; step = session.next()) {
      steps.push(step);
      if (step.kind === 'request') inFlight.remove(step.memoryBytes);
      if (step.kind === 'refusal') inFlight.remove(0);
    }
    // What is no whole request yet: a header, or a payload that has its own memory.
    assert.ok(session.heldBytes < 28);
    return steps.map(plain);
  });
}

/** Views and buffers of different kinds compare as what they hold. */
function plain(step: SessionStep): SessionStep {
  return step.kind === 'request' ? { ...step, payload: Buffer.from(step.payload) } : step;
}

describe('NBD byte streams', () => {
  it('mean the same to the server however they are cut [handshake]', () => {
    fc.assert(
      fc.property(handshakeStream, cuts, (stream, positions) => {
        // STARTTLS with more behind it depends on the cut by design: what follows is not in clear.
        fc.pre(!stream.includes(Buffer.from(encodeOption(option.startTls, Buffer.alloc(0)))));
        assert.deepEqual(handshakeOf(cut(stream, positions)), handshakeOf([stream]));
      }),
    );
  });

  it('mean the same to the server however they are cut [requests]', () => {
    fc.assert(
      fc.property(requestStream, cuts, (stream, positions) => {
        assert.deepEqual(sessionOf(cut(stream, positions)), sessionOf([stream]));
      }),
    );
  });

  it('never make the server throw or hold more than its limit', () => {
    fc.assert(
      fc.property(handshakeStream, cuts, garbage, (stream, positions, tail) => {
        const steps = handshakeOf([...cut(stream, positions), tail]);
        assert.ok(steps.length < 200);
      }),
      { numRuns: 300 },
    );
  });

  it('mean the same to the client however they are cut, and never make it throw', () => {
    const header = { cookieHigh: 0, code: 0, flags: 0, offsetBytes: 100, lengthBytes: 8 };
    const reply = fc.oneof(
      fc
        .integer({ min: 1, max: 4 })
        .map((cookieLow) => simpleReply({ ...header, cookieLow }, undefined)),
      fc
        .integer({ min: 1, max: 4 })
        .map((cookieLow) => errorChunk({ ...header, cookieLow }, 'EIO', 'broken', 100)),
      fc
        .tuple(
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 90, max: 110 }),
          fc.boolean(),
          fc.nat(12),
        )
        .map(([cookieLow, offsetBytes, last, lengthBytes]) =>
          Buffer.concat([
            dataChunkHeader({ ...header, cookieLow }, { offsetBytes, lengthBytes, last }),
            Buffer.alloc(lengthBytes, 7),
          ]),
        ),
      garbage,
    );
    const replies = fc.array(reply, { maxLength: 6 }).map((parts) => Buffer.concat(parts));
    const outcomes = (chunks: readonly Uint8Array[]): unknown => {
      const session = new ClientSession(true);
      for (const code of [command.read, command.write, command.read, command.blockStatus]) {
        session.submit({ code, flags: 0, offsetBytes: 100, lengthBytes: 8 });
      }
      const events = chunks.map((chunk) => session.push(chunk));
      const broken = events.some(({ kind }) => kind === 'violation');
      const done = events.flatMap((event) =>
        event.kind === 'completions' ? event.completions : [],
      );
      // What ended in the same chunk as a violation is lost with the connection.
      return broken ? 'violation' : done;
    };
    fc.assert(
      fc.property(replies, cuts, (stream, positions) => {
        assert.deepEqual(outcomes(cut(stream, positions)), outcomes([stream]));
      }),
      { numRuns: 300 },
    );
  });

  it('of any server never make the client throw in the handshake', () => {
    const greeting = Buffer.from('4e42444d4147494349484156454f50540003', 'hex');
    fc.assert(
      fc.property(fc.boolean(), fc.array(garbage, { maxLength: 6 }), (polite, chunks) => {
        const handshake = new ClientHandshake({
          goal: 'transmit',
          exportName: 'disk',
          tls: false,
          structured: true,
          contexts,
        });
        const steps = [...(polite ? [greeting] : []), ...chunks].flatMap((chunk) =>
          handshake.push(chunk),
        );
        assert.ok(!steps.some(({ kind }) => kind === 'begin'), 'garbage is no agreement');
      }),
      { numRuns: 300 },
    );
  });
});
