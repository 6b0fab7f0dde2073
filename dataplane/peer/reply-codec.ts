/** Answers of a replica to frames and back (docs/wire.md has every field). */
import { unreachable } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { type FaultCode, faultCodes } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { standings } from '../store/superblock.ts';
import type { MemberExtent, MemberReply, MemberReport } from '../volume/member.ts';
import { type Frame, malformed } from './frame.ts';
import {
  absenceBytes,
  empty,
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

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const extentBytes = 8;

export type Failed = Extract<MemberReply, { kind: 'failed' }>;

export function encodeReply(id: number, reply: MemberReply): readonly Uint8Array[] {
  switch (reply.kind) {
    case 'done':
      return frame({ verb: verbs.done, id });
    case 'data':
      return frame({ verb: verbs.data, id, payload: reply.bytes, payloadCrc: reply.crc });
    case 'digests':
      return frame({ verb: verbs.digests, id, payload: reply.bytes });
    case 'stale':
      return frame({
        verb: verbs.stale,
        id,
        epoch: reply.promisedEpoch,
        payload: nameField(reply.promisedTo),
      });
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
      const fixed = 16 + absences.length * absenceBytes + 4 + snapshots.length * idWidth;
      const payload = new ByteWriter(fixed + dirty.length).u64(report.age).u64(report.peerAge);
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
      return {
        kind: 'stale',
        promisedEpoch: found.epoch,
        promisedTo: payloadReader(found, idWidth).text(idWidth),
      };
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
  const [age, peerAge] = [reader.u64(), reader.u64()];
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
    age,
    peerAge,
    absences,
    snapshots,
    dirty: reader.raw(reader.remaining),
  };
}

/** A code of a later version is unknown here and counts as a refusal. */
export function decodeFailed(found: Frame): Failed {
  const reader = payloadReader(found, found.payload.length);
  const code = reader.text(Math.min(idWidth, reader.remaining));
  const reason = decoder.decode(reader.raw(reader.remaining));
  return { kind: 'failed', code: isFaultCode(code) ? code : 'peer.refused', reason };
}

function isFaultCode(code: string): code is FaultCode {
  return Object.hasOwn(faultCodes, code);
}
