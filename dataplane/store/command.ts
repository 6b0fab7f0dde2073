/**
 * What a store's operations ask of their disk. An operation is a generator of these commands; it is
 * resumed when the command is done, and an error of the disk is thrown into it, so that locks are
 * given back on the way out (docs/decisions/0051).
 */
import { assert } from '../base/assert.ts';
import type { ByteSpan } from './geometry.ts';

/** Taken in this order: whoever holds one never waits for an earlier one. */
export type StoreLock = 'layers' | 'superblock' | 'table' | 'flush' | 'regions';

export type StoreCommand =
  /** Resumed with the bytes. */
  | { readonly kind: 'read'; readonly file: string; readonly span: ByteSpan }
  | {
      readonly kind: 'write';
      readonly file: string;
      readonly offsetBytes: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'punch'; readonly file: string; readonly span: ByteSpan }
  | { readonly kind: 'sync'; readonly file: string }
  /** Puts a whole file in place, durably: after a crash it is the old one or the new one. */
  | { readonly kind: 'replace'; readonly file: string; readonly bytes: Uint8Array }
  /** The file is not used any more. Gone now or at the next opening. */
  | { readonly kind: 'remove'; readonly file: string }
  /** Resumed when nobody else holds it; first come, first served. */
  | { readonly kind: 'acquire'; readonly lock: StoreLock }
  | { readonly kind: 'release'; readonly lock: StoreLock }
  /** Resumed when the condition holds; it is looked at again after every operation that ends. */
  | { readonly kind: 'until'; readonly ready: () => boolean };

export type StoreStep<T> = Generator<StoreCommand, T, Uint8Array | undefined>;

export function* readFile(file: string, span: ByteSpan): StoreStep<Uint8Array> {
  const bytes = yield { kind: 'read', file, span };
  assert(bytes !== undefined, 'a read is resumed with its bytes');
  return bytes;
}

/** Runs the step with the lock held, and gives it back however the step ends. */
export function* holding<T>(lock: StoreLock, step: () => StoreStep<T>): StoreStep<T> {
  yield { kind: 'acquire', lock };
  try {
    return yield* step();
  } finally {
    yield { kind: 'release', lock };
  }
}
