/**
 * The error numbers that may stand in an NBD reply, and the one table that says which of our
 * outcomes becomes which. The specification fixes the values ("Error values"); they are Linux's on
 * every host.
 */
import type { BlockFailure } from '../ports/block-service.ts';
import { command } from './wire.ts';

export const errno = {
  /** A write to something read-only. */
  EPERM: 1,
  /** The device failed: the block is lost or cannot be reached any more. */
  EIO: 5,
  ENOMEM: 12,
  /** The request makes no sense: unknown command or flag, empty, beyond the end of the export. */
  EINVAL: 22,
  /** A write beyond the end, or no room under the store. */
  ENOSPC: 28,
  /** A reply would be too long to stay in one piece. */
  EOVERFLOW: 75,
  /** Only for fast zeroes: zeroing here is not promised to be faster than writing. */
  ENOTSUP: 95,
  /** The server is ending; the client must disconnect. */
  ESHUTDOWN: 108,
} as const;

export type ErrnoName = keyof typeof errno;

type FailureReason = BlockFailure['reason'];

/** Our failures, each as one error number. `out-of-range` is for reads; see `errnoOf`. */
export const errnoByReason: Readonly<Record<FailureReason, ErrnoName>> = {
  invalid: 'EINVAL',
  'out-of-range': 'EINVAL',
  'not-permitted': 'EPERM',
  'shutting-down': 'ESHUTDOWN',
  io: 'EIO',
  'no-space': 'ENOSPC',
};

/** Beyond the end, the specification wants ENOSPC for requests that write and EINVAL for others. */
export function beyondTheEnd(code: number): ErrnoName {
  return code === command.write || code === command.writeZeroes ? 'ENOSPC' : 'EINVAL';
}

export function errnoOf(failure: BlockFailure, code: number): ErrnoName {
  return failure.reason === 'out-of-range' ? beyondTheEnd(code) : errnoByReason[failure.reason];
}

/** The sentence that goes with a failure in a structured reply. */
export function messageOf(failure: BlockFailure): string {
  return failure.kind === 'refused' ? failure.message : failure.fault.message;
}

/** Which outcome a server's error number stands for, as the client sees it. */
export const reasonByErrno: Readonly<Record<ErrnoName, FailureReason>> = {
  EPERM: 'not-permitted',
  EIO: 'io',
  ENOMEM: 'io',
  EINVAL: 'invalid',
  ENOSPC: 'no-space',
  EOVERFLOW: 'invalid',
  ENOTSUP: 'invalid',
  ESHUTDOWN: 'shutting-down',
};

/** A number from the wire by its name; numbers the specification does not know count as EINVAL. */
export function errnoName(value: number): ErrnoName {
  const found = Object.entries(errno).find(([, number]) => number === value);
  return (found?.[0] as ErrnoName | undefined) ?? 'EINVAL';
}
