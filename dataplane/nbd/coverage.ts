/** Which bytes of a read have arrived: parts may come in any order, but none twice. */

interface Span {
  start: number;
  end: number;
}

export class Coverage {
  /** Sorted, disjoint, never touching. */
  readonly #spans: Span[] = [];

  /** Parts that do not touch each other; an honest server's replies need few. */
  get parts(): number {
    return this.#spans.length;
  }

  /** False, and nothing changed, when a part of it was there already. */
  add(start: number, end: number): boolean {
    const index = this.#firstEndingAt(start);
    const next = this.#spans[index];
    // `next` is the first span that ends at or behind `start`; it may touch us from the left.
    const left = next?.end === start ? next : undefined;
    const right = left === undefined ? next : this.#spans[index + 1];
    if (right !== undefined && right.start < end) return false;
    const joinsRight = right?.start === end ? right : undefined;
    if (left !== undefined) {
      left.end = joinsRight?.end ?? end;
      if (joinsRight !== undefined) this.#spans.splice(index + 1, 1);
    } else if (joinsRight !== undefined) {
      joinsRight.start = start;
    } else {
      this.#spans.splice(index, 0, { start, end });
    }
    return true;
  }

  /** True when everything from `start` to `end` has arrived and nothing else. */
  isExactly(start: number, end: number): boolean {
    const [only] = this.#spans;
    return this.#spans.length === 1 && only?.start === start && only.end === end;
  }

  #firstEndingAt(position: number): number {
    let low = 0;
    let high = this.#spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#spans[middle]?.end ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
