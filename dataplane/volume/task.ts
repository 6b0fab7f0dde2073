/**
 * Procedures of the engine that take many steps (opening an epoch, changing members, copying) are
 * generators: each yields the condition it waits for and is resumed when that is so. No promise, no
 * clock: the machine asks after every event (docs/decisions/0051).
 */
import { assert } from '../base/assert.ts';

/** Waits until `ready` is true, or until the machine's clock reaches `orAtMs`. */
export interface Until {
  readonly ready: () => boolean;
  readonly orAtMs?: number;
}

export type Procedure<T = void> = Generator<Until, T, undefined>;

/** A procedure that never waits is a bug; without a limit it would be one that nobody sees. */
const roundsMax = 10_000;

export class Tasks {
  readonly #blocked = new Map<Procedure, Until | undefined>();
  #stopped = false;

  /** Nothing starts any more once all were stopped: it would be woken for ever. */
  start(procedure: Procedure): void {
    if (this.#stopped) return;
    this.#blocked.set(procedure, undefined);
  }

  stopAll(): void {
    this.#stopped = true;
    this.#blocked.clear();
  }

  /** Runs what can run until nothing more can. */
  run(nowMs: number): void {
    let rounds = 0;
    for (let progress = true; progress; ) {
      progress = false;
      rounds += 1;
      assert(rounds < roundsMax, 'I-22 procedures come to rest');
      for (const [procedure, until] of this.#blocked) {
        if (until !== undefined && !until.ready() && nowMs < (until.orAtMs ?? Infinity)) continue;
        progress = true;
        const next = procedure.next(undefined);
        // A procedure may have stopped all of them, itself included.
        if (!this.#blocked.has(procedure)) continue;
        if (next.done === true) this.#blocked.delete(procedure);
        else this.#blocked.set(procedure, next.value);
      }
    }
  }

  /** The next moment at which waiting alone makes something ready. */
  wakeAtMs(): number {
    let earliest = Infinity;
    for (const until of this.#blocked.values()) {
      earliest = Math.min(earliest, until?.orAtMs ?? Infinity);
    }
    return earliest;
  }
}
