/**
 * What clients did and saw, block by block, and the checks over it (docs/simulation.md).
 *
 * Every write puts values that nobody else writes, so a read names the write it saw. Between two
 * losses of everything, one block is a register and its history must be linearizable: for unique
 * values that is Gibbons and Korach's condition on zones, checked in full. Zeroes are written by
 * many; a read of zeroes that could come from several is left out.
 */

/** Stands for "never written" and for every trim and zero. */
export const zeroValue = 0;

export interface Write {
  readonly value: number;
  readonly start: number;
  /** Undefined: no answer; it may take effect until `closed`. */
  end: number | undefined;
  /** The last epoch of the engine that took it. */
  readonly epoch: () => number;
  /** Durable by itself when it is answered. */
  readonly fua: boolean;
}

export interface Read {
  readonly value: number;
  readonly start: number;
  readonly end: number;
  /** For people. */
  readonly by: string;
}

interface Block {
  writes: Write[];
  reads: Read[];
  /** Values the block may have at the beginning of the present segment. */
  initial: Set<number>;
  /** When the segment began. */
  since: number;
}

/** A write as the check sees it. */
interface Placed {
  readonly value: number;
  readonly start: number;
  readonly end: number;
  /** It was answered, so it happened. */
  readonly certain: boolean;
}

/** From the first end to the last start of a write and the reads that saw it. */
interface Zone {
  readonly first: number;
  readonly last: number;
}

/** A flush: everything answered before `start`, and not lost since, is durable at `end`. */
interface Flush {
  readonly start: number;
  readonly end: number;
  readonly epoch: () => number;
}

export class History {
  readonly #blocks: Block[];
  #flushes: Flush[] = [];
  /** First moment at which an operation of each epoch was answered. */
  readonly #epochOpened = new Map<number, number>();
  #now = 0;
  #segment = 0;

