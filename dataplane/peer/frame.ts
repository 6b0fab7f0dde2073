/**
 * Frames between engine and replica (docs/wire.md): a length, a checksum of all that follows, a
 * fixed header, a payload. Bytes that are not such a frame end the connection with `peer.malformed`
 * and do nothing else.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
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
}

/** Length and checksum. */
const prefixBytes = 8;
const headerBytes = 40;

/** Two pieces, so that the payload is not copied. */
export function encodeFrame(frame: Frame): readonly Uint8Array[] {
  const { payload } = frame;
  const writer = new ByteWriter(prefixBytes + headerBytes)
    .u32(4 + headerBytes + payload.length)
    .u32(0)
    .u8(frame.verb)
    .u8(frame.flags)
    .u8(0)
    .u8(0)
    .u64(frame.id)
    .u64(frame.epoch)
    .u64(frame.number)
    .u64(frame.offsetBytes)
    .u32(frame.lengthBytes);
  const crc = crc32c(payload, crc32c(writer.bytes.subarray(prefixBytes)));
  new DataView(writer.bytes.buffer).setUint32(4, crc);
  return payload.length === 0 ? [writer.bytes] : [writer.bytes, payload];
}

/** Finds frames in a byte stream, however it is cut. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #buffered = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
  }

  /** Undefined: more bytes are needed. Throws `peer.malformed`. */
  next(): Frame | undefined {
    if (this.#buffered < prefixBytes) return undefined;
    const lengthBytes = new ByteReader(this.#peek(4)).u32();
    if (lengthBytes < 4 + headerBytes || lengthBytes > limits.frameBytesMax) {
      throw malformed(`a frame of ${lengthBytes} bytes`);
    }
    if (this.#buffered < 4 + lengthBytes) return undefined;
    const bytes = this.#take(4 + lengthBytes);
    const reader = new ByteReader(bytes);
    reader.u32();
    if (reader.u32() !== crc32c(bytes.subarray(prefixBytes))) {
      throw malformed('a frame that does not match its checksum');
    }
    try {
      const verb = reader.u8();
      const flags = reader.u8();
      reader.raw(2);
      const [id, epoch, number, offsetBytes] = [
        reader.u64(),
        reader.u64(),
        reader.u64(),
        reader.u64(),
      ];
      const length = reader.u32();
      const payload = reader.raw(reader.remaining);
      return { verb, flags, id, epoch, number, offsetBytes, lengthBytes: length, payload };
    } catch (error) {
      if (error instanceof RangeError) throw malformed(error.message);
      throw error;
    }
  }

  #peek(lengthBytes: number): Uint8Array {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= lengthBytes) return first.subarray(0, lengthBytes);
    this.#join();
    return (this.#chunks[0] ?? new Uint8Array(0)).subarray(0, lengthBytes);
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
    const joined = new Uint8Array(this.#buffered);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
  }
}

export function malformed(what: string): Fault {
  return new Fault('peer.malformed', `The peer sent ${what}.`, {
    hint: 'Both ends must run versions of Larder that understand each other.',
  });
}
