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
  /** In the order of asking. */
  readonly #holders: Holder[] = [];

  /** True when the range is free now; otherwise `leave` of somebody else will name the id. */
  enter(id: number, span: ByteSpan, exclusive: boolean): boolean {
    const start = span.offsetBytes;
    const holder = { id, start, end: start + span.lengthBytes, exclusive, granted: true };
    holder.granted = !this.#holders.some((other) => conflicts(holder, other));
    this.#holders.push(holder);
    return holder.granted;
  }

  /** The ids whose turn it now is. */
  leave(id: number): readonly number[] {
    const at = this.#holders.findIndex((holder) => holder.id === id);
    const [gone] = at === -1 ? [] : this.#holders.splice(at, 1);
    if (gone === undefined) return [];
    const next: number[] = [];
    for (const waiting of this.#holders) {
      if (waiting.granted || !conflicts(waiting, gone) || !this.#isFirst(waiting)) continue;
      waiting.granted = true;
      next.push(waiting.id);
    }
    return next;
  }

  #isFirst(waiting: Holder): boolean {
    for (const other of this.#holders) {
      if (other === waiting) return true;
      if (conflicts(waiting, other)) return false;
    }
    return true;
  }
}

function conflicts(a: Holder, b: Holder): boolean {
  return (a.exclusive || b.exclusive) && a.start < b.end && b.start < a.end;
}
