/**
 * What is to be sent on one link, gathered: everything handed over while a write is under way, or
 * in the same turn of the event loop, goes out as one.
 *
 * Promises: keeps the order; reports each finished request when the link has taken its bytes, or
 * when the link is lost and nobody will. Its size is bounded by whoever admits requests
 * (nbd/in-flight.ts).
 */
import type { Link } from '../ports/link.ts';

export class NbdOutbox {
  readonly #link: Link;
  /** Called once for every request whose end was handed over. */
  readonly #taken: (memoryBytes: number) => void;
  #pieces: Uint8Array[] = [];
  #finished: number[] = [];
  #sending: Promise<void> | undefined;
  #lost = false;

  constructor(link: Link, taken: (memoryBytes: number) => void) {
    this.#link = link;
    this.#taken = taken;
  }

  /** @param finishedBytes memory of the request that ends with these pieces, if one does */
  send(pieces: readonly Uint8Array[], finishedBytes?: number): void {
    if (!this.#lost) this.#pieces.push(...pieces);
    if (finishedBytes !== undefined) this.#finished.push(finishedBytes);
    this.#sending ??= this.#sendAll();
  }

  /** Resolves when everything handed over has been taken or lost. */
  async drained(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    // Let the other requests of this turn add their replies first.
    await Promise.resolve();
    while (this.#pieces.length > 0 || this.#finished.length > 0) {
      const pieces = this.#pieces;
      const finished = this.#finished;
      this.#pieces = [];
      this.#finished = [];
      if (pieces.length > 0 && !this.#lost) await this.#write(pieces);
      for (const memoryBytes of finished) this.#taken(memoryBytes);
    }
    this.#sending = undefined;
  }

  async #write(pieces: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#link.write(pieces);
    } catch {
      // The reader learns why the link ended; here it only matters that nothing more can be sent.
      this.#lost = true;
      this.#pieces = [];
    }
  }
}
