/**
 * Where a device may differ from the base it is compared with (a snapshot, or the last full sync).
 * The NBD server shows it as the metadata context `larder:dirty`.
 */
import type { BlockFailure, ByteRange } from './block-service.ts';

interface DirtyExtent {
  readonly lengthBytes: number;
  /** False: the range is known to be the same as in the base. */
  readonly dirty: boolean;
}

/**
 * Extents lie side by side from the range's start and may end before the range does, never empty.
 */
export type DirtyOutcome =
  | { readonly kind: 'extents'; readonly extents: readonly DirtyExtent[] }
  | BlockFailure;

export interface DirtyMap {
  dirtyStatus(range: ByteRange): Promise<DirtyOutcome>;
}
