/**
 * What the procedures of an engine share: the record, the members, the time, and the orders given
 * out. The volume machine (engine.ts) owns it; nothing outside `volume/` sees it.
 */
import { assert } from '../base/assert.ts';
import { Bitmap } from '../base/bitmap.ts';
import { Fault } from '../base/fault.ts';
import { type Geometry, regionCount } from '../store/geometry.ts';
import type { EngineCommand, EngineOptions, ReadRecord, Swapped } from './engine-events.ts';
import type { MemberRequest } from './member.ts';
import { type Heard, MemberLink } from './member-link.ts';
import { aged, type VolumeRecord, type VolumeWish } from './record.ts';
import { type Procedure, Tasks } from './task.ts';

/** I-22. As many changes of the record as a cache may be late. */
const outdatedMax = 64;

type Stale = Extract<Heard, { kind: 'stale' }>;

/** Parts of an engine that may have to wait for the world. */
type WaitingPart = 'opening' | 'record' | 'members' | 'room' | 'wish';

export class Core {
  readonly options: EngineOptions;
  readonly tasks = new Tasks();
  readonly links = new Map<string, MemberLink>();
  nowMs = 0;
  record: VolumeRecord | undefined;
  /** As it stood beside the record when that was last read. */
  wish: VolumeWish | undefined;
  version = '';
  /** Versions that were replaced, newest last: a read that shows one of them came from a cache. */
  readonly #outdated: string[] = [];
  epoch = 0;
  serving = false;
  /** I-24: every member that counts is durably so old. */
  age = 0;
  /** While there are any, nothing is acknowledged (ageing.ts). */
  readmissions = 0;
  /** A snapshot or a resize is on its way to the members and the record; nobody joins meanwhile. */
  cutting = false;
  /** Sent from one member to others, to make them equal. */
  copiedBytes = 0;
  /** Why the engine is over; it does nothing more. */
  ended: Fault | undefined;
  /** What stands still and why, for people, by the part that waits. */
  readonly #waits = new Map<WaitingPart, string>([['opening', 'starting']]);
  #commands: EngineCommand[] = [];
  #sequence = 1;
  #readRecord: ReadRecord | undefined;
  #swapped: Swapped | undefined;
  #clusterBusy = false;

  constructor(options: EngineOptions) {
    this.options = options;
  }

  get geometry(): Geometry {
    return this.known;
  }

  /** The record, once it has been read. */
  get known(): VolumeRecord {
    assert(this.record !== undefined, 'the record is read before anything else');
    return this.record;
  }

  /** The record, as last read, still says that this engine is the writer. */
  get isMine(): boolean {
    return this.known.epoch === this.epoch && this.known.writer === this.options.incarnation;
  }

  /** What it waits for, and what a person can do about it; empty when all is well. */
  get reason(): string {
    return this.ended?.message ?? [...this.#waits.values()].join(' ');
  }

  /** @param why whole sentences: who is missing, and what to do; empty when it goes on */
  explain(part: WaitingPart, why: string): void {
    if (why === '') this.#waits.delete(part);
    else this.#waits.set(part, why);
  }

  command(command: EngineCommand): void {
    this.#commands.push(command);
  }

  takeCommands(): readonly EngineCommand[] {
    const taken = this.#commands;
    this.#commands = [];
    return taken;
  }

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  /** Higher than that of any member there is: what one of them was before can be told from it. */
  get nextAge(): number {
    const ages = [...this.links.values()].map((link) => link.report?.age ?? 0);
    return 1 + Math.max(this.age, this.known.age, ...ages);
  }

  /** I-24: the record as it says how old the members are. */
  withAge(record: VolumeRecord): VolumeRecord {
    return this.options.plants.ageNotRecorded === true ? record : aged(record, this.age);
  }

  get lastSequence(): number {
    return this.#sequence;
  }

  link(id: string): MemberLink {
    const link = this.links.get(id);
    assert(link !== undefined, `${id} is a member`);
    return link;
  }

  needed(): readonly MemberLink[] {
    return [...this.links.values()].filter((link) => link.needed);
  }

  end(fault: Fault): void {
    if (this.ended !== undefined) return;
    this.ended = fault;
    this.serving = false;
    this.tasks.stopAll();
    for (const link of this.links.values()) this.command({ kind: 'disconnect', member: link.id });
    this.command({ kind: 'ended', fault });
  }

  /**
   * Nothing is expected of the member any more; it starts over with a new connection and a promise.
   */
  release(link: MemberLink): void {
    link.role = 'absent';
    link.broken = '';
    link.held = false;
    link.departing = false;
    link.report = undefined;
    if (link.state !== 'down') this.command({ kind: 'disconnect', member: link.id });
    link.state = 'down';
    link.downSinceMs = this.nowMs;
    link.drop(true);
  }

  superseded(): void {
    this.end(
      new Fault('volume.superseded', `A later epoch than ${this.epoch} has been opened.`, {
        hint: 'Another engine serves this volume now; this one has stopped.',
      }),
    );
  }

  /** I-02. One epoch of a record that keeps what it was told has one writer. */
  #shutOut(link: MemberLink, { promisedEpoch, promisedTo }: Stale): void {
    const other = promisedTo !== '' && promisedTo !== this.options.incarnation;
    if (promisedEpoch !== this.epoch || !other) this.superseded();
    else {
      this.rolledBack(
        `Member ${link.id} has promised epoch ${promisedEpoch} to another engine, ${promisedTo}.`,
      );
    }
  }

