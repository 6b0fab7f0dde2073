/**
 * Who may work on a store right now (I-02, I-16, I-17). One session owns it: the one whose promise
 * came last. A promise shuts out every other session at once, waits until what they began has
 * ended, and only then is made durable and answered. One epoch is promised to one writer: where a
 * record was put back, two may claim the same number, and the second is refused.
 */
import { assert } from '../base/assert.ts';

export class EpochGate<Session> {
  #epoch: number;
  #writer: string;
  #owner: Session | undefined;
  /** Between the first sight of a promise and its answer nobody is admitted. */
  #promising = 0;
  #running = 0;
  #onIdle: (() => void)[] = [];

  /**
   * @param epoch what the store has durably promised
   * @param writer to whom; empty when nobody knows
   */
  constructor(epoch: number, writer: string) {
    this.#epoch = epoch;
    this.#writer = writer;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get writer(): string {
    return this.#writer;
  }

  /** True when the session may start a promise of this epoch; it then owns the store. */
  raise(session: Session, epoch: number, writer: string): boolean {
    if (epoch < this.#epoch) return false;
    if (epoch === this.#epoch && this.#writer !== '' && writer !== this.#writer) return false;
    this.#epoch = epoch;
    this.#writer = writer;
    this.#owner = session;
    this.#promising += 1;
    return true;
  }

  /** False when somebody else raised the gate meanwhile: the promise must not be answered. */
  promised(session: Session): boolean {
    this.#promising -= 1;
    return this.#owner === session;
  }

  admits(session: Session, epoch: number): boolean {
    return this.#owner === session && epoch === this.#epoch && this.#promising === 0;
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return this.#running === 0;
  }

  begin(): void {
    this.#running += 1;
  }

  end(): void {
    assert(this.#running > 0, 'I-17 as many operations end as begin');
    this.#running -= 1;
    if (this.#running > 0) return;
    for (const callback of this.#onIdle.splice(0)) callback();
  }

  /** Calls back when everything that was begun has ended. */
  whenIdle(callback: () => void): void {
    if (this.#running === 0) callback();
    else this.#onIdle.push(callback);
  }
}
