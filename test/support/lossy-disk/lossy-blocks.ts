/**
 * A disk as bad as the worst that Larder promises to survive: what was written and not flushed lies
 * in a cache, and at a loss of power each block of it is kept or lost on its own, also an older
 * write kept where a newer one of the same block is lost. It can fail, and bits can flip.
 *
 * A block of 4096 bytes is never torn: docs/promises.md, note 1.
 */
import { Buffer } from 'node:buffer';
import { Fault } from '../../../dataplane/base/fault.ts';
import type { Prng } from '../../../dataplane/base/prng.ts';
import type {
  BlockExtent,
  BlockFailure,
  BlockOutcome,
  BlockService,
  ByteRange,
  ReadOutcome,
  StatusOutcome,
  WriteOptions,
} from '../../../dataplane/ports/block-service.ts';

const blockBytes = 4096;
const done: BlockOutcome = { kind: 'done' };

export class LossyBlocks implements BlockService {
  readonly geometry;
  /** What a loss of power leaves alone. */
  readonly #medium: Buffer;
  /** Blocks written since the last flush, each with everything that was written to it, in order. */
  readonly #cache = new Map<number, Buffer[]>();
  /** Kinds of requests that fail. */
  #failing: readonly string[] = [];
  /** Blocks that cannot be read until they are written. */
  readonly #bad = new Set<number>();

  constructor(sizeBytes: number) {
    this.geometry = { sizeBytes, blockBytes, readOnly: false };
    this.#medium = Buffer.alloc(sizeBytes);
  }

  /**
   * From now on nothing is answered but errors, until `restorePower`.
   *
   * @returns how many blocks lost something
   */
  losePower(prng: Prng): number {
    let lost = 0;
    for (const [block, versions] of this.#cache) {
      const kept = prng.between(0, versions.length);
      if (kept < versions.length) lost += 1;
      versions[kept - 1]?.copy(this.#medium, block * blockBytes);
    }
    this.#cache.clear();
    this.fail(['read', 'write', 'flush']);
    return lost;
  }

  restorePower(): void {
    this.fail([]);
  }

  /** Until it is told otherwise. */
  fail(kinds: readonly string[]): void {
    this.#failing = kinds;
  }

  /**
   * Damages every block on the medium that begins so: one bit flips, or it cannot be read any more
   * until it is written.
   *
   * @returns how many there were
   */
  damage(how: 'flip' | 'unreadable', beginning: string): number {
    const blocks = this.#beginningWith(beginning);
    for (const block of blocks) {
      const at = block * blockBytes + blockBytes / 2;
      if (how === 'flip') this.#medium[at] = (this.#medium[at] ?? 0) ^ 1;
      else this.#bad.add(block);
    }
    return blocks.length;
  }

  read({ offsetBytes, lengthBytes }: ByteRange): Promise<ReadOutcome> {
    if (this.#failing.includes('read')) return broken('read');
    const bytes = Buffer.from(this.#medium.subarray(offsetBytes, offsetBytes + lengthBytes));
    for (let at = 0; at < lengthBytes; at += blockBytes) {
      const block = (offsetBytes + at) / blockBytes;
      if (this.#bad.has(block)) return broken('read');
      this.#cache.get(block)?.at(-1)?.copy(bytes, at);
    }
    return Promise.resolve({ kind: 'data', bytes });
  }

  write(offsetBytes: number, bytes: Uint8Array, { fua }: WriteOptions): Promise<BlockOutcome> {
    if (this.#failing.includes('write')) return broken('write');
    for (let at = 0; at < bytes.length; at += blockBytes) {
      const block = (offsetBytes + at) / blockBytes;
      const version = Buffer.from(bytes.subarray(at, at + blockBytes));
      this.#bad.delete(block);
      const versions = this.#cache.get(block);
      if (versions === undefined) this.#cache.set(block, [version]);
      else versions.push(version);
      if (fua) this.#settle(block);
    }
    return Promise.resolve(done);
  }

  zero({ offsetBytes, lengthBytes }: ByteRange, options: WriteOptions): Promise<BlockOutcome> {
    return this.write(offsetBytes, Buffer.alloc(lengthBytes), options);
  }

  trim(range: ByteRange, options: WriteOptions): Promise<BlockOutcome> {
    return this.zero(range, options);
  }

  flush(): Promise<BlockOutcome> {
    if (this.#failing.includes('flush')) return broken('flush');
    for (const block of this.#cache.keys()) this.#settle(block);
    return Promise.resolve(done);
  }

  blockStatus({ lengthBytes }: ByteRange): Promise<StatusOutcome> {
    const extents: BlockExtent[] = [{ lengthBytes, allocated: true, zero: false }];
    return Promise.resolve({ kind: 'extents', extents });
  }

  #settle(block: number): void {
    this.#cache
      .get(block)
      ?.at(-1)
      ?.copy(this.#medium, block * blockBytes);
    this.#cache.delete(block);
  }

  #beginningWith(text: string): readonly number[] {
    const beginning = Buffer.from(text);
    const blocks: number[] = [];
    for (let at = 0; at < this.#medium.length; at += blockBytes) {
      if (this.#medium.subarray(at, at + beginning.length).equals(beginning))
        blocks.push(at / blockBytes);
    }
    return blocks;
  }
}

function broken(kind: string): Promise<BlockFailure> {
  const fault = new Fault('disk.failed', `The disk was told to fail a ${kind}.`);
  return Promise.resolve({ kind: 'failed', reason: 'io', fault });
}
