/**
 * Planted bugs: mistakes that the code can be told to make, to prove that the simulator would find
 * them. They are handed in with the options of one run; no build and no setting of the product
 * knows them.
 */
import type { ReplicaPlants } from '../../dataplane/drive/replica.ts';
import type { StorePlants } from '../../dataplane/store/store.ts';
import type { EnginePlants } from '../../dataplane/volume/engine-events.ts';
import type { FaultKind } from './faults.ts';

export type Plants = EnginePlants & StorePlants & ReplicaPlants;

export interface Plant {
  readonly name: keyof Plants;
  /** What goes wrong, and which invariant it breaks. */
  readonly what: string;
  /** Seeds within which it must be found. */
  readonly seedsMax: number;
  /** Kinds of faults that must meet for it to show; without it, those each seed draws. */
  readonly focus?: readonly FaultKind[];
  /** False: it shows only when faults leave nobody who has everything. */
  readonly budget?: false;
}

export const plants: readonly Plant[] = [
  { name: 'acknowledgeEarly', what: 'I-06 acknowledges before the members did', seedsMax: 60 },
  {
    name: 'flushNotForwarded',
    what: 'I-06 sends flush to one member only',
    seedsMax: 150,
    focus: ['blackout', 'kill-engine'],
  },
  {
    name: 'flushWithoutSync',
    what: 'I-06 answers flush without a sync',
    seedsMax: 60,
    focus: ['blackout', 'kill-engine'],
  },
  { name: 'trimNotReplicated', what: 'I-15 trims on one member only', seedsMax: 30 },
  { name: 'epochNotChecked', what: 'I-02 takes writes of an older epoch', seedsMax: 150 },
  {
    name: 'promiseBeforeIdle',
    what: 'I-02 promises while older writes run',
    seedsMax: 100,
    focus: ['move-engine', 'slow-disk', 'manager-away'],
  },
  { name: 'promiseNotDurable', what: 'I-02 promises in memory only', seedsMax: 300 },
  { name: 'provenAfterCrash', what: 'I-10 trusts a member after a crash', seedsMax: 150 },
  { name: 'restartIgnored', what: 'I-10 goes on with a restarted member', seedsMax: 200 },
  { name: 'readFromAnybody', what: 'I-16 reads from a member that is not in sync', seedsMax: 100 },
  { name: 'copyWithoutOrder', what: 'I-14 copies a block while it is written', seedsMax: 300 },
  { name: 'shrinkBeforeSwap', what: 'I-07 acknowledges before the record says so', seedsMax: 30 },
  {
    name: 'conflictIsSuccess',
    what: 'I-01 takes a conflict for success',
    seedsMax: 300,
    focus: ['split', 'move-engine', 'manager-away'],
  },
  {
    name: 'timeoutIsFailure',
    what: 'I-08 takes a lost answer for a failed swap',
    seedsMax: 300,
    focus: ['kill-member', 'stop-member', 'kill-engine'],
  },
  {
    name: 'noLease',
    what: 'I-16 reads without a lease',
    seedsMax: 100,
    focus: ['split', 'pause-engine'],
  },
  {
    name: 'noLeaseWait',
    what: 'I-03 serves while the old engine may still read',
    seedsMax: 60,
    focus: ['split'],
  },
  { name: 'noReconcile', what: 'I-12 leaves copies unequal after a crash', seedsMax: 200 },
  {
    name: 'ownLossForgotten',
    what: 'I-13 forgets what the newcomer lost itself',
    seedsMax: 60,
    focus: ['split', 'move-engine'],
  },
  { name: 'absenceNotKept', what: 'I-13 does not record whom it misses', seedsMax: 30 },
  { name: 'dataBeforeIntent', what: 'I-11 writes data before the region is dirty', seedsMax: 10 },
  {
    name: 'cleanBeforeSync',
    what: 'I-11 cleans a region before its seals are saved',
    seedsMax: 100,
  },
  {
    name: 'cutWithoutOrder',
    what: 'I-23 takes a snapshot while writes are under way',
    seedsMax: 100,
  },
  {
    name: 'cursorOfLetGo',
    what: 'I-13 moves the cursor of a newcomer that was let go meanwhile',
    seedsMax: 100,
    focus: ['kill-member'],
  },
  {
    name: 'snapshotNotCopied',
    what: 'I-23 counts a member in without its snapshots',
    seedsMax: 300,
  },
  { name: 'sealOfAnyBlock', what: 'I-21 takes any checksum', seedsMax: 200 },
  {
    name: 'scrubFromBadCopy',
    what: 'I-21 scrubs from one copy, good or bad',
    seedsMax: 60,
    focus: ['rot'],
  },
  { name: 'scrubWithoutOrder', what: 'I-15 scrubs blocks while they are written', seedsMax: 60 },
  {
    name: 'emptyTrusted',
    what: 'I-05 takes an emptied store for a member',
    seedsMax: 60,
    focus: ['swap-disk', 'kill-engine'],
    budget: false,
  },
  {
    name: 'rollbackIgnored',
    what: 'I-04 goes on from an older record',
    seedsMax: 60,
    focus: ['roll-back-record', 'kill-member', 'kill-engine'],
  },
  {
    name: 'writerNotChecked',
    what: 'I-02 promises one epoch to two engines',
    seedsMax: 100,
    focus: ['two-writers', 'kill-member', 'partition'],
  },
  {
    name: 'olderDiskTrusted',
    what: 'I-24 takes an older state of a disk for the present one',
    seedsMax: 60,
    focus: ['roll-back-disk', 'kill-engine'],
  },
  {
    name: 'cleanedTooEarly',
    what: 'I-24 cleans a region before its members are older',
    seedsMax: 30,
    focus: ['roll-back-disk', 'kill-engine'],
  },
  {
    name: 'ageNotRecorded',
    what: 'I-24 lets the record forget the age of its members',
    seedsMax: 60,
    focus: ['roll-back-disk'],
  },
  {
    name: 'cacheTrusted',
    what: 'I-11 takes what was read for durable',
    seedsMax: 200,
    focus: ['kill-member', 'power-member'],
  },
];
