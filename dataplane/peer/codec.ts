/**
 * Messages to frames and back (docs/wire.md has every field). Decoding checks everything that can
 * be checked without knowing the volume; what is left is checked by the one who uses it.
 */
import { unreachable } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { type FaultCode, faultCodes } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { type Standing, standings } from '../store/superblock.ts';
import type {
  MemberExtent,
  MemberReply,
  MemberReport,
  MemberRequest,
  Welcome,
} from '../volume/member.ts';
import { encodeFrame, type Frame, malformed } from './frame.ts';

export const protocolVersion = 1;

/** What a client says first: which store it wants, and which versions it speaks. */
export interface Hello {
  readonly versionMin: number;
  readonly versionMax: number;
  readonly volume: string;
  readonly member: string;
}

const verbs = {
  hello: 1,
  promise: 2,
  become: 3,
  track: 4,
  untrack: 5,
  askChanged: 6,
  write: 7,
  zero: 8,
  trim: 9,
  read: 10,
  flush: 11,
  heartbeat: 12,
  digest: 13,
  status: 14,
  spoil: 15,
  snapshot: 16,
  forget: 17,
  resize: 18,
  copied: 19,
  welcome: 64,
  done: 65,
  promised: 66,
  data: 67,
  corrupt: 68,
  changed: 69,
  stale: 70,
  failed: 71,
  digests: 72,
  extents: 73,
} as const;

/** `write`, `zero`, `trim`: durable before the answer. */
const flagFua = 1;
/** `become`, `promised`, `welcome`: nothing was lost since last in sync. */
const flagProven = 1;
/** `track`: every region counts as changed. `changed`: that absence is not tracked. */
const flagWhole = 1;

const empty = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const idWidth = limits.idBytesMax;
const absenceBytes = idWidth + 8;
const extentBytes = 8;

type Fields = Partial<Frame> & { readonly verb: number };

function frame(fields: Fields): readonly Uint8Array[] {
  return encodeFrame({
    flags: 0,
    id: 0,
    epoch: 0,
    number: 0,
    offsetBytes: 0,
    lengthBytes: 0,
    payload: empty,
    ...fields,
  });
}

export function encodeHello(hello: Hello): readonly Uint8Array[] {
  const payload = new ByteWriter(2 * idWidth)
    .text(hello.volume, idWidth)
    .text(hello.member, idWidth);
  return frame({
    verb: verbs.hello,
    number: hello.versionMin,
    lengthBytes: hello.versionMax,
    payload: payload.bytes,
  });
}

/** Throws `peer.malformed`. */
export const decodeHello: (found: Frame) => Hello = strict(helloOf);

function helloOf(found: Frame): Hello {
  if (found.verb !== verbs.hello) throw malformed(`verb ${found.verb} in place of a hello`);
  const reader = payloadReader(found, 2 * idWidth);
  return {
    versionMin: found.number,
    versionMax: found.lengthBytes,
    volume: reader.text(idWidth),
    member: reader.text(idWidth),
  };
}

export function encodeWelcome(welcome: Welcome): readonly Uint8Array[] {
  const payload = new ByteWriter(4 * idWidth)
    .text(welcome.volume, idWidth)
    .text(welcome.lineage, idWidth)
    .text(welcome.member, idWidth)
    .text(welcome.incarnation, idWidth);
  return frame({
    verb: verbs.welcome,
    flags: welcome.proven ? flagProven : 0,
    epoch: welcome.promisedEpoch,
    number: standings.indexOf(welcome.standing),
    lengthBytes: protocolVersion,
    payload: payload.bytes,
  });
}

type Failed = Extract<MemberReply, { kind: 'failed' }>;

/** In place of a welcome a `failed` reply may come, which says why not. Throws `peer.malformed`. */
export const decodeWelcome: (found: Frame) => Welcome | Failed = strict(welcomeOf);

function welcomeOf(found: Frame): Welcome | Failed {
  if (found.verb === verbs.failed) return decodeFailed(found);
  if (found.verb !== verbs.welcome) throw malformed(`verb ${found.verb} in place of a welcome`);
  const reader = payloadReader(found, 4 * idWidth);
  return {
    volume: reader.text(idWidth),
    lineage: reader.text(idWidth),
    member: reader.text(idWidth),
    incarnation: reader.text(idWidth),
    promisedEpoch: found.epoch,
    standing: standingOf(found.number),
    proven: (found.flags & flagProven) !== 0,
  };
}

