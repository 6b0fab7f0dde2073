/**
 * Bytes that arrived and were not yet understood: a queue of chunks that hands out views where a
 * piece lies in one chunk and copies only what straddles two.
 *
 * Promises: holds no more than was pushed and not taken; the owner bounds that by not pushing. A
 * chunk belongs to the queue once it is pushed. Never copies a whole chunk on arrival.
 */
import { Buffer } from 'node:buffer';

export class ByteQueue {
  #chunks: Uint8Array[] = [];
  /** Position in the first chunk. */
  #at = 0;
  #lengthBytes = 0;

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#lengthBytes += chunk.length;
  }

  /** The next `count` bytes, or nothing while there are fewer. A view or, across chunks, a copy. */
  take(count: number): Uint8Array | undefined {
    if (count > this.#lengthBytes) return undefined;
    const first = this.#chunks[0];
    if (first !== undefined && this.#at + count <= first.length) {
      const piece = first.subarray(this.#at, this.#at + count);
      this.#advance(first, count);
      return piece;
    }
    const copy = Buffer.allocUnsafe(count);
    this.drainInto(copy);
    return copy;
  }

  /** The next `count` bytes without taking them, or nothing while there are fewer. */
  peek(count: number): Uint8Array | undefined {
    if (count > this.#lengthBytes) return undefined;
    const peeked = new Uint8Array(count);
    let from = this.#at;
    let filled = 0;
    for (const chunk of this.#chunks) {
      const piece = chunk.subarray(from, from + count - filled);
      peeked.set(piece, filled);
      filled += piece.length;
      from = 0;
      if (filled === count) break;
    }
    return peeked;
  }

  /** Moves bytes into `target` from its start; says how many there were for it. */
  drainInto(target: Uint8Array): number {
    let filled = 0;
    while (filled < target.length) {
      const first = this.#chunks[0];
      if (first === undefined) break;
      const count = Math.min(first.length - this.#at, target.length - filled);
      target.set(first.subarray(this.#at, this.#at + count), filled);
      this.#advance(first, count);
      filled += count;
    }
    return filled;
  }

  /** Forgets up to `count` bytes; says how many there were. */
  skip(count: number): number {
    let skipped = 0;
    while (skipped < count) {
      const first = this.#chunks[0];
      if (first === undefined) break;
      const step = Math.min(first.length - this.#at, count - skipped);
      this.#advance(first, step);
      skipped += step;
    }
    return skipped;
  }

  #advance(first: Uint8Array, count: number): void {
    this.#at += count;
    this.#lengthBytes -= count;
    if (this.#at === first.length) {
      this.#chunks.shift();
      this.#at = 0;
    }
  }
}
