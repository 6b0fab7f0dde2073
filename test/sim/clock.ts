/** The twin of host/clock.ts: virtual time, seen through a clock that is a little fast or slow. */
import type { Clock } from '../../dataplane/ports/clock.ts';
import type { SimProcess } from './process.ts';

export class SimClock implements Clock {
  readonly #process: SimProcess;

  constructor(process: SimProcess) {
    this.#process = process;
  }

  nowMs(): number {
    return this.#process.world.nowMs * this.#process.clockRate;
  }

  after(delayMs: number, callback: () => void): Disposable {
    let wanted = true;
    this.#process.deliver(delayMs / this.#process.clockRate, 'timer', () => {
      if (wanted) callback();
    });
    return {
      [Symbol.dispose]() {
        wanted = false;
      },
    };
  }
}