  /**
   * I-04. It is noted in the record, if that can be done at once: the next engine may not meet the
   * one who knows.
   *
   * @param found what shows that the record is an older one
   * @param read as it was read last, where that is not `record`
   */
  rolledBack(found: string, read = { version: this.version, record: this.known }): void {
    const { version: expected, record } = read;
    if (record.doubt === '') {
      this.command({ kind: 'swap', expected, next: { ...record, doubt: found } });
    }
    this.end(
      new Fault('cluster.rolled-back', found, {
        hint: 'The control plane was restored from an older state: see docs/runbooks/rolled-back.md.',
      }),
    );
  }

  /** @param lasting it is asked again as long as the member may not be missed */
  ask(
    link: MemberLink,
    request: MemberRequest,
    hear: (heard: Heard) => void,
    lasting = false,
  ): void {
    if (!link.usable && !lasting) {
      hear({ kind: 'gone' });
      return;
    }
    const id: number = link.ask({
      request,
      lasting,
      hear: (heard) => {
        if (link.waitsForRoom(heard)) {
          this.explain('room', `Waiting for room on the disk of ${link.id}: ${heard.reason}`);
          this.tasks.start(this.#askAgain(link, id, request));
          return;
        }
        if (heard.kind === 'done' && link.needed) this.explain('room', '');
        hear(heard);
      },
    });
    if (link.usable) this.command({ kind: 'send', member: link.id, id, request });
  }

  /**
   * What found no room. On a new connection all open questions are sent anyway; a second copy of
   * one could arrive after a newer write.
   */
  *#askAgain(link: MemberLink, id: number, request: MemberRequest): Procedure {
    const { report } = link;
    yield* this.pause(this.options.retryMs);
    if (!link.usable || link.report !== report || !link.isOpen(id)) return;
    this.command({ kind: 'send', member: link.id, id, request });
  }

  /**
   * Asks and waits. A `stale` answer has ended the engine, a `failed` one has broken the member.
   */
  *call(link: MemberLink, request: MemberRequest): Procedure<Heard> {
    const heard = yield* this.hear(link, request);
    this.judge(link, heard);
    return heard;
  }

  /** Asks and waits; what the answer means is the caller's to judge. */
  *hear(link: MemberLink, request: MemberRequest): Procedure<Heard> {
    let heard: Heard | undefined;
    this.ask(link, request, (answer) => {
      heard = answer;
    });
    yield { ready: () => heard !== undefined };
    assert(heard !== undefined, 'a wait without a time ends when it is ready');
    return heard;
  }

  /** True when the answer says neither that the engine is over nor that the member is. */
  judge(link: MemberLink, heard: Heard): boolean {
    if (heard.kind === 'stale') {
      this.#shutOut(link, heard);
      return false;
    }
    // It is well, and was asked for what it does not have.
    if (heard.kind === 'failed' && heard.code === 'input.invalid') return false;
    if (heard.kind === 'failed') {
      link.broken = `${heard.code}: ${heard.reason}`;
      return false;
    }
    return heard.kind !== 'gone';
  }

  /** All at once; true when every one said yes. */
  *callAll(
    calls: readonly { readonly link: MemberLink; readonly request: MemberRequest }[],
  ): Procedure<boolean> {
    const answers: boolean[] = [];
    for (const { link, request } of calls) {
      this.ask(link, request, (heard) => {
        answers.push(this.judge(link, heard));
      });
    }
    yield { ready: () => answers.length === calls.length };
    return answers.every((answer) => answer);
  }

