/**
 * A block service in memory, for tests and the bench: every promise of `BlockService` kept in the
 * simplest way, with switches for what a test wants to go wrong.
 */
import { Buffer } from 'node:buffer';
import { Fault } from '../../../dataplane/base/fault.ts';
import type {
  BlockExtent,
  BlockFailure,
  BlockGeometry,
  BlockOutcome,
  BlockService,
  ByteRange,
  ReadOutcome,
  StatusOutcome,
} from '../../../dataplane/ports/block-service.ts';

const done: BlockOutcome = { kind: 'done' };
const doneSoon = Promise.resolve(done);

export class MemoryBlocks implements BlockService {
  readonly geometry: BlockGeometry;
  readonly bytes: Buffer;
  /** One byte a block: 1 when something was written there. */
  readonly #allocated: Uint8Array;
  /** What was asked, in words, when a test wants to see it. */
  readonly calls: string[] | undefined;
  /** Answers a request of that kind with a failure while it returns one. */
  failure: (kind: string, range: ByteRange) => BlockFailure | undefined = () => undefined;
  /** Holds every request back until it resolves. */
  gate: Promise<void> | undefined;

  constructor(
    sizeBytes: number,
    options: { readonly readOnly?: boolean; readonly recording?: boolean } = {},
  ) {
    this.geometry = { sizeBytes, blockBytes: 4096, readOnly: options.readOnly ?? false };
    this.bytes = Buffer.alloc(sizeBytes);
    this.#allocated = new Uint8Array(sizeBytes / 4096);
    this.calls = options.recording === true ? [] : undefined;
  }

  read(range: ByteRange): Promise<ReadOutcome> {
    return this.#answer('read', range, '', () => {
      const { offsetBytes, lengthBytes } = range;
      const bytes = Buffer.allocUnsafe(lengthBytes);
      this.bytes.copy(bytes, 0, offsetBytes, offsetBytes + lengthBytes);
      return { kind: 'data', bytes };
    });
  }

  write(
    offsetBytes: number,
    bytes: Uint8Array,
    options: { readonly fua: boolean },
  ): Promise<BlockOutcome> {
    const range = { offsetBytes, lengthBytes: bytes.length };
    return this.#answer('write', range, options.fua ? ' fua' : '', () => {
      this.bytes.set(bytes, offsetBytes);
      this.#mark(range, 1);
      return done;
    });
  }

  zero(
    range: ByteRange,
    options: { readonly fua: boolean; readonly mayPunch: boolean },
  ): Promise<BlockOutcome> {
    const words = `${options.fua ? ' fua' : ''}${options.mayPunch ? '' : ' no-hole'}`;
    return this.#answer('zero', range, words, () => {
      this.#clear(range);
      this.#mark(range, options.mayPunch ? 0 : 1);
      return done;
    });
  }

  trim(range: ByteRange, options: { readonly fua: boolean }): Promise<BlockOutcome> {
    return this.#answer('trim', range, options.fua ? ' fua' : '', () => {
      this.#clear(range);
      this.#mark(range, 0);
      return done;
    });
  }

  flush(): Promise<BlockOutcome> {
    return this.#answer('flush', { offsetBytes: 0, lengthBytes: 0 }, '', () => done);
  }

  blockStatus(range: ByteRange): Promise<StatusOutcome> {
    return this.#answer('status', range, '', () => {
      const extents: BlockExtent[] = [];
      const end = (range.offsetBytes + range.lengthBytes) / 4096;
      for (let block = range.offsetBytes / 4096; block < end; block += 1) {
        const allocated = this.#allocated[block] === 1;
        extents.push({ lengthBytes: 4096, allocated, zero: !allocated });
      }
      return { kind: 'extents', extents };
    });
  }

  #answer<T extends { readonly kind: string }>(
    kind: string,
    range: ByteRange,
    words: string,
    perform: () => T,
  ): Promise<T | BlockFailure> {
    this.calls?.push(`${kind} ${range.offsetBytes} ${range.lengthBytes}${words}`);
    const failed = this.failure(kind, range);
    if (failed !== undefined) return Promise.resolve(failed);
    if (this.gate !== undefined) return this.gate.then(perform);
    const outcome = perform();
    return (outcome as unknown) === done
      ? (doneSoon as Promise<unknown> as Promise<T>)
      : Promise.resolve(outcome);
  }

  #clear({ offsetBytes, lengthBytes }: ByteRange): void {
    this.bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
  }

  #mark({ offsetBytes, lengthBytes }: ByteRange, value: 0 | 1): void {
    this.#allocated.fill(value, offsetBytes / 4096, (offsetBytes + lengthBytes) / 4096);
  }
}

/** The failure of a broken disk. */
export function ioFailure(message: string): BlockFailure {
  return { kind: 'failed', reason: 'io', fault: new Fault('disk.failed', message) };
}
