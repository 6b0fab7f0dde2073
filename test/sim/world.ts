/**
 * Virtual time. Nothing happens by itself: the world takes the next thing that is due, lets it
 * happen, waits until every promise that this woke has come to rest, and only then takes the next
 * one. What is due at the same moment comes in an order drawn from the seed.
 *
 * Everything that happens is noted in a running hash: two runs of one seed must give the same.
 */
import { Prng } from '../../dataplane/base/prng.ts';

interface Due {
  readonly atMs: number;
  readonly tie: number;
  readonly order: number;
  readonly run: () => void;
}

export class World {
  readonly prng: Prng;
  nowMs = 0;
  /** Set by a checker or a defect; the run ends at once. */
  violation: string | undefined;
  eventCount = 0;
  readonly #ties: Prng;
  readonly #heap: Due[] = [];
  #order = 0;
  #hash = 0x811c9dc5;
  readonly #lines: string[] = [];
  readonly #linesKept: number;

  /** @param linesKept how much of the story to remember */
  constructor(seed: number, linesKept: number) {
    this.#linesKept = linesKept;
    this.prng = new Prng(seed);
    this.#ties = this.prng.fork('ties');
  }

  /** Eight hexadecimal digits over all that happened so far. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  get lines(): readonly string[] {
    return this.#lines.slice(-this.#linesKept);
  }

  note(line: string): void {
    for (let index = 0; index < line.length; index++) {
      this.#hash = Math.imul(this.#hash ^ line.charCodeAt(index), 0x01000193);
    }
    this.#lines.push(`${this.nowMs.toFixed(3).padStart(11)} ${line}`);
    if (this.#lines.length > this.#linesKept * 2) this.#lines.splice(0, this.#linesKept);
  }

  violate(what: string): void {
    if (this.violation !== undefined) return;
    this.note(`VIOLATION ${what}`);
    this.violation = what;
  }

  after(delayMs: number, run: () => void): void {
    const order = this.#order++;
    this.#push({ atMs: this.nowMs + Math.max(0, delayMs), tie: this.#ties.uint32(), order, run });
  }

  /** Until the time has come, nothing is left, or something was violated. */
  async runUntil(endMs: number, done: () => boolean = () => false): Promise<void> {
    // From here on within a microtask, wherever the caller was.
    await Promise.resolve();
    while (this.violation === undefined && !done()) {
      const [next] = this.#heap;
      if (next === undefined || next.atMs > endMs) {
        this.nowMs = Math.max(this.nowMs, endMs);
        return;
      }
      this.#pop();
      this.nowMs = next.atMs;
      this.eventCount += 1;
      next.run();
      // From within a microtask a tick comes only when no microtask is left: the woken code has
      // then gone as far as it can. A visit to the event loop now and then lets the test runner
      // live.
      await new Promise<void>((rest) => {
        if (this.eventCount % 4096 === 0) setImmediate(rest);
        else process.nextTick(rest);
      });
    }
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(due, heap[parent])) break;
      heap[at] = heap[parent] as Due;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (before(heap[child + 1], heap[child])) child += 1;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child] as Due;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Due | undefined, b: Due | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;
}
