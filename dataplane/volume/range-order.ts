/**
 * One order for everything that overlaps (I-15): holders of a range come in turn, in the order in
 * which they asked; reads of one range may share it. Reads wait behind writes, so nobody ever sees
 * a write that some in-sync member has not accepted.
 */
import type { ByteSpan } from '../store/geometry.ts';

interface Holder {
  readonly id: number;
  readonly start: number;
  readonly end: number;
  readonly exclusive: boolean;
  granted: boolean;
}

export class RangeOrder {
  /** In the order of asking; Map keeps it. */
  readonly #holders = new Map<number, Holder>();

  /** True when the range is free now; otherwise `leave` of somebody else will name the id. */
  enter(id: number, span: ByteSpan, exclusive: boolean): boolean {
    const start = span.offsetBytes;
    const holder = { id, start, end: start + span.lengthBytes, exclusive, granted: true };
    for (const other of this.#holders.values()) {
      if (conflicts(holder, other)) {
        holder.granted = false;
        break;
      }
    }
    this.#holders.set(id, holder);
    return holder.granted;
  }

  /** The ids whose turn it now is. */
  leave(id: number): readonly number[] {
    const gone = this.#holders.get(id);
    if (gone === undefined) return [];
    this.#holders.delete(id);
    const next: number[] = [];
    for (const waiting of this.#holders.values()) {
      if (waiting.granted || !conflicts(waiting, gone) || !this.#isFirst(waiting)) continue;
      waiting.granted = true;
      next.push(waiting.id);
    }
    return next;
  }

  #isFirst(waiting: Holder): boolean {
    for (const other of this.#holders.values()) {
      if (other === waiting) return true;
      if (conflicts(waiting, other)) return false;
    }
    return true;
  }
}

function conflicts(a: Holder, b: Holder): boolean {
  return (a.exclusive || b.exclusive) && a.start < b.end && b.start < a.end;
}
