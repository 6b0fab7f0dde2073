/**
 * The objects of `larder.dev` as the controller and the nodes see them. Reads are of the API server
 * itself, never of a cache, except `Mirror`, which is one and says so.
 *
 * Every change carries the version that was read: it happens on exactly that version or not at all.
 */
import type { SnapshotObject, StorageNodeObject, VolumeObject } from '../control/objects.ts';

export type Changed<T> =
  | { readonly kind: 'written'; readonly object: T }
  /** Somebody wrote since, or the object is gone. Nothing was changed: read again, decide again. */
  | { readonly kind: 'conflict' }
  /** It may have been written, it may not. Read before going on. */
  | { readonly kind: 'unknown' }
  /** The API server does not allow it; the message is its own. */
  | { readonly kind: 'refused'; readonly message: string };

/** Rejections are `cluster.unreachable`. */
export interface Collection<T> {
  /** Undefined when there is none. */
  get(name: string): Promise<T | undefined>;
  list(): Promise<readonly T[]>;
  /** `conflict` when there is one of that name. The status of a new object is not written. */
  create(object: T): Promise<Changed<T>>;
  /** Writes metadata and spec. */
  put(object: T): Promise<Changed<T>>;
  putStatus(object: T): Promise<Changed<T>>;
  /** Asks for its end; finalizers may hold it. `conflict` when another object has the name. */
  remove(object: T): Promise<Changed<undefined>>;
  /**
   * A copy of all that is kept up; told of changes as they are seen, late and never complete.
   *
   * @param only the name of one, when no other matters
   */
  mirror(onHint: Hint<T>, only?: string): Mirror<T>;
}

/**
 * Something may have changed.
 *
 * @param now what it is, when that is known
 * @param before as it was seen before, when it was
 */
export type Hint<T> = (now?: T, before?: T) => void;

/**
 * What was seen last: late, but never ahead of the truth. Good enough to decide by, because a
 * decision is written on the version that was seen, or not at all.
 */
export interface Mirror<T> extends Disposable {
  /** Asks the API server itself when the copy is not kept up just now. */
  all(): Promise<readonly T[]>;
  /** Takes in what this process has written itself, so that its next decision knows it. */
  learn(object: T): void;
}

export interface Objects {
  readonly volumes: Collection<VolumeObject>;
  readonly storageNodes: Collection<StorageNodeObject>;
  readonly snapshots: Collection<SnapshotObject>;
}
