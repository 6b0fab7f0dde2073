/**
 * A map from numbers that are handed out one after the other and soon given back: requests under
 * way by their ids. It does what a `Map` does, one thing less: V8 gives a `Map` a new table after
 * every few dozen deletions and lets the old one point to the new one, so that once one of them has
 * become old, all that was under way at any such moment outlives the collections of young garbage
 * (docs/decisions/0097).
 *
 * Promises: iterates from the lowest id to the highest; memory grows with the most that were ever
 * held at once, not with the ids.
 */
import { assert } from './assert.ts';

const capacityMin = 64;
const free = -1;

export class IdMap<T> {
  /** Open addressing: an id stands at its own place or, where that is taken, at the next free. */
  #ids = places(capacityMin, free);
  #values = places<T | undefined>(capacityMin, undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    return this.#values[this.#find(id)];
  }

  has(id: number): boolean {
    return this.#ids[this.#find(id)] === id;
  }

  set(id: number, value: T): void {
    assert(Number.isSafeInteger(id) && id >= 0, `an id is a whole number, not ${id}`);
    if (this.#size * 2 >= this.#ids.length) this.#grow();
    const at = this.#find(id);
    if (this.#ids[at] !== id) this.#size += 1;
    this.#ids[at] = id;
    this.#values[at] = value;
  }

  /** False when it was not there. */
  delete(id: number): boolean {
    let hole = this.#find(id);
    if (this.#ids[hole] !== id) return false;
    this.#size -= 1;
    const mask = this.#ids.length - 1;
    // Those behind it that had to stand aside move up.
    for (let at = (hole + 1) & mask; this.#ids[at] !== free; at = (at + 1) & mask) {
      const own = (this.#ids[at] ?? 0) & mask;
      if (((at - own) & mask) < ((at - hole) & mask)) continue;
      this.#ids[hole] = this.#ids[at] ?? free;
      this.#values[hole] = this.#values[at];
      hole = at;
    }
    this.#ids[hole] = free;
    this.#values[hole] = undefined;
    return true;
  }

  clear(): void {
    this.#ids.fill(free);
    this.#values.fill(undefined);
    this.#size = 0;
  }

  /** As they are at the time of the call; changes meanwhile do no harm. */
  keys(): readonly number[] {
    return this.#ids.filter((id) => id !== free).sort((a, b) => a - b);
  }

  entries(): readonly (readonly [number, T])[] {
    return this.keys().map((id) => [id, this.#values[this.#find(id)] as T]);
  }

  /** Where the id stands, or the free place where it would. */
  #find(id: number): number {
    const mask = this.#ids.length - 1;
    let at = id & mask;
    while (this.#ids[at] !== id && this.#ids[at] !== free) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const entries = this.entries();
    const capacity = this.#ids.length * 2;
    this.#ids = places(capacity, free);
    this.#values = places<T | undefined>(capacity, undefined);
    this.#size = 0;
    for (const [id, value] of entries) this.set(id, value);
  }
}

function places<V>(capacity: number, content: V): V[] {
  return Array.from({ length: capacity }, () => content);
}
