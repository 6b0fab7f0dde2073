/** The machine's own clock, for tests that use real sockets. */
import type { Clock } from '../../../dataplane/ports/clock.ts';

export const realClock: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
