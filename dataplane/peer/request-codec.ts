/**
 * Requests of an engine to frames and back (docs/wire.md has every field). Decoding checks
 * everything that can be checked without knowing the volume; what is left is checked by the one who
 * uses it.
 */
import { unreachable } from '../base/assert.ts';
import { ByteWriter } from '../base/bytes.ts';
import { standings } from '../store/superblock.ts';
import type { MemberRequest } from '../volume/member.ts';
import { type Frame, malformed } from './frame.ts';
import {
  absenceBytes,
  empty,
  flagFua,
  flagProven,
  flagWhole,
  frame,
  idWidth,
  nameField,
  payloadReader,
  standingOf,
  strict,
  verbs,
} from './verbs.ts';

type Ordered = Extract<MemberRequest, { kind: 'write' | 'zero' | 'trim' | 'spoil' }>;
type Named = Extract<MemberRequest, { kind: 'track' | 'untrack' | 'changed' | 'copied' }>;

export function encodeRequest(id: number, request: MemberRequest): readonly Uint8Array[] {
  const { epoch } = request;
  switch (request.kind) {
    case 'promise':
      return frame({ verb: verbs.promise, id, epoch, payload: nameField(request.writer) });
    case 'flush':
      return frame({ verb: verbs.flush, id, epoch });
    case 'grow': {
      const { age: number, peerAge: offsetBytes } = request;
      return frame({ verb: verbs.grow, id, epoch, number, offsetBytes });
    }
    case 'become': {
      const number = standings.indexOf(request.standing);
      const flags = request.proven ? flagProven : 0;
      return frame({ verb: verbs.become, id, epoch, flags, number });
    }
    case 'write':
    case 'zero':
    case 'trim':
    case 'spoil':
      return encodeOrdered(id, request);
    case 'track':
    case 'untrack':
    case 'changed':
    case 'copied':
      return encodeNamed(id, request);
    case 'read':
    case 'digest': {
      const { kind, span, snapshot = '' } = request;
      const payload = snapshot === '' ? empty : nameField(snapshot);
      return frame({ verb: verbs[kind], id, epoch, ...span, payload });
    }
    case 'mend': {
      const { offsetBytes, snapshot, bytes } = request;
      const payload = new ByteWriter(idWidth + bytes.length).text(snapshot, idWidth).raw(bytes);
      return frame({ verb: verbs.mend, id, epoch, offsetBytes, payload: payload.bytes });
    }
    case 'status':
      return frame({ verb: verbs.status, id, epoch, ...request.span });
    case 'difference': {
      const payload = new ByteWriter(2 * idWidth).text(request.from, idWidth);
      payload.text(request.to, idWidth);
      return frame({ verb: verbs.difference, id, epoch, ...request.span, payload: payload.bytes });
    }
    case 'snapshot':
    case 'forget':
      return frame({ verb: verbs[request.kind], id, epoch, payload: nameField(request.name) });
    case 'resize':
      return frame({ verb: verbs.resize, id, epoch, offsetBytes: request.sizeBytes });
    case 'heartbeat':
      return frame({ verb: verbs.heartbeat, id, epoch, number: request.cleanThrough });
    default:
      return unreachable(request);
  }
}

/** What changes blocks and has its place in the order of the epoch. */
function encodeOrdered(id: number, request: Ordered): readonly Uint8Array[] {
  const { epoch, sequence: number } = request;
  if (request.kind === 'spoil') {
    return frame({ verb: verbs.spoil, id, epoch, number, ...request.span });
  }
  const order = { verb: verbs[request.kind], id, epoch, number, flags: request.fua ? flagFua : 0 };
  if (request.kind !== 'write') return frame({ ...order, ...request.span });
  const { offsetBytes, bytes: payload, crc: payloadCrc } = request;
  return frame({ ...order, offsetBytes, payload, payloadCrc });
}

/** What is about another member. */
function encodeNamed(id: number, request: Named): readonly Uint8Array[] {
  const { epoch } = request;
  if (request.kind === 'untrack') {
    return frame({ verb: verbs.untrack, id, epoch, payload: nameField(request.member) });
  }
  const { member, generation } = request.absence;
  if (request.kind === 'copied') {
    const { sequence: number, beforeBytes: offsetBytes } = request;
    const payload = new ByteWriter(absenceBytes + 8).text(member, idWidth).u64(generation);
    payload.u64(request.age);
    return frame({ verb: verbs.copied, id, epoch, number, offsetBytes, payload: payload.bytes });
  }
  if (request.kind === 'changed') {
    const payload = new ByteWriter(idWidth + 8).text(member, idWidth).u64(request.age).bytes;
    return frame({ verb: verbs.askChanged, id, epoch, number: generation, payload });
  }
  const flags = request.whole ? flagWhole : 0;
  const payload = nameField(member);
  return frame({ verb: verbs.track, id, epoch, flags, number: generation, payload });
}

