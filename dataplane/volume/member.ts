/**
 * What an engine asks of a member and what it hears back. `peer/` gives the bytes; the
 * twins and the real replica server give the answers.
 */
import type { FaultCode } from '../base/fault.ts';
import type { Absence, Standing } from '../store/superblock.ts';
import type { ByteSpan } from '../store/geometry.ts';

export type MemberRequest =
  /** `writer`: the incarnation that stands in the record. */
  | { readonly kind: 'promise'; readonly epoch: number; readonly writer: string }
  /** I-24: durably so old from now on, as is every in-sync member up to `peerAge`. */
  | {
      readonly kind: 'grow';
      readonly epoch: number;
      readonly age: number;
      readonly peerAge: number;
    }
  | {
      readonly kind: 'become';
      readonly epoch: number;
      readonly standing: Standing;
      readonly proven: boolean;
    }
  | {
      readonly kind: 'track';
      readonly epoch: number;
      readonly absence: Absence;
      readonly whole: boolean;
    }
  | { readonly kind: 'untrack'; readonly epoch: number; readonly member: string }
  /** `age`: how old the absent member is now. */
  | {
      readonly kind: 'changed';
      readonly epoch: number;
      readonly absence: Absence;
      readonly age: number;
    }
  /**
   * The absent member is so old at least, and in the regions before this offset durably holds
   * everything up to `sequence`.
   */
  | {
      readonly kind: 'copied';
      readonly epoch: number;
      readonly absence: Absence;
      readonly age: number;
      readonly beforeBytes: number;
      readonly sequence: number;
    }
  | {
      readonly kind: 'write';
      readonly epoch: number;
      readonly sequence: number;
      readonly offsetBytes: number;
      readonly bytes: Uint8Array;
      readonly fua: boolean;
      /** `crc32c(bytes)` of the one who asks, where it was taken before. */
      readonly crc?: number | undefined;
      /** The same of each block, for the one who is asked: the frame was checked by them. */
      readonly blockCrcs?: Uint32Array | undefined;
    }
  | {
      readonly kind: 'zero' | 'trim';
      readonly epoch: number;
      readonly sequence: number;
      readonly span: ByteSpan;
      readonly fua: boolean;
    }
  /** `digest` asks for fingerprints of the blocks (base/digest.ts), to find what differs. */
  | {
      readonly kind: 'read' | 'digest';
      readonly epoch: number;
      readonly span: ByteSpan;
      /** Which snapshot; without it, or empty, the volume as it is now. */
      readonly snapshot?: string;
    }
  /** Which blocks hold anything. */
  | { readonly kind: 'status'; readonly epoch: number; readonly span: ByteSpan }
  /** Where two views may differ; answered with extents, `stored` where they may. */
  | {
      readonly kind: 'difference';
      readonly epoch: number;
      readonly span: ByteSpan;
      /** A snapshot; empty: nothing but zeroes. */
      readonly from: string;
      /** A snapshot; empty: the volume as it is. */
      readonly to: string;
    }
  /** Nobody can read these blocks any more: here they shall not be readable either. */
  | {
      readonly kind: 'spoil';
      readonly epoch: number;
      readonly sequence: number;
      readonly span: ByteSpan;
    }
  /** Make or give up a snapshot. Repeatable: what is so already is left as it is. */
  | { readonly kind: 'snapshot' | 'forget'; readonly epoch: number; readonly name: string }
  /** A snapshot's blocks, if these are the bytes that their checksums were made of (I-21). */
  | {
      readonly kind: 'mend';
      readonly epoch: number;
      readonly snapshot: string;
      readonly offsetBytes: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'resize'; readonly epoch: number; readonly sizeBytes: number }
  | { readonly kind: 'flush'; readonly epoch: number }
  /** Renews the lease and says which writes every in-sync member has flushed. */
  | { readonly kind: 'heartbeat'; readonly epoch: number; readonly cleanThrough: number };

/** How a member stands when it promises. */
export interface MemberReport {
  readonly standing: Standing;
  /** It has lost nothing since it was last confirmed in sync (I-10). */
  readonly proven: boolean;
  /** Its dirty regions, as the bytes of a `Bitmap`. */
  readonly dirty: Uint8Array;
  readonly age: number;
  /** Every in-sync member is at least so old, or has an older state of its disk (I-24). */
  readonly peerAge: number;
  readonly absences: readonly Absence[];
  readonly sizeBytes: number;
  /** Names, oldest first. */
  readonly snapshots: readonly string[];
}

/** So many blocks, side by side, that hold something or read as zeroes. */
export interface MemberExtent {
  readonly blocks: number;
  readonly stored: boolean;
}

export type MemberReply =
  | { readonly kind: 'done' }
  | { readonly kind: 'promised'; readonly report: MemberReport }
  /** `crc`: `crc32c(bytes)`, where the one who answers took it before. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array; readonly crc?: number }
  /** `digestBytes` for each block. */
  | { readonly kind: 'digests'; readonly bytes: Uint8Array }
  | { readonly kind: 'extents'; readonly extents: readonly MemberExtent[] }
  | { readonly kind: 'corrupt'; readonly blocks: readonly number[] }
  /** Regions as the bytes of a `Bitmap`; undefined when that absence was not tracked. */
  | { readonly kind: 'changed'; readonly regions: Uint8Array | undefined }
  /** The sender's epoch is not the promised one, or another session has taken over. */
  | { readonly kind: 'stale'; readonly promisedEpoch: number; readonly promisedTo: string }
  | { readonly kind: 'failed'; readonly code: FaultCode; readonly reason: string };

/** The first thing a member says on a connection. */
export interface Welcome {
  readonly volume: string;
  readonly lineage: string;
  readonly member: string;
  /** New with every start of the process that serves the store. */
  readonly incarnation: string;
  readonly promisedEpoch: number;
  readonly standing: Standing;
  readonly proven: boolean;
}
