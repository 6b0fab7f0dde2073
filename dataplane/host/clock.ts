/** The real clock: monotonic, from the process's own start. */
import type { Clock } from '../ports/clock.ts';

export class HostClock implements Clock {
  nowMs(): number {
    return performance.now();
  }

  after(delayMs: number, callback: () => void): Disposable {
    const timer = setTimeout(callback, delayMs);
    return {
      [Symbol.dispose]() {
        clearTimeout(timer);
      },
    };
  }
}