/** What changes blocks on behalf of a client. */
function changeOf(found: Frame): MemberRequest {
  const { epoch, flags, number: sequence, offsetBytes, lengthBytes, blockCrcs } = found;
  const order = { epoch, sequence, fua: (flags & flagFua) !== 0 };
  if (found.verb !== verbs.write) {
    const kind = found.verb === verbs.zero ? 'zero' : 'trim';
    return { kind, ...order, span: { offsetBytes, lengthBytes } };
  }
  const write = { kind: 'write', ...order, offsetBytes, bytes: found.payload } as const;
  return blockCrcs === undefined ? write : { ...write, blockCrcs };
}

/** Throws `peer.malformed`. */
export const decodeRequest: (found: Frame) => MemberRequest = strict(requestOf);

function requestOf(found: Frame): MemberRequest {
  const { epoch, flags, number, offsetBytes, lengthBytes } = found;
  const member = () => payloadReader(found, idWidth).text(idWidth);
  switch (found.verb) {
    case verbs.promise:
      return { kind: 'promise', epoch, writer: member() };
    case verbs.grow:
      return { kind: 'grow', epoch, age: number, peerAge: offsetBytes };
    case verbs.flush:
      return { kind: 'flush', epoch };
    case verbs.become:
      return {
        kind: 'become',
        epoch,
        standing: standingOf(number),
        proven: (flags & flagProven) !== 0,
      };
    case verbs.track: {
      const absence = { member: member(), generation: number };
      return { kind: 'track', epoch, absence, whole: (flags & flagWhole) !== 0 };
    }
    case verbs.untrack:
      return { kind: 'untrack', epoch, member: member() };
    case verbs.askChanged: {
      const reader = payloadReader(found, idWidth + 8);
      const absence = { member: reader.text(idWidth), generation: number };
      return { kind: 'changed', epoch, absence, age: reader.u64() };
    }
    case verbs.write:
    case verbs.zero:
    case verbs.trim:
      return changeOf(found);
    case verbs.spoil:
      return { kind: 'spoil', epoch, sequence: number, span: { offsetBytes, lengthBytes } };
    case verbs.snapshot:
    case verbs.forget:
      return { kind: found.verb === verbs.snapshot ? 'snapshot' : 'forget', epoch, name: member() };
    case verbs.copied: {
      const reader = payloadReader(found, absenceBytes + 8);
      const absence = { member: reader.text(idWidth), generation: reader.u64() };
      const cursor = { age: reader.u64(), beforeBytes: offsetBytes, sequence: number };
      return { kind: 'copied', epoch, absence, ...cursor };
    }
    case verbs.resize:
      return { kind: 'resize', epoch, sizeBytes: offsetBytes };
    case verbs.heartbeat:
      return { kind: 'heartbeat', epoch, cleanThrough: number };
    default:
      return viewRequestOf(found);
  }
}

/** What is asked about the volume as it is, or about its snapshots. */
function viewRequestOf(found: Frame): MemberRequest {
  const { epoch, offsetBytes, lengthBytes } = found;
  switch (found.verb) {
    case verbs.read:
    case verbs.digest: {
      const kind = found.verb === verbs.read ? 'read' : 'digest';
      const span = { offsetBytes, lengthBytes };
      return found.payload.length === 0
        ? { kind, epoch, span }
        : { kind, epoch, span, snapshot: payloadReader(found, idWidth).text(idWidth) };
    }
    case verbs.mend: {
      const reader = payloadReader(found, found.payload.length);
      const snapshot = reader.text(idWidth);
      return { kind: 'mend', epoch, snapshot, offsetBytes, bytes: reader.raw(reader.remaining) };
    }
    case verbs.status:
      return { kind: 'status', epoch, span: { offsetBytes, lengthBytes } };
    case verbs.difference: {
      const reader = payloadReader(found, 2 * idWidth);
      const views = { from: reader.text(idWidth), to: reader.text(idWidth) };
      return { kind: 'difference', epoch, span: { offsetBytes, lengthBytes }, ...views };
    }
    default:
      throw malformed(`verb ${found.verb} in place of a request`);
  }
}
