/**
 * Whether the next operation on a file is done at once, on the time of the event loop, or by a
 * thread. A block that goes to or comes from the page cache takes a few microseconds; handing it to
 * a thread and back costs five times as much (docs/decisions/0095). One that waits for the medium
 * must not hold up everybody else.
 *
 * Nothing says beforehand which it will be, so the last ones do: after a few slow ones threads are
 * used, and now and then one is tried at once, to see. Holds up the loop for no more than a few
 * slow operations, then for one in `probeEvery`.
 *
 * Where the threads' operations are told of too, as with syncs, nothing is tried: threads come
 * first, and whether they were fast decides (docs/decisions/0151).
 */
export class AtOnce {
  readonly #slowMs: number;
  readonly #probes: boolean;
  /** How slow the latest were: 0 none of them, 1 all. */
  #slowness: number;
  #passedOver = 0;

  /**
   * @param slowMs what takes this long is worth a thread
   * @param options probes: one is tried at once now and then (true unless told)
   */
  constructor(slowMs: number, { probes = true }: { readonly probes?: boolean } = {}) {
    this.#slowMs = slowMs;
    this.#probes = probes;
    this.#slowness = probes ? 0 : 1;
  }

  /** Ask once for every operation. */
  get next(): boolean {
    if (this.#slowness < slownessMax) return true;
    this.#passedOver += 1;
    return this.#probes && this.#passedOver % probeEvery === 0;
  }

  /** How long one took. */
  took(ms: number, lengthBytes: number): void {
    const expectedMs = this.#slowMs + lengthBytes * msPerByte;
    if (ms > expectedMs * farBeyond) this.#slowness = 1;
    else this.#slowness += ((ms > expectedMs ? 1 : 0) - this.#slowness) / memory;
  }
}

const slownessMax = 0.5;
/** Operations that are remembered, about. */
const memory = 6;
const probeEvery = 32;
/** So slow that one is enough. */
const farBeyond = 50;
/** Copying at 1 GB/s, which the smallest of our machines does. */
const msPerByte = 1e-6;