export function encodeRequest(id: number, request: MemberRequest): readonly Uint8Array[] {
  const { epoch } = request;
  switch (request.kind) {
    case 'promise':
      return frame({ verb: verbs.promise, id, epoch });
    case 'flush':
      return frame({ verb: verbs.flush, id, epoch });
    case 'become': {
      const number = standings.indexOf(request.standing);
      const flags = request.proven ? flagProven : 0;
      return frame({ verb: verbs.become, id, epoch, flags, number });
    }
    case 'track': {
      const payload = nameField(request.absence.member);
      const flags = request.whole ? flagWhole : 0;
      return frame({
        verb: verbs.track,
        id,
        epoch,
        flags,
        number: request.absence.generation,
        payload,
      });
    }
    case 'untrack': {
      const payload = nameField(request.member);
      return frame({ verb: verbs.untrack, id, epoch, payload });
    }
    case 'changed': {
      const payload = nameField(request.absence.member);
      return frame({
        verb: verbs.askChanged,
        id,
        epoch,
        number: request.absence.generation,
        payload,
      });
    }
    case 'write': {
      const flags = request.fua ? flagFua : 0;
      const { sequence: number, offsetBytes, bytes: payload } = request;
      return frame({ verb: verbs.write, id, epoch, flags, number, offsetBytes, payload });
    }
    case 'zero':
    case 'trim': {
      const flags = request.fua ? flagFua : 0;
      const { sequence: number, span } = request;
      return frame({ verb: verbs[request.kind], id, epoch, flags, number, ...span });
    }
    case 'read':
    case 'digest': {
      const { kind, span, snapshot = '' } = request;
      const payload = snapshot === '' ? empty : nameField(snapshot);
      return frame({ verb: verbs[kind], id, epoch, ...span, payload });
    }
    case 'status':
      return frame({ verb: verbs.status, id, epoch, ...request.span });
    case 'spoil': {
      const { sequence: number, span } = request;
      return frame({ verb: verbs.spoil, id, epoch, number, ...span });
    }
    case 'snapshot':
    case 'forget':
      return frame({ verb: verbs[request.kind], id, epoch, payload: nameField(request.name) });
    case 'copied': {
      const { member, generation } = request.absence;
      const { sequence: number, beforeBytes: offsetBytes } = request;
      const payload = new ByteWriter(absenceBytes).text(member, idWidth).u64(generation).bytes;
      return frame({ verb: verbs.copied, id, epoch, number, offsetBytes, payload });
    }
    case 'resize':
      return frame({ verb: verbs.resize, id, epoch, offsetBytes: request.sizeBytes });
    case 'heartbeat':
      return frame({ verb: verbs.heartbeat, id, epoch, number: request.cleanThrough });
    default:
      return unreachable(request);
  }
}

/** Throws `peer.malformed`. */
export const decodeRequest: (found: Frame) => MemberRequest = strict(requestOf);

function requestOf(found: Frame): MemberRequest {
  const { epoch, flags, number, offsetBytes, lengthBytes } = found;
  const member = () => payloadReader(found, idWidth).text(idWidth);
  switch (found.verb) {
    case verbs.promise:
      return { kind: 'promise', epoch };
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
    case verbs.askChanged:
      return { kind: 'changed', epoch, absence: { member: member(), generation: number } };
    case verbs.write: {
      const { payload: bytes } = found;
      return {
        kind: 'write',
        epoch,
        sequence: number,
        offsetBytes,
        bytes,
        fua: (flags & flagFua) !== 0,
      };
    }
    case verbs.zero:
    case verbs.trim: {
      const kind = found.verb === verbs.zero ? 'zero' : 'trim';
      const span = { offsetBytes, lengthBytes };
      return { kind, epoch, sequence: number, span, fua: (flags & flagFua) !== 0 };
    }
    case verbs.read:
    case verbs.digest: {
      const kind = found.verb === verbs.read ? 'read' : 'digest';
      const span = { offsetBytes, lengthBytes };
      return found.payload.length === 0
        ? { kind, epoch, span }
        : { kind, epoch, span, snapshot: member() };
    }
    case verbs.status:
      return { kind: 'status', epoch, span: { offsetBytes, lengthBytes } };
    case verbs.spoil:
      return { kind: 'spoil', epoch, sequence: number, span: { offsetBytes, lengthBytes } };
    case verbs.snapshot:
    case verbs.forget:
      return { kind: found.verb === verbs.snapshot ? 'snapshot' : 'forget', epoch, name: member() };
    case verbs.copied: {
      const reader = payloadReader(found, absenceBytes);
      const absence = { member: reader.text(idWidth), generation: reader.u64() };
      return { kind: 'copied', epoch, absence, beforeBytes: offsetBytes, sequence: number };
    }
    case verbs.resize:
      return { kind: 'resize', epoch, sizeBytes: offsetBytes };
    case verbs.heartbeat:
      return { kind: 'heartbeat', epoch, cleanThrough: number };
    default:
      throw malformed(`verb ${found.verb} in place of a request`);
  }
}

