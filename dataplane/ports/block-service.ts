/**
 * A block device as its clients see it: what the NBD server serves and what the engine, the offline
 * tool and the test twins implement.
 *
 * Promises of every implementation:
 * - Each aligned block is a register; a request over many blocks is atomic per block only.
 * - `flush` answers `done` only after everything answered before the call is durable. A request
 *   with `fua` is durable itself when it answers.
 * - `trim` and `zero` read back as zeroes.
 * - Expected outcomes are values, never exceptions; a rejected promise is a defect.
 * - Bytes handed in are not touched by the caller until the call answers; bytes handed out belong
 *   to the caller.
 *
 * Never: tells an error for a request that merely has to wait. Frozen I/O waits.
 */
import type { Fault } from '../base/fault.ts';

/** Half-open range of bytes. Both ends are multiples of `geometry.blockBytes`. */
export interface ByteRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export interface BlockGeometry {
  readonly sizeBytes: number;
  /** The unit of every offset and length, and of atomicity. 4096 outside the simulator. */
  readonly blockBytes: number;
  /** Writes, zeroes and trims answer `refused` with `not-permitted`. */
  readonly readOnly: boolean;
}

export type BlockRefusal =
  /** Unaligned, empty, or too long for one request. */
  | 'invalid'
  /** Reaches beyond `sizeBytes`. */
  | 'out-of-range'
  | 'not-permitted'
  /** The service is ending: the client must disconnect. */
  | 'shutting-down';

/** Nothing of a refused request has been done. Of a failed one any block may hold old or new. */
export type BlockFailure =
  | { readonly kind: 'refused'; readonly reason: BlockRefusal; readonly message: string }
  | { readonly kind: 'failed'; readonly reason: 'io' | 'no-space'; readonly fault: Fault };

export type BlockOutcome = { readonly kind: 'done' } | BlockFailure;

export type ReadOutcome = { readonly kind: 'data'; readonly bytes: Uint8Array } | BlockFailure;

export interface BlockExtent {
  readonly lengthBytes: number;
  /** False: the range holds no storage (a hole). */
  readonly allocated: boolean;
  /** True: the range is known to read as zeroes. */
  readonly zero: boolean;
}

/**
 * Extents lie side by side from the range's start and may end before the range does, never empty.
 */
export type StatusOutcome =
  | { readonly kind: 'extents'; readonly extents: readonly BlockExtent[] }
  | BlockFailure;

export interface WriteOptions {
  /** Force unit access: durable before the answer. */
  readonly fua: boolean;
}

export interface ZeroOptions extends WriteOptions {
  /** True: the range may become a hole. False (NBD's NO_HOLE): it must keep its storage. */
  readonly mayPunch: boolean;
}

export interface BlockService {
  readonly geometry: BlockGeometry;
  read(range: ByteRange): Promise<ReadOutcome>;
  /** Writes `bytes` at `offsetBytes`. */
  write(offsetBytes: number, bytes: Uint8Array, options: WriteOptions): Promise<BlockOutcome>;
  zero(range: ByteRange, options: ZeroOptions): Promise<BlockOutcome>;
  trim(range: ByteRange, options: WriteOptions): Promise<BlockOutcome>;
  flush(): Promise<BlockOutcome>;
  blockStatus(range: ByteRange): Promise<StatusOutcome>;
}
