/**
 * Reads under way, in generations: who takes away what a read may still be looking at first lets
 * everybody out who came before.
 */
export class Readers {
  #generation = 0;
  readonly #inside = new Map<number, number>();

  /** To be handed to `leave`. */
  enter(): number {
    this.#inside.set(this.#generation, (this.#inside.get(this.#generation) ?? 0) + 1);
    return this.#generation;
  }

  leave(generation: number): void {
    const left = (this.#inside.get(generation) ?? 0) - 1;
    if (left > 0) this.#inside.set(generation, left);
    else this.#inside.delete(generation);
  }

  /** True from the moment when all who are inside now have left. */
  allOut(): () => boolean {
    const through = this.#generation;
    this.#generation += 1;
    return () => {
      for (const generation of this.#inside.keys()) if (generation <= through) return false;
      return true;
    };
  }
}