export function encodeReply(id: number, reply: MemberReply): readonly Uint8Array[] {
  switch (reply.kind) {
    case 'done':
      return frame({ verb: verbs.done, id });
    case 'data':
    case 'digests':
      return frame({ verb: verbs[reply.kind], id, payload: reply.bytes });
    case 'stale':
      return frame({ verb: verbs.stale, id, epoch: reply.promisedEpoch });
    case 'corrupt': {
      const payload = new ByteWriter(reply.blocks.length * 8);
      for (const block of reply.blocks) payload.u64(block);
      return frame({ verb: verbs.corrupt, id, payload: payload.bytes });
    }
    case 'changed': {
      const flags = reply.regions === undefined ? flagWhole : 0;
      return frame({ verb: verbs.changed, id, flags, payload: reply.regions ?? empty });
    }
    case 'extents': {
      const payload = new ByteWriter(reply.extents.length * extentBytes);
      for (const { blocks, stored } of reply.extents) payload.u32(blocks).u32(stored ? 1 : 0);
      return frame({ verb: verbs.extents, id, payload: payload.bytes });
    }
    case 'promised': {
      const { report } = reply;
      const { absences, snapshots, dirty } = report;
      const fixed = absences.length * absenceBytes + 4 + snapshots.length * idWidth;
      const payload = new ByteWriter(fixed + dirty.length);
      for (const { member, generation } of absences) payload.text(member, idWidth).u64(generation);
      payload.u32(snapshots.length);
      for (const name of snapshots) payload.text(name, idWidth);
      payload.raw(dirty);
      return frame({
        verb: verbs.promised,
        id,
        flags: report.proven ? flagProven : 0,
        number: standings.indexOf(report.standing),
        offsetBytes: report.sizeBytes,
        lengthBytes: report.absences.length,
        payload: payload.bytes,
      });
    }
    case 'failed': {
      const reason = encoder.encode(reply.reason).subarray(0, limits.reasonBytesMax);
      const payload = new ByteWriter(idWidth + reason.length).text(reply.code, idWidth).raw(reason);
      return frame({ verb: verbs.failed, id, payload: payload.bytes });
    }
    default:
      return unreachable(reply);
  }
}

/** Throws `peer.malformed`. */
export const decodeReply: (found: Frame) => MemberReply = strict(replyOf);

function replyOf(found: Frame): MemberReply {
  switch (found.verb) {
    case verbs.done:
      return { kind: 'done' };
    case verbs.data:
      return { kind: 'data', bytes: found.payload };
    case verbs.digests:
      return { kind: 'digests', bytes: found.payload };
    case verbs.stale:
      return { kind: 'stale', promisedEpoch: found.epoch };
    case verbs.corrupt: {
      const reader = new ByteReader(found.payload);
      const blocks: number[] = [];
      while (reader.remaining >= 8) blocks.push(reader.u64());
      return { kind: 'corrupt', blocks };
    }
    case verbs.changed: {
      const whole = (found.flags & flagWhole) !== 0;
      return { kind: 'changed', regions: whole ? undefined : found.payload };
    }
    case verbs.extents: {
      const reader = new ByteReader(found.payload);
      const extents: MemberExtent[] = [];
      while (reader.remaining > 0)
        extents.push({ blocks: reader.u32(), stored: reader.u32() === 1 });
      return { kind: 'extents', extents };
    }
    case verbs.promised:
      return { kind: 'promised', report: reportOf(found) };
    case verbs.failed:
      return decodeFailed(found);
    default:
      throw malformed(`verb ${found.verb} in place of a reply`);
  }
}

function reportOf(found: Frame): MemberReport {
  if (found.lengthBytes >= limits.membersMax) {
    throw malformed(`a report of ${found.lengthBytes} absent members`);
  }
  const reader = new ByteReader(found.payload);
  const absences = Array.from({ length: found.lengthBytes }, () => {
    const member = reader.text(idWidth);
    return { member, generation: reader.u64() };
  });
  const count = reader.u32();
  if (count * idWidth > reader.remaining) throw malformed(`a report of ${count} snapshots`);
  const snapshots = Array.from({ length: count }, () => reader.text(idWidth));
  return {
    standing: standingOf(found.number),
    proven: (found.flags & flagProven) !== 0,
    sizeBytes: found.offsetBytes,
    absences,
    snapshots,
    dirty: reader.raw(reader.remaining),
  };
}

/** A code of a later version is unknown here and counts as a refusal. */
function decodeFailed(found: Frame): Failed {
  const reader = payloadReader(found, found.payload.length);
  const code = reader.text(Math.min(idWidth, reader.remaining));
  const reason = decoder.decode(reader.raw(reader.remaining));
  return { kind: 'failed', code: isFaultCode(code) ? code : 'peer.refused', reason };
}

function isFaultCode(code: string): code is FaultCode {
  return Object.hasOwn(faultCodes, code);
}

function nameField(name: string): Uint8Array {
  return new ByteWriter(idWidth).text(name, idWidth).bytes;
}

function standingOf(number: number): Standing {
  const standing = standings[number];
  if (standing === undefined) throw malformed(`standing ${number}`);
  return standing;
}

/** Fields that cannot be are the peer's fault, not ours. */
function strict<T>(decode: (found: Frame) => T): (found: Frame) => T {
  return (found) => {
    try {
      return decode(found);
    } catch (error) {
      if (error instanceof RangeError) throw malformed(error.message);
      throw error;
    }
  };
}

function payloadReader(found: Frame, lengthBytes: number): ByteReader {
  if (found.payload.length !== lengthBytes) {
    throw malformed(`verb ${found.verb} with ${found.payload.length} bytes, not ${lengthBytes}`);
  }
  return new ByteReader(found.payload);
}
