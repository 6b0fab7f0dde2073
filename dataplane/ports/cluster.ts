/**
 * The configuration manager: one record a volume, changed only by compare-and-swap. In Kubernetes
 * it is the status of the `Volume` object; without it, a locked file.
 */
import type { VolumeRecord, VolumeWish } from '../volume/record.ts';

/** Opaque; equal only when nothing was written in between. */
type RecordVersion = string;

export interface VersionedRecord {
  readonly version: RecordVersion;
  readonly record: VolumeRecord;
  /** What the owner wants of the volume; left out where nobody says so beside the record. */
  readonly wish?: VolumeWish;
}

export type SwapOutcome =
  | { readonly kind: 'written'; readonly version: RecordVersion }
  /** Somebody wrote since `expected` was read. Nothing was changed. */
  | { readonly kind: 'conflict' }
  /** No answer came: it may have been written, it may not, it may yet be. Read before going on. */
  | { readonly kind: 'unknown' };

/** Something people should know of a volume; one of each type is kept, the newest. */
export interface VolumeFinding {
  /** `DataLost`: acknowledged writes are gone. `Intact`: what the scrub says. */
  readonly type: 'DataLost' | 'Intact';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

export interface Cluster {
  /**
   * The newest record, read from the manager itself, never from a cache. Rejects:
   * `cluster.unreachable`.
   */
  read(volume: string): Promise<VersionedRecord>;
  swap(volume: string, expected: RecordVersion, next: VolumeRecord): Promise<SwapOutcome>;
  /**
   * Calls when the record may have changed, by whomever; it is a hint to read and no more: one may
   * be missed, and one may come for nothing. Left out where nobody else ever writes.
   */
  watch?(volume: string, onHint: () => void): Disposable;
  /** Rejects: `cluster.unreachable`. Left out where there is no status for people. */
  report?(volume: string, finding: VolumeFinding): Promise<void>;
}
