/**
 * Seeded random numbers for the simulator, for ids in tests, and for where the scrub begins: sfc32,
 * whose streams are forked by name, so that one more draw in one place does not change what the
 * others get.
 */
export class Prng {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any whole number; its low 32 bits and the bits above both count */
  constructor(seed: number) {
    this.#seed = seed;
    this.#a = 0x9e3779b9;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = seed | 0;
    for (let round = 0; round < 12; round++) this.uint32();
  }

  /** A stream of its own, the same for the same seed and name, whatever was drawn before. */
  fork(name: string): Prng {
    let hash = 0x811c9dc5 ^ (this.#seed | 0);
    for (let index = 0; index < name.length; index++) {
      hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
      hash ^= hash >>> 15;
    }
    return new Prng((hash >>> 0) + (Math.floor(this.#seed / 2 ** 32) % 2 ** 20) * 2 ** 32);
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** At least 0 and less than 1. */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Undefined when there is nothing to pick from. */
  pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.fraction() * from.length)];
  }
}