  /** The newest record; waits as long as the manager is away. */
  *read(): Procedure<VolumeRecord> {
    for (;;) {
      yield* this.#turn();
      this.#readRecord = undefined;
      this.command({ kind: 'read-record' });
      yield { ready: () => this.#readRecord !== undefined };
      this.#clusterBusy = false;
      const outcome = this.#readRecord as ReadRecord | undefined;
      if (outcome?.kind === 'record') {
        const { record: found } = outcome;
        const { record: known } = this;
        const trusting = this.options.plants.rollbackIgnored === true;
        if (known !== undefined && isOlder(found, known) && !trusting) {
          this.rolledBack(
            `The record was seen at ${momentOf(known)}, and is back at ${momentOf(found)}.`,
            outcome,
          );
          return known;
        }
        if (!this.#outdated.includes(outcome.version)) {
          this.record = outcome.record;
          this.wish = outcome.wish;
          this.#moveTo(outcome.version);
          this.explain('record', '');
          return outcome.record;
        }
      }
      const why = outcome?.kind === 'record' ? 'an older one was shown' : outcome?.why;
      this.explain(
        'record',
        `The configuration record cannot be read (${why ?? 'no answer'}): no member comes or goes until it can. Bring the control plane back.`,
      );
      yield* this.pause(this.options.retryMs);
    }
  }

  /**
   * Compare-and-swap until it is known what became of it. False: somebody else wrote since, and
   * `record` is what is there now.
   */
  *swap(next: VolumeRecord): Procedure<boolean> {
    const { plants } = this.options;
    for (;;) {
      yield* this.#turn();
      this.#swapped = undefined;
      this.command({ kind: 'swap', expected: this.version, next });
      yield { ready: () => this.#swapped !== undefined };
      this.#clusterBusy = false;
      const outcome = this.#swapped as Swapped | undefined;
      if (outcome?.kind === 'written') {
        this.record = next;
        this.#moveTo(outcome.version);
        return true;
      }
      if (outcome?.kind === 'conflict' && plants.conflictIsSuccess === true) {
        this.record = next;
        return true;
      }
      if (outcome?.kind === 'unknown' && plants.timeoutIsFailure === true) return false;
      const before = this.version;
      const found = yield* this.read();
      if (sameRecord(found, next)) return true;
      // An unanswered swap may still arrive; trying again with the same version settles it either
      // way.
      if (this.version !== before) return false;
    }
  }

  /** What a member says of its regions. It may be larger than the record says, or smaller. */
  regionsOf(bytes: Uint8Array): Bitmap {
    const regions = new Bitmap(regionCount(this.geometry));
    regions.bytes.set(bytes.subarray(0, regions.bytes.length));
    return regions;
  }

  *pause(forMs: number): Procedure {
    yield { ready: () => false, orAtMs: this.nowMs + forMs };
  }

  recordRead(outcome: ReadRecord): void {
    this.#readRecord = outcome;
  }

  swapped(outcome: Swapped): void {
    this.#swapped = outcome;
  }

  /** What an engine asks for next may be what was there before: only versions tell them apart. */
  #moveTo(version: string): void {
    if (version === this.version) return;
    this.#outdated.push(this.version);
    if (this.#outdated.length > outdatedMax) this.#outdated.shift();
    this.version = version;
  }

  /** One question to the manager at a time. */
  *#turn(): Procedure {
    yield { ready: () => !this.#clusterBusy };
    this.#clusterBusy = true;
  }

  /** A link for every member of the record that has none yet; those are returned. */
  addLinks(): readonly MemberLink[] {
    const added = this.known.members
      .filter((member) => !this.links.has(member.id))
      .map((member) => new MemberLink(member, this.nowMs));
    for (const link of added) this.links.set(link.id, link);
    return added;
  }
}

function sameRecord(a: VolumeRecord, b: VolumeRecord): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Neither number ever goes down while the control plane keeps what it was told. */
function isOlder(found: VolumeRecord, known: VolumeRecord): boolean {
  if (found.epoch !== known.epoch) return found.epoch < known.epoch;
  return found.generation < known.generation;
}

function momentOf({ epoch, generation }: VolumeRecord): string {
  return `epoch ${epoch}, generation ${generation}`;
}
