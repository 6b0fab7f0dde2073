/**
 * Waiting for the world: bounded, with a message that says what was waited for and what was seen
 * last.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { LabFault } from '../base/fault.ts';

const pollIntervalMs = 100;

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /**
   * Where to look when it never comes true; default: the events and logs of what was waited for.
   */
  readonly hint?: string;
}

/**
 * Polls until `condition` gives something other than undefined, null or false, and returns it. An
 * error counts as "not yet" and is shown if time runs out; a `LabFault` is final and passed on at
 * once.
 */
export async function waitFor<T>(
  description: string,
  condition: () => Promise<T | undefined | null | false>,
  timeoutMs: number,
  options: WaitOptions = {},
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  let last = 'it was not so at any time';
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false) return value;
    } catch (error) {
      if (error instanceof LabFault) throw error;
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() >= deadlineMs)
      throw new LabFault(
        `Waited ${(timeoutMs / 1000).toFixed(0)} s for ${description}; last look: ${last}`,
        options.hint ?? 'look at the events and logs of what was waited for',
      );
    await delay(pollIntervalMs);
  }
}
