/**
 * Frames between engine and replica (docs/wire.md): a length, a checksum of all that follows, a
 * fixed header, a payload. Bytes that are not such a frame end the connection with `peer.malformed`
 * and do nothing else.
 */
import { Buffer } from 'node:buffer';
import { Defect } from '../base/assert.ts';
import { readU32, readU64, writeU16, writeU32, writeU64 } from '../base/big-endian.ts';
import { crc32c, joinedCrc32c, seededCrc32c } from '../base/crc32c.ts';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';

export interface Frame {
  readonly verb: number;
  readonly flags: number;
  /** The question's number; the answer repeats it. */
  readonly id: number;
  readonly epoch: number;
  /** Sequence, generation or count, as the verb says. */
  readonly number: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly payload: Uint8Array;
  /** Of the payload, where it is known already; what is sent is checked against it. */
  readonly payloadCrc?: number | undefined;
  /** Of a frame that was read: checksums of the payload's blocks, where the reader knows them. */
  readonly blockCrcs?: Uint32Array | undefined;
}

/** Length and checksum. */
const prefixBytes = 8;
const headerBytes = 40;

/** Where the fields stand, from the first byte of the frame. */
const at = {
  verb: 8,
  flags: 9,
  zero: 10,
  id: 12,
  epoch: 20,
  number: 28,
  offsetBytes: 36,
  lengthBytes: 44,
  payload: 48,
} as const;

/** Two pieces, so that the payload is not copied. */
export function encodeFrame(frame: Frame): readonly Uint8Array[] {
  const { payload } = frame;
  // From Node's pool: a small array of its own would cost as much as all of its fields.
  const bytes = Buffer.allocUnsafe(prefixBytes + headerBytes);
  writeU32(bytes, 0, 4 + headerBytes + payload.length);
  bytes[at.verb] = frame.verb;
  bytes[at.flags] = frame.flags;
  writeU16(bytes, at.zero, 0);
  writeU64(bytes, at.id, whole(frame.id));
  writeU64(bytes, at.epoch, whole(frame.epoch));
  writeU64(bytes, at.number, whole(frame.number));
  writeU64(bytes, at.offsetBytes, whole(frame.offsetBytes));
  writeU32(bytes, at.lengthBytes, whole(frame.lengthBytes, 2 ** 32 - 1));
  const headerCrc = crc32c(bytes.subarray(prefixBytes));
  const { payloadCrc = payload.length === 0 ? 0 : crc32c(payload) } = frame;
  writeU32(bytes, 4, seededCrc32c(headerCrc, payloadCrc, payload.length));
  return payload.length === 0 ? [bytes] : [bytes, payload];
}

function whole(value: number, max = Number.MAX_SAFE_INTEGER): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new Defect(`a field of a frame out of range: ${value}`);
}

/** Finds frames in a byte stream, however it is cut. */
export class FrameReader {
  /** Payloads of whole blocks of so many bytes come with a checksum of each; 0 for none. */
  blockBytes = 0;
  #chunks: Uint8Array[] = [];
  #buffered = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
  }

  /** Undefined: more bytes are needed. Throws `peer.malformed`. */
  next(): Frame | undefined {
    if (this.#buffered < prefixBytes) return undefined;
    const lengthBytes = readU32(this.#peek(4), 0);
    if (lengthBytes < 4 + headerBytes || lengthBytes > limits.frameBytesMax) {
      throw malformed(`a frame of ${lengthBytes} bytes`);
    }
    if (this.#buffered < 4 + lengthBytes) return undefined;
    const bytes = this.#take(4 + lengthBytes);
    const payload = bytes.subarray(at.payload);
    const blockCrcs = this.#blockCrcs(payload);
    const crc =
      blockCrcs === undefined
        ? crc32c(bytes.subarray(prefixBytes))
        : joinedCrc32c(blockCrcs, this.blockBytes, crc32c(bytes.subarray(prefixBytes, at.payload)));
    if (readU32(bytes, 4) !== crc) throw malformed('a frame that does not match its checksum');
    return {
      verb: bytes[at.verb] ?? 0,
      flags: bytes[at.flags] ?? 0,
      id: wholeIn(bytes, at.id),
      epoch: wholeIn(bytes, at.epoch),
      number: wholeIn(bytes, at.number),
      offsetBytes: wholeIn(bytes, at.offsetBytes),
      lengthBytes: readU32(bytes, at.lengthBytes),
      payload,
      blockCrcs,
    };
  }

  #blockCrcs(payload: Uint8Array): Uint32Array | undefined {
    const { blockBytes } = this;
    if (blockBytes === 0 || payload.length === 0 || payload.length % blockBytes !== 0) {
      return undefined;
    }
    const crcs = new Uint32Array(payload.length / blockBytes);
    for (let index = 0; index < crcs.length; index++) {
      crcs[index] = crc32c(payload.subarray(index * blockBytes, (index + 1) * blockBytes));
    }
    return crcs;
  }

  /** At least so many bytes of what comes next, which are there. */
  #peek(lengthBytes: number): Uint8Array {
    if ((this.#chunks[0]?.length ?? 0) < lengthBytes) this.#join();
    return this.#chunks[0] ?? new Uint8Array(0);
  }

  #take(lengthBytes: number): Uint8Array {
    if ((this.#chunks[0]?.length ?? 0) < lengthBytes) this.#join();
    const [first] = this.#chunks;
    if (first === undefined) throw malformed('no bytes');
    this.#buffered -= lengthBytes;
    if (first.length === lengthBytes) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(lengthBytes);
    return first.subarray(0, lengthBytes);
  }

  #join(): void {
    const whole = Buffer.allocUnsafeSlow(this.#buffered);
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [whole];
  }
}

function wholeIn(bytes: Uint8Array, offset: number): number {
  const value = readU64(bytes, offset);
  if (value > Number.MAX_SAFE_INTEGER) throw malformed(`a number beyond 2^53: ${value}`);
  return value;
}

export function malformed(what: string): Fault {
  return new Fault('peer.malformed', `The peer sent ${what}.`, {
    hint: 'Both ends must run versions of Larder that understand each other.',
  });
}
