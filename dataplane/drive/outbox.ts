/**
 * Frames on their way out over one link, in order. Those that are made in one turn of the event
 * loop, or while a write is under way, go out as one write.
 */
import type { Link } from '../ports/link.ts';

export class Outbox {
  readonly #link: Link;
  #waiting: Uint8Array[] = [];
  #sending = false;
  /** Handed in, and not yet taken by the link. */
  #bytes = 0;
  #onRoom: (() => void)[] = [];

  constructor(link: Link) {
    this.#link = link;
  }

  /** What is held in memory; whoever fills it looks at this first (I-22). */
  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when no more than this is held, or when the link is at its end. */
  async room(bytesMax: number): Promise<void> {
    while (this.#bytes > bytesMax) {
      await new Promise<void>((resolve) => {
        this.#onRoom.push(resolve);
      });
    }
  }

  /** Errors are not told here: the reader of the same link hears of its end. */
  send(pieces: readonly Uint8Array[]): void {
    this.#waiting.push(...pieces);
    for (const piece of pieces) this.#bytes += piece.length;
    if (!this.#sending) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    // Whoever is at work now may have more to send.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) {
        const pieces = this.#waiting;
        this.#waiting = [];
        await this.#link.write(pieces);
        for (const piece of pieces) this.#bytes -= piece.length;
        for (const tell of this.#onRoom.splice(0)) tell();
      }
    } catch {
      this.#waiting = [];
      this.#bytes = 0;
      this.#link.close();
    } finally {
      this.#sending = false;
      for (const tell of this.#onRoom.splice(0)) tell();
    }
  }
}
