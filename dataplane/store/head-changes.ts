/**
 * What changes blocks of the head, each step in its order: intent before data (I-11, I-13), data,
 * seals. The caller sees to it that nothing else touches the same regions meanwhile.
 */
import { assert } from '../base/assert.ts';
import type { Absences } from './absences.ts';
import type { StoreStep } from './command.ts';
import { blocksOf, type ByteSpan, type Geometry, regionsOf } from './geometry.ts';
import { type Change, changeData } from './half-change.ts';
import type { LayerStack } from './layer-stack.ts';
import { sealAbsent, sealsOf, sealUnreadable, sealZero } from './seal.ts';

export class HeadChanges {
  readonly #geometry: Geometry;
  readonly #stack: LayerStack;
  readonly #absences: Absences;
  /** A planted mistake: data first, intent after. */
  readonly #dataBeforeIntent: boolean;

  /** @param geometry of its size nothing is asked: a volume may grow */
  constructor(
    geometry: Geometry,
    parts: { readonly stack: LayerStack; readonly absences: Absences },
    dataBeforeIntent: boolean,
  ) {
    this.#geometry = geometry;
    this.#stack = parts.stack;
    this.#absences = parts.absences;
    this.#dataBeforeIntent = dataBeforeIntent;
  }

  /**
   * Throws a retriable `disk.full` when it ended in the middle.
   *
   * @param blockCrcs `crc32c` of each block, where they were taken before
   */
  *write(span: ByteSpan, bytes: Uint8Array, blockCrcs?: Uint32Array): StoreStep<void> {
    const { data: file } = this.#stack.head.files;
    const { blockBytes } = this.#geometry;
    const seal = sealsOf({ bytes, blockCrcs, blockBytes, layered: this.#layered });
    const command = { kind: 'write', file, offsetBytes: span.offsetBytes, bytes } as const;
    const intent = !this.#dataBeforeIntent;
    if (intent) yield* this.#mark(span);
    yield* this.#change({ command, span, wanted: bytes, seal });
    if (!intent) yield* this.#mark(span);
    yield* this.#reseal(span, seal);
  }

  /** Zeroes and trims: both read as zeroes, and give their space back. */
  *zero(span: ByteSpan): StoreStep<void> {
    const { data: file } = this.#stack.head.files;
    const seal = this.#layered ? () => sealZero : () => sealAbsent;
    yield* this.#mark(span);
    yield* this.#change({ command: { kind: 'punch', file, span }, span, wanted: undefined, seal });
    yield* this.#reseal(span, seal);
  }

  /** From now on corrupt until written again. */
  *spoil(span: ByteSpan): StoreStep<void> {
    yield* this.#mark(span);
    // Veiled: after a crash the data below would be taken for what was written last.
    const veils = () => true;
    yield* this.#stack.head.reseal(this.#blocks(span), () => sealUnreadable, veils);
  }

  /** True when a write there takes space that is not taken yet. */
  *takesSpace(span: ByteSpan): StoreStep<boolean> {
    const seals = yield* this.#stack.head.seals(this.#blocks(span));
    return seals.some((seal) => seal === sealAbsent || seal === sealZero);
  }

  /** Something may show through the head. */
  get #layered(): boolean {
    return this.#stack.chain.length > 1;
  }

  #blocks(span: ByteSpan) {
    return blocksOf(this.#geometry, span);
  }

  *#change(change: Pick<Change, 'command' | 'span' | 'wanted' | 'seal'>): StoreStep<void> {
    const blocks = this.#blocks(change.span);
    yield* changeData(this.#stack.head, { ...change, blocks, veils: this.#veils });
  }

  /** Many writes share one save when they come together. */
  *#mark(span: ByteSpan): StoreStep<void> {
    const { first, end } = regionsOf(this.#geometry, span);
    const { head } = this.#stack;
    const { map } = head;
    const covered = () => {
      const bits = this.#absences.intentBits;
      for (let region = first; region < end; region++) {
        if (!map.covers(region, bits)) return false;
      }
      return true;
    };
    if (covered()) return;
    yield { kind: 'acquire', lock: 'regions' };
    try {
      while (!covered()) {
        assert(head === this.#stack.head, 'I-15 no snapshot is made while a write is under way');
        for (let region = first; region < end; region++) map.add(region, this.#absences.intentBits);
        yield* head.saveMap();
      }
    } finally {
      yield { kind: 'release', lock: 'regions' };
    }
  }

  *#reseal(span: ByteSpan, seal: (block: number, index: number) => number): StoreStep<void> {
    yield* this.#stack.head.reseal(this.#blocks(span), seal, this.#veils);
  }

  /** A "zero" hides something below. */
  readonly #veils = (seal: number) => seal === sealZero && this.#layered;
}
