/**
 * Who may change which bytes now. A request that covers whole blocks never waits for another of its
 * kind (the service below orders those). One that changes a part of a block reads the block, mends
 * it and writes it back; nothing else may change the block in between, whoever came first.
 *
 * Promises: overlapping turns of which at least one is partial run one after the other, in the
 * order in which they entered. Without partial turns entering and leaving cost the same however
 * many there are.
 */

export interface TurnSpan {
  readonly startBytes: number;
  /** One past the last. */
  readonly endBytes: number;
  /** True: reads blocks, mends them and writes them back. */
  readonly partial: boolean;
}

export class Turn {
  readonly span: TurnSpan;
  #waiting = true;
  #begun: (() => void) | undefined;

  constructor(span: TurnSpan) {
    this.span = span;
  }

  /** True until the turn has come. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Calls back when the turn comes. For a turn that is waiting, once. */
  whenBegun(callback: () => void): void {
    this.#begun = callback;
  }

  begin(): void {
    this.#waiting = false;
    this.#begun?.();
  }
}

export class RangeTurns {
  /** In the order of entering. */
  readonly #turns = new Set<Turn>();
  #partial = 0;

  /** The turn may be waiting. Hand it to `leave` when the change is done. */
  enter(span: TurnSpan): Turn {
    const turn = new Turn(span);
    this.#turns.add(turn);
    if (span.partial) this.#partial += 1;
    if (!this.#blocked(turn)) turn.begin();
    return turn;
  }

  leave(turn: Turn): void {
    this.#turns.delete(turn);
    if (this.#partial === 0) return;
    if (turn.span.partial) this.#partial -= 1;
    for (const next of this.#turns) {
      if (next.waiting && !this.#blocked(next)) next.begin();
    }
  }

  #blocked(turn: Turn): boolean {
    if (this.#partial === 0) return false;
    const { startBytes, endBytes, partial } = turn.span;
    for (const earlier of this.#turns) {
      if (earlier === turn) return false;
      const { span } = earlier;
      const overlap = span.startBytes < endBytes && startBytes < span.endBytes;
      if (overlap && (span.partial || partial)) return true;
    }
    return false;
  }
}
