/** Frames on their way out over one link: sent in order, those that wait together in one write. */
import type { Link } from '../ports/link.ts';

export class Outbox {
  readonly #link: Link;
  #waiting: Uint8Array[] = [];
  #sending = false;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Errors are not told here: the reader of the same link hears of its end. */
  send(pieces: readonly Uint8Array[]): void {
    this.#waiting.push(...pieces);
    if (!this.#sending) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#waiting.length > 0) {
        const pieces = this.#waiting;
        this.#waiting = [];
        await this.#link.write(pieces);
      }
    } catch {
      this.#waiting = [];
      this.#link.close();
    } finally {
      this.#sending = false;
    }
  }
}