  constructor(blockCount: number) {
    this.#blocks = Array.from({ length: blockCount }, () => ({
      writes: [],
      reads: [],
      initial: new Set([zeroValue]),
      since: 0,
    }));
  }

  /** A moment of its own for everything that happens, in order. */
  tick(): number {
    this.#now += 1;
    return this.#now;
  }

  /** Counts how often everything was lost at once. */
  get segment(): number {
    return this.#segment;
  }

  answered(epoch: number): void {
    if (!this.#epochOpened.has(epoch)) this.#epochOpened.set(epoch, this.#now);
  }

  write(block: number, write: Write): void {
    this.#blocks[block]?.writes.push(write);
  }

  read(block: number, read: Read): void {
    this.#blocks[block]?.reads.push(read);
  }

  /**
   * @param start when it was asked for; called when it was answered
   * @param epoch the last one of the engine that answered it
   */
  flushed(start: number, epoch: () => number): void {
    this.#flushes.push({ start, end: this.tick(), epoch });
  }

  /** Everything that held the volume lost its power at once. Returns what is wrong so far. */
  lostEverything(): string | undefined {
    const wrong = this.check();
    for (const block of this.#blocks) {
      const seen = this.#settledValue(block);
      block.initial = new Set(this.#survivors(block, seen));
      block.writes = [];
      block.reads = [];
      block.since = this.tick();
    }
    this.#flushes = [];
    this.#segment += 1;
    return wrong;
  }

  /** Values the medium may hold: all but those that a flushed write has certainly replaced. */
  #survivors(block: Block, initial: readonly number[]): readonly number[] {
    const all = [...initial.map(initially), ...block.writes];
    const durable = all.filter((write) => this.#durableAt(write) !== undefined);
    return all
      .filter((write) => !durable.some((other) => definitelyBefore(write, other)))
      .map(({ value }) => value);
  }

  /** The initial value, when a read has told which it was. */
  #settledValue(block: Block): readonly number[] {
    const told = block.reads.find(
      ({ value }) =>
        block.initial.has(value) && !block.writes.some((write) => write.value === value),
    );
    return told === undefined ? [...block.initial] : [told.value];
  }

  /** When it was certainly durable, if nothing was lost before; undefined for never. */
  #durableAt({ end, fua }: Write): number | undefined {
    if (end === undefined || end === 0 || fua) return end;
    return this.#flushes.find((flush) => flush.start > end)?.end;
  }

  /** The same whatever was lost between two engines: only their own flush speaks for a write. */
  #durableByItsEngineAt({ end, fua, epoch }: Write): number | undefined {
    if (end === undefined || end === 0 || fua) return end;
    const own = (flush: Flush) => flush.start > end && flush.epoch() === epoch();
    return this.#flushes.find(own)?.end;
  }

  /**
   * What must hold whatever happened, as long as disks keep what they synced: a read shows what
   * somebody wrote there, and nothing that a durable write had certainly replaced.
   */
  checkDurable(): string | undefined {
    for (const [index, block] of this.#blocks.entries()) {
      const writes = [initially(zeroValue), ...block.writes];
      for (const read of block.reads) {
        const wrong = `block ${index}: read of ${read.value} by ${read.by} at ${read.start}..${read.end}`;
        const sources = writes.filter((w) => w.value === read.value && w.start < read.end);
        if (sources.length === 0) return `${wrong}: nobody had written it`;
        const durable = writes.filter(
          (w) => (this.#durableByItsEngineAt(w) ?? Infinity) < read.start,
        );
        const legal = sources.some((s) => !durable.some((w) => definitelyBefore(s, w)));
        if (!legal) return `${wrong}: it had been replaced by something durable`;
      }
    }
    return undefined;
  }

  /** The first thing that is wrong, in words. */
  check(): string | undefined {
    for (const [index, block] of this.#blocks.entries()) {
      const wrong = this.#checkBlock(block);
      if (wrong !== undefined) return `block ${index}: ${wrong}`;
    }
    return undefined;
  }

  #checkBlock(block: Block): string | undefined {
    const zones = new Map<Placed, Zone>();
    const initial = this.#settledValue(block);
    const beginnings = initial.map((value) => ({
      value,
      start: block.since,
      end: block.since,
      certain: initial.length === 1,
    }));
    const asked = block.writes.map((write) => ({
      value: write.value,
      start: write.start,
      end: write.end ?? this.#closedAt(write),
      certain: write.end !== undefined,
    }));
    const writes: readonly Placed[] = [...beginnings, ...asked];
    for (const read of block.reads) {
      const wrong = `read of ${read.value} by ${read.by} at ${read.start}..${read.end}`;
      const sources = writes.filter((w) => w.value === read.value && w.start < read.end);
      if (sources.length === 0) return `${wrong}: nobody had written it`;
      const legal = sources.filter(
        (source) => !writes.some((w) => w.certain && source.end < w.start && w.end < read.start),
      );
      if (legal.length === 0) return `${wrong}: it had been replaced`;
      const [source] = legal;
      if (source === undefined || legal.length > 1) continue;
      const zone = zones.get(source) ?? { first: source.end, last: source.start };
      zones.set(source, {
        first: Math.min(zone.first, read.end),
        last: Math.max(zone.last, read.start),
      });
    }
    // A write that nobody read counts too, as long as it certainly happened.
    for (const write of writes) {
      if (write.certain && !zones.has(write)) {
        zones.set(write, { first: write.end, last: write.start });
      }
    }
    return this.#zonesClash([...zones]);
  }

  #zonesClash(zones: readonly (readonly [Placed, Zone])[]): string | undefined {
    const forward = zones.filter(([, zone]) => zone.first < zone.last);
    for (const [write, zone] of forward) {
      for (const [other, otherZone] of zones) {
        if (other === write) continue;
        const isForward = otherZone.first < otherZone.last;
        const overlap = isForward && otherZone.first < zone.last && zone.first < otherZone.last;
        const inside = !isForward && otherZone.last > zone.first && otherZone.first < zone.last;
        if (overlap || inside) {
          return (
            `value ${write.value} was seen from ${zone.first} to ${zone.last}, yet value ` +
            `${other.value} must have been there in between (${otherZone.first}, ${otherZone.last})`
          );
        }
      }
    }
    return undefined;
  }

  /** An unanswered write is out of time once a later epoch has answered something. */
  #closedAt(write: Write): number {
    let closed = Infinity;
    for (const [epoch, at] of this.#epochOpened) {
      if (epoch > write.epoch()) closed = Math.min(closed, at);
    }
    return Math.max(closed, write.start);
  }
}

const never = () => 0;

/** A value that was there before everything. */
function initially(value: number): Write {
  return { value, start: 0, end: 0, epoch: never, fua: true };
}

function definitelyBefore(a: Write, b: Write): boolean {
  return a.end !== undefined && a.end < b.start;
}
