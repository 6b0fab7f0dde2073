/**
 * A block service at the granularity of bytes: NBD clients may address any byte, the service below
 * only whole blocks. One object serves all connections of an export, because a write to a part of a
 * block must not meet another change of that block on any of them.
 *
 * Promises: a read or status of part of a block is served from the whole; a write or zeroing of
 * part of a block leaves its other bytes as the latest answered request left them; a trim leaves
 * partly covered blocks alone (it is a hint). A request of whole blocks passes through without a
 * copy.
 */
import { RangeTurns } from '../nbd/range-turns.ts';
import type {
  BlockExtent,
  BlockOutcome,
  BlockService,
  ByteRange,
  ReadOutcome,
  StatusOutcome,
  WriteOptions,
  ZeroOptions,
} from '../ports/block-service.ts';

const done: BlockOutcome = { kind: 'done' };

export class NbdBytes {
  readonly blocks: BlockService;
  readonly #turns = new RangeTurns();

  constructor(blocks: BlockService) {
    this.blocks = blocks;
  }

  read(range: ByteRange): Promise<ReadOutcome> {
    return this.#isWhole(range) ? this.blocks.read(range) : this.#readPart(range);
  }

  write(offsetBytes: number, bytes: Uint8Array, options: WriteOptions): Promise<BlockOutcome> {
    const range = { offsetBytes, lengthBytes: bytes.length };
    return this.#inTurn(range, (whole) =>
      whole ? this.blocks.write(offsetBytes, bytes, options) : this.#patch(range, bytes, options),
    );
  }

  zero(range: ByteRange, options: ZeroOptions): Promise<BlockOutcome> {
    return this.#inTurn(range, (whole) =>
      whole ? this.blocks.zero(range, options) : this.#zeroPart(range, options),
    );
  }

  async trim(range: ByteRange, options: WriteOptions): Promise<BlockOutcome> {
    const inner = inwards(range, this.blocks.geometry.blockBytes);
    if (inner.lengthBytes === 0) return done;
    return this.#inTurn(inner, () => this.blocks.trim(inner, options));
  }

  flush(): Promise<BlockOutcome> {
    return this.blocks.flush();
  }

  async blockStatus(range: ByteRange): Promise<StatusOutcome> {
    const outer = outwards(range, this.blocks.geometry.blockBytes);
    const outcome = await this.blocks.blockStatus(outer);
    if (outcome.kind !== 'extents') return outcome;
    return { kind: 'extents', extents: clip(outcome.extents, outer, range) };
  }

  #isWhole(range: ByteRange): boolean {
    const { blockBytes } = this.blocks.geometry;
    return range.offsetBytes % blockBytes === 0 && range.lengthBytes % blockBytes === 0;
  }

  /** Runs `change` when the blocks it touches are free for it. */
  async #inTurn(
    range: ByteRange,
    change: (whole: boolean) => Promise<BlockOutcome>,
  ): Promise<BlockOutcome> {
    const whole = this.#isWhole(range);
    const outer = outwards(range, this.blocks.geometry.blockBytes);
    const span = {
      startBytes: outer.offsetBytes,
      endBytes: outer.offsetBytes + outer.lengthBytes,
      partial: !whole,
    };
    const turn = this.#turns.enter(span);
    if (turn.waiting) await new Promise<void>((resolve) => turn.whenBegun(resolve));
    const outcome = await change(whole);
    this.#turns.leave(turn);
    return outcome;
  }

  async #readPart(range: ByteRange): Promise<ReadOutcome> {
    const outer = outwards(range, this.blocks.geometry.blockBytes);
    const outcome = await this.blocks.read(outer);
    if (outcome.kind !== 'data') return outcome;
    const start = range.offsetBytes - outer.offsetBytes;
    return { kind: 'data', bytes: outcome.bytes.subarray(start, start + range.lengthBytes) };
  }

  /** Reads the first and last block, lays `bytes` over them and writes the whole. */
  async #patch(range: ByteRange, bytes: Uint8Array, options: WriteOptions): Promise<BlockOutcome> {
    const { blockBytes } = this.blocks.geometry;
    const outer = outwards(range, blockBytes);
    const mended = new Uint8Array(outer.lengthBytes);
    const lastStart = outer.lengthBytes - blockBytes;
    for (const start of new Set([0, lastStart])) {
      const block = { offsetBytes: outer.offsetBytes + start, lengthBytes: blockBytes };
      const outcome = await this.blocks.read(block);
      if (outcome.kind !== 'data') return outcome;
      mended.set(outcome.bytes, start);
    }
    mended.set(bytes, range.offsetBytes - outer.offsetBytes);
    return this.blocks.write(outer.offsetBytes, mended, options);
  }

  /** Whole blocks become zeroes as such; what sticks out on either side is written. */
  async #zeroPart(range: ByteRange, options: ZeroOptions): Promise<BlockOutcome> {
    const inner = inwards(range, this.blocks.geometry.blockBytes);
    if (inner.lengthBytes === 0) return this.#patchZeroes(range, options);
    const end = range.offsetBytes + range.lengthBytes;
    const innerEnd = inner.offsetBytes + inner.lengthBytes;
    const head = { ...range, lengthBytes: inner.offsetBytes - range.offsetBytes };
    const tail = { offsetBytes: innerEnd, lengthBytes: end - innerEnd };
    const first = await this.#patchZeroes(head, options);
    if (first.kind !== 'done') return first;
    const middle = await this.blocks.zero(inner, options);
    if (middle.kind !== 'done') return middle;
    return this.#patchZeroes(tail, options);
  }

  async #patchZeroes(range: ByteRange, options: WriteOptions): Promise<BlockOutcome> {
    if (range.lengthBytes === 0) return done;
    return this.#patch(range, new Uint8Array(range.lengthBytes), { fua: options.fua });
  }
}

/** The smallest range of whole blocks around `range`. */
export function outwards(range: ByteRange, blockBytes: number): ByteRange {
  const start = range.offsetBytes - (range.offsetBytes % blockBytes);
  const end = range.offsetBytes + range.lengthBytes;
  const endBlock = Math.ceil(end / blockBytes) * blockBytes;
  return { offsetBytes: start, lengthBytes: endBlock - start };
}

/** The largest range of whole blocks inside `range`; its length may be zero. */
function inwards(range: ByteRange, blockBytes: number): ByteRange {
  const start = Math.ceil(range.offsetBytes / blockBytes) * blockBytes;
  const end = range.offsetBytes + range.lengthBytes;
  const endBlock = end - (end % blockBytes);
  return { offsetBytes: start, lengthBytes: Math.max(0, endBlock - start) };
}

/** Cuts extents of `outer` down to `range`. */
export function clip<E extends Pick<BlockExtent, 'lengthBytes'>>(
  extents: readonly E[],
  outer: ByteRange,
  range: ByteRange,
): E[] {
  const end = range.offsetBytes + range.lengthBytes;
  let at = outer.offsetBytes;
  return extents.flatMap((extent) => {
    const start = Math.max(at, range.offsetBytes);
    at += extent.lengthBytes;
    const lengthBytes = Math.min(at, end) - start;
    return lengthBytes > 0 ? [{ ...extent, lengthBytes }] : [];
  });
}
