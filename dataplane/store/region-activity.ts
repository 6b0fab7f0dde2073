/**
 * What goes on in the regions of a head: writes under way, and the last write of each dirty region,
 * from which it follows which regions may be cleaned (I-11). In memory only; after a crash every
 * dirty region counts as written before.
 */
import type { Span } from '../base/bytes.ts';

/** Writes since the last promise carry sequences from 2 on; 1 stands for all that was before. */
const sequenceBeforeEpoch = 1;

export class RegionActivity {
  /** Sequence of the last write to each dirty region. */
  readonly #lastWrite = new Map<number, number>();
  /** Writes under way in each region. */
  readonly #writing = new Map<number, number>();
  /** Every in-sync member has flushed all writes up to this sequence. */
  #cleanThrough = 0;
  #begun = 0;

  /** Counts the writes since the store was opened. */
  get begun(): number {
    return this.#begun;
  }

  /** No write is under way anywhere. */
  get idle(): boolean {
    return this.#writing.size === 0;
  }

  /** True when enough regions may be cleaned to be worth the disk's while. */
  get cleanable(): boolean {
    for (const region of this.#lastWrite.keys()) if (this.isQuiet(region)) return true;
    return false;
  }

  isWriting(region: number): boolean {
    return this.#writing.has(region);
  }

  /** Nothing is under way there, and every in-sync member has flushed what was. */
  isQuiet(region: number): boolean {
    return (this.#lastWrite.get(region) ?? 0) <= this.#cleanThrough && !this.#writing.has(region);
  }

  /** Nothing is under way there, and the last write is not later than this sequence. */
  isSettled(region: number, through: number): boolean {
    return (this.#lastWrite.get(region) ?? 0) <= through && !this.#writing.has(region);
  }

  /** Dirty regions that may be cleaned. */
  quiet(): readonly number[] {
    return [...this.#lastWrite.keys()].filter((region) => this.isQuiet(region));
  }

  begin(regions: Span): void {
    this.#begun += 1;
    for (let region = regions.first; region < regions.end; region++) {
      this.#writing.set(region, (this.#writing.get(region) ?? 0) + 1);
    }
  }

  end(regions: Span, sequence: number): void {
    for (let region = regions.first; region < regions.end; region++) {
      const left = (this.#writing.get(region) ?? 0) - 1;
      if (left > 0) this.#writing.set(region, left);
      else this.#writing.delete(region);
      this.#wrote(region, sequence);
    }
  }

  /** The region is dirty for a reason that is older than the present epoch. */
  found(region: number): void {
    this.#wrote(region, sequenceBeforeEpoch);
  }

  cleaned(region: number): void {
    this.#lastWrite.delete(region);
  }

  flushedEverywhere(sequence: number): void {
    if (sequence > this.#cleanThrough) this.#cleanThrough = sequence;
  }

  /** A new epoch begins, and with it new sequences. */
  restart(): void {
    for (const region of this.#lastWrite.keys()) this.#lastWrite.set(region, sequenceBeforeEpoch);
    this.#cleanThrough = 0;
  }

  /**
   * The store was stopped in order and goes on within its epoch. Sequences go on too, and which one
   * each region was written with is not known any more: it stays dirty until the next epoch.
   */
  resume(): void {
    for (const region of this.#lastWrite.keys()) this.#lastWrite.set(region, Infinity);
  }

  #wrote(region: number, sequence: number): void {
    this.#lastWrite.set(region, Math.max(this.#lastWrite.get(region) ?? 0, sequence));
  }
}
