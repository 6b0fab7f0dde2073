/**
 * What the configuration manager holds about a volume, and the only ways it may change while
 * engines run: claim an epoch, shrink the in-sync set, grow it, note its age. Each returns the next
 * record, to be written by compare-and-swap on the version that was read; none does I/O.
 */
import { assert } from '../base/assert.ts';

export interface MemberRecord {
  readonly id: string;
  /** Where its replica server listens. */
  readonly address: string;
  readonly inSync: boolean;
  /**
   * The generation at which it was last taken out of the in-sync set. Survivors keep what changed
   * since under this number; a returning member whose number they do not have is copied in full.
   */
  readonly departedAt: number;
  /**
   * Asked to leave, by the controller: the engine takes it out of the in-sync set as soon as the
   * others hold everything, and does not fill it again.
   */
  readonly retiring?: boolean | undefined;
}

export interface VolumeRecord {
  readonly volume: string;
  /**
   * Minted when the volume is made and by an operator's override; copies of two lineages never mix.
   */
  readonly lineage: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly regionBlocks: number;
  readonly epoch: number;
  /** Incarnation of the engine that opened the epoch; empty before the first. */
  readonly writer: string;
  /** Counts departures. */
  readonly generation: number;
  /**
   * A member was removed without having promised, and since then no engine has waited for the lease
   * of those who may still read from it (I-03). Outlives the engine that removed it.
   */
  readonly readersLeft: boolean;
  readonly members: readonly MemberRecord[];
  /** No in-sync member is younger, unless its disk was put back to an older state (I-24). */
  readonly age: number;
  /**
   * What an engine found that shows this record to be an older one; empty when all is well. Nobody
   * opens the volume until a person has emptied it (I-04).
   */
  readonly doubt: string;
  /** Names, oldest first. Every in-sync member has each of them, cut at the same point. */
  readonly snapshots: readonly string[];
}

/**
 * What the owner wants of a volume and the record does not say yet. The engine makes it so
 * (wishes.ts); nobody has to reach the engine to tell it.
 */
export interface VolumeWish {
  readonly sizeBytes: number;
  /** Snapshots that shall be; one that is not named here is left alone. */
  readonly snapshots?: readonly string[] | undefined;
  /** Snapshots to be given up. */
  readonly forgets?: readonly string[] | undefined;
}

/**
 * The record of a new volume: its copies are empty and so equal, and nobody has opened an epoch.
 */
export function firstRecord(
  names: Pick<VolumeRecord, 'volume' | 'lineage' | 'sizeBytes' | 'blockBytes' | 'regionBlocks'>,
  members: readonly Pick<MemberRecord, 'id' | 'address'>[],
): VolumeRecord {
  return {
    ...names,
    epoch: 0,
    writer: '',
    generation: 0,
    readersLeft: false,
    age: 0,
    doubt: '',
    snapshots: [],
    members: members.map(({ id, address }) => ({ id, address, inSync: true, departedAt: 0 })),
  };
}

export function inSyncIds(record: Pick<VolumeRecord, 'members'>): readonly string[] {
  return record.members.filter((member) => member.inSync).map((member) => member.id);
}

/** I-01: what an engine writes before it does anything else. */
export function claimed(record: VolumeRecord, writer: string): VolumeRecord {
  return { ...record, epoch: record.epoch + 1, writer };
}

/** I-07, I-09. Members that are not in sync stay as they are. */
export function shrunk(
  record: VolumeRecord,
  gone: ReadonlySet<string>,
  readersLeft = record.readersLeft,
): VolumeRecord {
  const generation = record.generation + 1;
  const next = {
    ...record,
    generation,
    readersLeft,
    members: record.members.map((member) =>
      member.inSync && gone.has(member.id)
        ? { ...member, inSync: false, departedAt: generation }
        : member,
    ),
  };
  assert(inSyncIds(next).length > 0, 'I-09 the in-sync set is never shrunk to empty');
  return next;
}

/** Members that are in sync and were asked to leave. */
export function retiringIds(record: VolumeRecord): readonly string[] {
  return record.members.filter((member) => member.inSync && member.retiring).map(({ id }) => id);
}

/** I-24: every in-sync member is durably so old. */
export function aged(record: VolumeRecord, age: number): VolumeRecord {
  return { ...record, age: Math.max(record.age, age) };
}

/** I-08: only after the newcomer holds everything. */
export function grown(record: VolumeRecord, newcomer: string): VolumeRecord {
  assert(
    record.members.some((member) => member.id === newcomer && !member.inSync),
    `I-08 ${newcomer} is a member that is not in sync yet`,
  );
  return {
    ...record,
    members: record.members.map((member) =>
      member.id === newcomer ? { ...member, inSync: true } : member,
    ),
  };
}
