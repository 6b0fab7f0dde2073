/**
 * What goes into the engine of a volume and what comes out of it: options, events, commands. Types
 * alone; the machine is `engine.ts`, and `drive/engine.ts` stands between it and the ports.
 */
import type { Fault } from '../base/fault.ts';
import type { ByteSpan } from '../store/geometry.ts';
import type { MemberExtent, MemberReply, MemberRequest, Welcome } from './member.ts';
import type { VolumeRecord, VolumeWish } from './record.ts';

export interface EngineOptions {
  /** A new token with every start: who writes in the record. */
  readonly incarnation: string;
  /** The member asked first for reads, normally on the engine's own node; may be empty. */
  readonly preferred: string;
  /** How long the confirmation of a member carries the right to read. */
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** A member that is away this long is taken out of the in-sync set. */
  readonly memberLossMs: number;
  /** Pause before a connection, or the configuration manager, is tried again. */
  readonly retryMs: number;
  /**
   * Unflushed writes are flushed after this long without being asked, which keeps the dirty log
   * short.
   */
  readonly quietFlushMs: number;
  /**
   * Members grow older together at most this often (I-24). Regions stay dirty for up to three times
   * as long after they were flushed: so much more is compared after a crash.
   */
  readonly growMs: number;
  /** The scrub takes at least this long for the whole volume. */
  readonly scrubPassMs: number;
  readonly plants: EnginePlants;
}

/** Mistakes that tests plant to prove that the simulator finds them; never set anywhere else. */
export interface EnginePlants {
  readonly acknowledgeEarly?: boolean;
  readonly flushNotForwarded?: boolean;
  readonly trimNotReplicated?: boolean;
  readonly readFromAnybody?: boolean;
  readonly copyWithoutOrder?: boolean;
  readonly shrinkBeforeSwap?: boolean;
  readonly conflictIsSuccess?: boolean;
  readonly timeoutIsFailure?: boolean;
  readonly noLease?: boolean;
  readonly noLeaseWait?: boolean;
  readonly noReconcile?: boolean;
  readonly ownLossForgotten?: boolean;
  readonly restartIgnored?: boolean;
  readonly emptyTrusted?: boolean;
  readonly rollbackIgnored?: boolean;
  readonly olderDiskTrusted?: boolean;
  readonly cleanedTooEarly?: boolean;
  readonly ageNotRecorded?: boolean;
  readonly cutWithoutOrder?: boolean;
  readonly cursorOfLetGo?: boolean;
  readonly snapshotNotCopied?: boolean;
  readonly scrubFromBadCopy?: boolean;
  readonly scrubWithoutOrder?: boolean;
}

export type EngineRequest =
  | { readonly kind: 'read'; readonly span: ByteSpan }
  | { readonly kind: 'status'; readonly span: ByteSpan }
  /** Names of snapshots; `from` empty: nothing but zeroes; `to` empty: the volume as it is. */
  | {
      readonly kind: 'difference';
      readonly span: ByteSpan;
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly kind: 'write';
      readonly span: ByteSpan;
      readonly bytes: Uint8Array;
      /** `crc32c(bytes)`, taken when they came in and checked by every member. */
      readonly crc: number;
      readonly fua: boolean;
    }
  | { readonly kind: 'zero' | 'trim'; readonly span: ByteSpan; readonly fua: boolean }
  | { readonly kind: 'flush' };

/** Changes every copy at one point in the order of writes (cuts.ts). */
export type CutRequest =
  /** @param name never used for another snapshot of the volume, not even after it is given up */
  | { readonly kind: 'snapshot' | 'forget'; readonly name: string }
  | { readonly kind: 'resize'; readonly sizeBytes: number };

export type Answer =
  | { readonly kind: 'done' }
  | { readonly kind: 'extents'; readonly extents: readonly MemberExtent[] }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly reason: 'io' | 'no-space'; readonly fault: Fault };

/** What the scrub has done since the volume was opened. */
export interface ScrubState {
  /** How often it has been through the whole volume. */
  readonly passes: number;
  /** On the monotonic clock; undefined before the first. */
  readonly lastPassEndedAtMs: number | undefined;
  /** Blocks that did not match their checksum on some member, and do again. */
  readonly repairedBlocks: number;
  /** Blocks that members with good checksums showed differently; one of them won. */
  readonly differedBlocks: number;
  /** Blocks that no member could read, counted in every pass. */
  readonly lostBlocks: number;
}

export type ScrubFinding =
  | {
      readonly kind: 'repaired' | 'differed' | 'lost';
      readonly blocks: readonly number[];
      /** Who was written to; of lost blocks, who was asked. */
      readonly members: readonly string[];
      /** Which snapshot shows them; without it the volume as it is. */
      readonly snapshot?: string;
    }
  | ({ readonly kind: 'pass'; readonly tookMs: number } & ScrubState);

export type ReadRecord =
  | {
      readonly kind: 'record';
      readonly version: string;
      readonly record: VolumeRecord;
      readonly wish?: VolumeWish;
    }
  | { readonly kind: 'unreachable'; readonly why: string };

export type Swapped =
  | { readonly kind: 'written'; readonly version: string }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'unknown' };

export type EngineEvent =
  | { readonly kind: 'start' }
  /** Time has passed. */
  | { readonly kind: 'wake' }
  | { readonly kind: 'record-read'; readonly outcome: ReadRecord }
  | { readonly kind: 'swapped'; readonly outcome: Swapped }
  /** Somebody may have written the record. */
  | { readonly kind: 'record-hint' }
  | { readonly kind: 'connected'; readonly member: string; readonly welcome: Welcome }
  /** The connection ended or never came to be. */
  | { readonly kind: 'disconnected'; readonly member: string; readonly why: string }
  | {
      readonly kind: 'reply';
      readonly member: string;
      readonly id: number;
      readonly reply: MemberReply;
    }
  | { readonly kind: 'request'; readonly id: number; readonly request: EngineRequest }
  | { readonly kind: 'cut'; readonly id: number; readonly request: CutRequest }
  /** Take no more requests; end when those taken are answered and durable (I-20). */
  | { readonly kind: 'stop' };

export type EngineCommand =
  | { readonly kind: 'read-record' }
  | { readonly kind: 'swap'; readonly expected: string; readonly next: VolumeRecord }
  | { readonly kind: 'connect'; readonly member: string; readonly address: string }
  /** No event of the present connection comes after it. */
  | { readonly kind: 'disconnect'; readonly member: string }
  | {
      readonly kind: 'send';
      readonly member: string;
      readonly id: number;
      readonly request: MemberRequest;
    }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'found'; readonly finding: ScrubFinding }
  | { readonly kind: 'ended'; readonly fault: Fault };
