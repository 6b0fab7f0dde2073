/** Time that passes as fast as the others allow. */
import type { Clock } from '../../../../dataplane/ports/clock.ts';

export class QuickClock implements Clock {
  #nowMs = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Disposable {
    const timer = setImmediate(() => {
      this.#nowMs += delayMs;
      callback();
    });
    return {
      [Symbol.dispose]: () => {
        clearImmediate(timer);
      },
    };
  }
}

/** Lets everybody else have a go. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
