/**
 * A block device that counts what is asked of it and how long it takes; everything else is as it
 * was. A request that is refused counts among the requests, not among the times.
 */
import { Histogram } from '../report/histogram.ts';
import { counter, type Family } from '../report/metrics.ts';
import type {
  BlockGeometry,
  BlockOutcome,
  BlockService,
  ByteRange,
  ReadOutcome,
  StatusOutcome,
  WriteOptions,
  ZeroOptions,
} from '../ports/block-service.ts';
import type { Clock } from '../ports/clock.ts';

const operations = ['read', 'write', 'zero', 'trim', 'flush'] as const;
type Operation = (typeof operations)[number];

class Tally {
  readonly seconds = new Histogram();
  bytes = 0;
  done = 0;
  refused = 0;
  failed = 0;
}

export class MeasuredBlocks implements BlockService {
  readonly #inner: BlockService;
  readonly #clock: Clock;
  readonly #tallies: Readonly<Record<Operation, Tally>> = {
    read: new Tally(),
    write: new Tally(),
    zero: new Tally(),
    trim: new Tally(),
    flush: new Tally(),
  };

  constructor(inner: BlockService, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  get geometry(): BlockGeometry {
    return this.#inner.geometry;
  }

  async read(range: ByteRange): Promise<ReadOutcome> {
    return this.#measure('read', range.lengthBytes, this.#inner.read(range));
  }

  async write(
    offsetBytes: number,
    bytes: Uint8Array,
    options: WriteOptions,
  ): Promise<BlockOutcome> {
    return this.#measure('write', bytes.length, this.#inner.write(offsetBytes, bytes, options));
  }

  async zero(range: ByteRange, options: ZeroOptions): Promise<BlockOutcome> {
    return this.#measure('zero', range.lengthBytes, this.#inner.zero(range, options));
  }

  async trim(range: ByteRange, options: WriteOptions): Promise<BlockOutcome> {
    return this.#measure('trim', range.lengthBytes, this.#inner.trim(range, options));
  }

  async flush(): Promise<BlockOutcome> {
    return this.#measure('flush', 0, this.#inner.flush());
  }

  async blockStatus(range: ByteRange): Promise<StatusOutcome> {
    return this.#inner.blockStatus(range);
  }

  families(volume: string): readonly Family[] {
    const each = operations.map((op) => [{ volume, op }, this.#tallies[op]] as const);
    return [
      counter(
        'larder_volume_requests_total',
        'Requests that were answered; failed ones gave their client an error.',
        each.flatMap(([labels, { done, refused, failed }]) =>
          Object.entries({ done, refused, failed }).map(([outcome, value]) => ({
            labels: { ...labels, outcome },
            value,
          })),
        ),
      ),
      counter(
        'larder_volume_request_bytes_total',
        'Bytes of the requests that were done.',
        each.map(([labels, { bytes }]) => ({ labels, value: bytes })),
      ),
      {
        name: 'larder_volume_request_seconds',
        type: 'histogram',
        help: 'From the arrival of a request at the engine to its answer, all copies included.',
        samples: each.flatMap(([labels, { seconds }]) => seconds.samples(labels)),
      },
    ];
  }

  async #measure<T extends { readonly kind: string }>(
    operation: Operation,
    bytes: number,
    running: Promise<T>,
  ): Promise<T> {
    const begunMs = this.#clock.nowMs();
    const outcome = await running;
    const tally = this.#tallies[operation];
    if (outcome.kind === 'refused') {
      tally.refused += 1;
      return outcome;
    }
    tally.seconds.add((this.#clock.nowMs() - begunMs) / 1000);
    if (outcome.kind === 'failed') tally.failed += 1;
    else {
      tally.done += 1;
      tally.bytes += bytes;
    }
    return outcome;
  }
}
