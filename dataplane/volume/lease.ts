/**
 * The right to answer reads (I-16, I-19). It holds while every in-sync member has lately confirmed
 * this epoch: a newer engine needs the promise of at least one of them, and from that moment that
 * member confirms no longer. The control plane has no part in it.
 *
 * Times are the engine's own monotonic clock, taken when the question was sent.
 */
export class Lease {
  readonly #durationMs: number;
  readonly #confirmedAtMs = new Map<string, number>();

  constructor(durationMs: number) {
    this.#durationMs = durationMs;
  }

  confirm(member: string, askedAtMs: number): void {
    const known = this.#confirmedAtMs.get(member);
    if (known === undefined || known < askedAtMs) this.#confirmedAtMs.set(member, askedAtMs);
  }

  /** Undefined before the first confirmation. */
  confirmedAtMs(member: string): number | undefined {
    return this.#confirmedAtMs.get(member);
  }

  holds(inSync: readonly string[], nowMs: number): boolean {
    return inSync.every((member) => {
      const at = this.#confirmedAtMs.get(member);
      return at !== undefined && nowMs < at + this.#durationMs;
    });
  }
}
