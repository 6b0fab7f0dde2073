/**
 * A set of small whole numbers below a fixed size, one bit each. Checked against `Set` by property.
 */
import { assert } from './assert.ts';

export class Bitmap {
  readonly size: number;
  readonly #bytes: Uint8Array;

  /** @param bytes taken over, not copied; bit `i` is `bytes[i >> 3] & (1 << (i & 7))` */
  constructor(size: number, bytes: Uint8Array = new Uint8Array((size + 7) >> 3)) {
    assert(bytes.length === (size + 7) >> 3, `bitmap of ${size} in ${bytes.length} bytes`);
    this.size = size;
    this.#bytes = bytes;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  has(index: number): boolean {
    assert(index >= 0 && index < this.size, `bit ${index} of ${this.size}`);
    return ((this.#bytes[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  add(index: number): void {
    assert(index >= 0 && index < this.size, `bit ${index} of ${this.size}`);
    this.#bytes[index >> 3] = (this.#bytes[index >> 3] ?? 0) | (1 << (index & 7));
  }

  delete(index: number): void {
    assert(index >= 0 && index < this.size, `bit ${index} of ${this.size}`);
    this.#bytes[index >> 3] = (this.#bytes[index >> 3] ?? 0) & ~(1 << (index & 7));
  }

  /** Adds every member of `other`, which has the same size. */
  addAll(other: Bitmap): void {
    assert(other.size === this.size, `bitmaps of ${this.size} and ${other.size}`);
    for (let at = 0; at < this.#bytes.length; at++) {
      this.#bytes[at] = (this.#bytes[at] ?? 0) | (other.#bytes[at] ?? 0);
    }
  }

  /** Members from the lowest to the highest. */
  *members(): IterableIterator<number> {
    for (let at = 0; at < this.#bytes.length; at++) {
      const byte = this.#bytes[at] ?? 0;
      if (byte === 0) continue;
      for (let bit = 0; bit < 8; bit++) {
        if ((byte & (1 << bit)) !== 0 && at * 8 + bit < this.size) yield at * 8 + bit;
      }
    }
  }
}
