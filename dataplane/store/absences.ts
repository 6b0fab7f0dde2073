/**
 * Which members are absent, and which regions have changed for each since it left (I-13). Who is
 * meant stands in the superblock; a bit of the region map says for each region whether it changed.
 */
import { assert } from '../base/assert.ts';
import type { Bitmap } from '../base/bitmap.ts';
import { holding, type StoreStep } from './command.ts';
import type { LayerStack } from './layer-stack.ts';
import { dirtyBit, type RegionMap, trackedBit } from './region-map.ts';
import type { Absence, KeptAbsence } from './superblock.ts';
import type { SuperblockKeeper } from './superblock-keeper.ts';

export class Absences {
  readonly #superblock: SuperblockKeeper;
  readonly #stack: LayerStack;

  constructor(superblock: SuperblockKeeper, stack: LayerStack) {
    this.#superblock = superblock;
    this.#stack = stack;
  }

  /** What a region that is about to change is marked with. */
  get intentBits(): number {
    let bits = dirtyBit;
    this.#slots.forEach((absence, index) => {
      if (absence !== undefined) bits |= trackedBit(index);
    });
    return bits;
  }

  /** A store keeps track of as many as a volume has members besides itself. */
  canTrack(absence: Absence): boolean {
    return this.#slots.some((other) => other === undefined || other.member === absence.member);
  }

  /** `whole`: nothing is known about what the member holds, so every region counts as changed. */
  *track(absence: Absence, whole: boolean): StoreStep<void> {
    yield* holding('superblock', () => this.#track(absence, whole));
  }

  *#track(absence: Absence, whole: boolean): StoreStep<void> {
    const slots = this.#slots;
    const known = slots.findIndex((other) => other?.member === absence.member);
    const slot = known === -1 ? slots.indexOf(undefined) : known;
    assert(slot !== -1, 'I-22 a volume has no more members than a region can track');
    if (slots[slot]?.generation === absence.generation && !whole) return;
    const bit = trackedBit(slot);
    // Bits of an older absence of the same member stay: copying more than need be is safe.
    if (known === -1) this.#drop(bit);
    const mark = whole ? undefined : this.#map.having(dirtyBit);
    // I-24: of whom nothing is known to have, nothing is expected.
    this.#superblock.pretend((now) => {
      const kept = { ...absence, age: whole ? 0 : now.peerAge };
      return { ...now, absences: now.absences.with(slot, kept) };
    });
    for (let region = 0; region < this.#map.count; region++) {
      if (mark === undefined || mark.has(region)) this.#map.add(region, bit);
    }
    yield* holding('regions', () => this.#stack.head.saveMap());
    yield* this.#superblock.write();
  }

  /**
   * It durably holds everything in these regions: a resync that is interrupted leaves them out.
   *
   * @param age it is at least so old from now on (I-24)
   */
  *caughtUp(absence: Absence, age: number, holds: (region: number) => boolean): StoreStep<void> {
    const slot = this.#slotOf(absence);
    if (slot === -1) return;
    const bit = trackedBit(slot);
    yield* this.#superblock.update((now) => {
      const kept = now.absences[slot];
      if (kept === undefined || kept.age >= age) return now;
      return { ...now, absences: now.absences.with(slot, { ...kept, age }) };
    });
    yield* holding('regions', () => {
      for (const region of this.#map.having(bit).members()) {
        if (holds(region)) this.#map.remove(region, bit);
      }
      return this.#stack.head.saveMap();
    });
  }

  /** The member is in sync again. */
  *untrack(member: string): StoreStep<void> {
    const slot = this.#slots.findIndex((other) => other?.member === member);
    if (slot === -1) return;
    yield* this.#superblock.update((now) => ({
      ...now,
      absences: now.absences.map((other) => (other?.member === member ? undefined : other)),
    }));
    this.#drop(trackedBit(slot));
  }

  /**
   * Regions that changed since it left; undefined when that was not tracked.
   *
   * @param age how old it is now; when it was older before, what it has is not known (I-24)
   */
  changed(absence: Absence, age: number): Bitmap | undefined {
    const slot = this.#slotOf(absence);
    const kept = this.#slots[slot];
    return kept === undefined || age < kept.age ? undefined : this.#map.having(trackedBit(slot));
  }

  get #slots(): readonly (KeptAbsence | undefined)[] {
    return this.#superblock.state.absences;
  }

  get #map(): RegionMap {
    return this.#stack.head.map;
  }

  /** -1 when that absence is not tracked. */
  #slotOf(absence: Absence): number {
    return this.#slots.findIndex(
      (other) => other?.member === absence.member && other.generation === absence.generation,
    );
  }

  #drop(bits: number): void {
    for (let region = 0; region < this.#map.count; region++) this.#map.remove(region, bits);
  }
}
