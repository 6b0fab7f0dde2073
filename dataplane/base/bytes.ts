/** Fields of fixed layouts: all integers are big-endian, 64-bit ones stay below 2^53. */
import { Buffer } from 'node:buffer';
import { assert, Defect } from './assert.ts';

/** Half-open range of whole numbers, for example of blocks or regions. */
export interface Span {
  readonly first: number;
  /** One past the last. */
  readonly end: number;
}

/** Writes fields one after the other into a buffer of known size. */
export class ByteWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  get offset(): number {
    return this.#offset;
  }

  u8(value: number): this {
    this.#view.setUint8(this.#advance(1), value);
    return this;
  }

  u32(value: number): this {
    // No `assert`: its message would be made for every field that is in order.
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** 32) throw outOfRange('u32', value);
    this.#view.setUint32(this.#advance(4), value);
    return this;
  }

  u64(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw outOfRange('u64', value);
    this.#view.setUint32(this.#advance(4), Math.floor(value / 2 ** 32));
    this.#view.setUint32(this.#advance(4), value % 2 ** 32);
    return this;
  }

  /** ASCII text in a field of `widthBytes`, filled up with zero bytes. */
  text(value: string, widthBytes: number): this {
    assert(value.length <= widthBytes, `text of ${value.length} in a field of ${widthBytes} bytes`);
    const at = this.#advance(widthBytes);
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      assert(code > 0 && code < 128, `text field is ASCII, found code ${code}`);
      this.bytes[at + index] = code;
    }
    return this;
  }

  raw(value: Uint8Array): this {
    this.bytes.set(value, this.#advance(value.length));
    return this;
  }

  #advance(lengthBytes: number): number {
    const at = this.#offset;
    assert(at + lengthBytes <= this.bytes.length, 'field beyond the end of its buffer');
    this.#offset = at + lengthBytes;
    return at;
  }
}

/**
 * Reads what `ByteWriter` wrote. What cannot be such a field throws `RangeError`: decoders catch
 * it.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  u64(): number {
    const value = this.u32() * 2 ** 32 + this.u32();
    if (!Number.isSafeInteger(value)) throw new RangeError(`number beyond 2^53: ${value}`);
    return value;
  }

  text(widthBytes: number): string {
    const field = this.raw(widthBytes);
    const end = field.indexOf(0);
    let value = '';
    for (const code of end === -1 ? field : field.subarray(0, end)) {
      if (code > 127) throw new RangeError(`text field is ASCII, found byte ${code}`);
      value += String.fromCharCode(code);
    }
    return value;
  }

  /** A view, not a copy. */
  raw(lengthBytes: number): Uint8Array {
    const at = this.#advance(lengthBytes);
    return this.#bytes.subarray(at, at + lengthBytes);
  }

  #advance(lengthBytes: number): number {
    const at = this.#offset;
    if (lengthBytes > this.#bytes.length - at) {
      throw new RangeError(`${lengthBytes} bytes wanted at ${at}, ${this.remaining} left`);
    }
    this.#offset = at + lengthBytes;
    return at;
  }
}

function outOfRange(field: string, value: number): Defect {
  return new Defect(`${field} out of range: ${value}`);
}

const zeroes = new Uint8Array(4096);

export function isZero(bytes: Uint8Array): boolean {
  // Data differs in its first byte almost always; only what may be zero is compared in full.
  if ((bytes[0] ?? 0) !== 0) return false;
  for (let at = 0; at < bytes.length; at += zeroes.length) {
    const piece = bytes.subarray(at, at + zeroes.length);
    if (Buffer.compare(piece, zeroes.subarray(0, piece.length)) !== 0) return false;
  }
  return true;
}
