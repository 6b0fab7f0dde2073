/**
 * What all messages share: the numbers of verbs and flags, names in fields, and the rule that what
 * cannot be is the peer's fault (docs/wire.md).
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import { type Standing, standings } from '../store/superblock.ts';
import { encodeFrame, type Frame, malformed } from './frame.ts';

export const verbs = {
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
  grow: 20,
  difference: 21,
  mend: 22,
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
export const flagFua = 1;
/** `become`, `promised`, `welcome`: nothing was lost since last in sync. */
export const flagProven = 1;
/** `track`: every region counts as changed. `changed`: that absence is not tracked. */
export const flagWhole = 1;

export const empty = new Uint8Array(0);
export const idWidth = limits.idBytesMax;
/** A member and a generation. */
export const absenceBytes = idWidth + 8;

type Fields = Partial<Frame> & { readonly verb: number };

/** Fields that are not named are zero. */
export function frame(fields: Fields): readonly Uint8Array[] {
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

export function nameField(name: string): Uint8Array {
  return new ByteWriter(idWidth).text(name, idWidth).bytes;
}

export function standingOf(number: number): Standing {
  const standing = standings[number];
  if (standing === undefined) throw malformed(`standing ${number}`);
  return standing;
}

/** Fields that cannot be are the peer's fault, not ours. */
export function strict<T>(decode: (found: Frame) => T): (found: Frame) => T {
  return (found) => {
    try {
      return decode(found);
    } catch (error) {
      if (error instanceof RangeError) throw malformed(error.message);
      throw error;
    }
  };
}

/** Throws `peer.malformed` when the payload has another length. */
export function payloadReader(found: Frame, lengthBytes: number): ByteReader {
  if (found.payload.length !== lengthBytes) {
    throw malformed(`verb ${found.verb} with ${found.payload.length} bytes, not ${lengthBytes}`);
  }
  return new ByteReader(found.payload);
}
