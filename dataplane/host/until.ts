/**
 * Waiting for what happens outside this process and tells nobody: a program that starts or ends, a
 * file that appears, somebody who signs. Every such wait has a bound, and says in words what did
 * not come.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../base/fault.ts';

export interface Wait {
  readonly forMs: number;
  readonly everyMs: number;
  /** Asked once, when time is up or there is no hope. */
  readonly complaint: () => Promise<Fault>;
  /** True when it can no longer come. Default: never. */
  readonly hopeless?: () => Promise<boolean>;
}

/** Looks until `look` finds something, and returns that; throws the complaint. */
export async function until<T>(look: () => Promise<T | undefined>, wait: Wait): Promise<T> {
  const endMs = performance.now() + wait.forMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() >= endMs || (await wait.hopeless?.()) === true)
      throw await wait.complaint();
    await delay(wait.everyMs);
  }
}
