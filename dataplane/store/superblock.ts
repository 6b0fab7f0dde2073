/**
 * The small state of a store that must never be lost or go back: whom it promised which epoch, its
 * standing, its age, and which absent members it keeps track of. Layout in docs/data-at-rest.md.
 *
 * Two slots hold it. An update writes slot 0, syncs, writes slot 1, syncs: at rest both are equal,
 * so one rotten slot costs nothing, and a torn update leaves the old state in the other. The
 * promise is answered after both (I-02).
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';

export const standings = ['new', 'inconsistent', 'in-sync'] as const;
/**
 * `new`: holds nothing. `inconsistent`: the target of a copy that has not ended (I-14). `in-sync`:
 * was a full member when last told. The record has the last word; this is for the day there is no
 * record.
 */
export type Standing = (typeof standings)[number];

export interface Absence {
  readonly member: string;
  /** `departedAt` of the record. */
  readonly generation: number;
}

/** An absent member as those that stayed remember it. */
export interface KeptAbsence extends Absence {
  /** Younger than this it is not the one that left, but an older state of its disk (I-24). */
  readonly age: number;
}

export interface Superblock {
  /** Counts updates; the higher of two valid slots is the newer. */
  readonly counter: number;
  readonly lineage: string;
  readonly promisedEpoch: number;
  /** Incarnation of the engine that it promised it to; empty when that is not known. */
  readonly promisedTo: string;
  readonly standing: Standing;
  /** Closed after everything was flushed, with proof that nothing was lost before (I-10). */
  readonly clean: boolean;
  /**
   * Goes up together with that of the other in-sync members, before anything is forgotten that an
   * older state of one of their disks would need (I-24).
   */
  readonly age: number;
  /** Every in-sync member is known to be at least so old. */
  readonly peerAge: number;
  /** Index is the bit of the region map that tracks this member. */
  readonly absences: readonly (KeptAbsence | undefined)[];
}

export const superblockFile = 'superblock';
export const superblockSlotBytes = 512;
const magic = 'LARDERSB';
const version = 1;
/** Bits a reader must know to use the store; this version knows none. */
const knownFeatures = 0;
const absencesMax = limits.membersMax - 1;

export function encodeSuperblock(state: Superblock): Uint8Array {
  const writer = new ByteWriter(superblockSlotBytes);
  writer.text(magic, 8).u32(version).u32(knownFeatures);
  writer.u64(state.counter).text(state.lineage, limits.idBytesMax).u64(state.promisedEpoch);
  writer.u8(standings.indexOf(state.standing)).u8(state.clean ? 1 : 0);
  for (let index = 0; index < absencesMax; index++) {
    const absence = state.absences[index];
    writer.text(absence?.member ?? '', limits.idBytesMax).u64(absence?.generation ?? 0);
  }
  writer.text(state.promisedTo, limits.idBytesMax).u64(state.age).u64(state.peerAge);
  for (let index = 0; index < absencesMax; index++) writer.u64(state.absences[index]?.age ?? 0);
  const body = writer.bytes.subarray(0, superblockSlotBytes - 4);
  new DataView(writer.bytes.buffer).setUint32(superblockSlotBytes - 4, crc32c(body));
  return writer.bytes;
}

/** Undefined when the slot is not whole. Throws `store.newer-format`. */
function decodeSlot(slot: Uint8Array): Superblock | undefined {
  const reader = new ByteReader(slot);
  const body = slot.subarray(0, superblockSlotBytes - 4);
  const stored = new DataView(slot.buffer, slot.byteOffset).getUint32(superblockSlotBytes - 4);
  if (stored !== crc32c(body) || reader.text(8) !== magic) return undefined;
  const [found, features] = [reader.u32(), reader.u32()];
  if (found !== version || (features & ~knownFeatures) !== 0) {
    throw new Fault(
      'store.newer-format',
      `The superblock has format ${found} with features ${features}; this version reads ${version}.`,
      { hint: 'Run the version of Larder that wrote this store.' },
    );
  }
  const counter = reader.u64();
  const lineage = reader.text(limits.idBytesMax);
  const promisedEpoch = reader.u64();
  const standing = standings[reader.u8()];
  const clean = reader.u8() === 1;
  const left: (Absence | undefined)[] = [];
  for (let index = 0; index < absencesMax; index++) {
    const member = reader.text(limits.idBytesMax);
    const generation = reader.u64();
    left.push(member === '' ? undefined : { member, generation });
  }
  const promisedTo = reader.text(limits.idBytesMax);
  const [age, peerAge] = [reader.u64(), reader.u64()];
  const absences = left.map((absence) => {
    const kept = reader.u64();
    return absence && { ...absence, age: kept };
  });
  if (standing === undefined) return undefined;
  const promise = { promisedEpoch, promisedTo };
  return { counter, lineage, ...promise, standing, clean, age, peerAge, absences };
}

/**
 * Throws `store.damaged` when neither slot is whole, `store.newer-format` when it must not be read.
 */
export function decodeSuperblock(file: Uint8Array): Superblock {
  const slots = [0, 1].map((index) => {
    const slot = file.slice(index * superblockSlotBytes, (index + 1) * superblockSlotBytes);
    return slot.length === superblockSlotBytes ? decodeSlot(slot) : undefined;
  });
  const [first, second] = slots;
  if (first === undefined && second === undefined) {
    throw new Fault('store.damaged', 'Neither slot of the superblock matches its checksum.', {
      hint: 'This copy cannot be trusted: remove its directory and let it be copied anew.',
    });
  }
  if (first === undefined || second === undefined) return (first ?? second) as Superblock;
  return second.counter > first.counter ? second : first;
}
