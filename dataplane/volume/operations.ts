/**
 * The requests of clients: put in order, sent to the members, answered.
 *
 * Promises: I-06 (a write is acknowledged after every recorded in-sync member accepted it in this
 * epoch, a flush after every one of them made durable what was acknowledged before), I-15 (one
 * order for what overlaps), I-16 (a read is answered only while the lease holds, asked after the
 * bytes are there).
 */
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { IdMap } from '../base/id-map.ts';
import { limits } from '../base/limits.ts';
import type { ByteSpan } from '../store/geometry.ts';
import type { Core } from './core.ts';
import type { Answer, EngineRequest } from './engine-events.ts';
import type { Lease } from './lease.ts';
import type { MemberRequest } from './member.ts';
import type { Heard, MemberLink } from './member-link.ts';
import { RangeOrder } from './range-order.ts';
import { repairBlock } from './repair.ts';
import type { Procedure } from './task.ts';

type Question = Extract<EngineRequest, { kind: 'status' | 'difference' }>;
type Write = Extract<EngineRequest, { kind: 'write' | 'zero' | 'trim' }>;

interface Running {
  readonly id: number;
  readonly request: EngineRequest;
  /** Of a write its place in the order; of a flush the last write it covers. */
  sequence: number;
  /** Members whose answer is still needed, and those that said yes. */
  readonly pending: Set<string>;
  readonly accepted: Set<string>;
}

/** Orders of the engine itself have ids of their own, so that no answer goes out for them. */
const firstInternalId = 2 ** 40;

export class Operations {
  readonly #core: Core;
  readonly #lease: Lease;
  readonly #order = new RangeOrder();
  /** Taken in and not answered. */
  readonly #requests = new IdMap<EngineRequest>();
  /** In turn, but held until the volume is served. */
  #early: number[] = [];
  /** Sequences sent and not yet accepted everywhere, lowest first. */
  readonly #unaccepted = new Set<number>();
  readonly #flushing = new Set<number>();
  readonly #granted = new Set<number>();
  /** Reads that have their bytes and wait for the lease. */
  #unleased: { readonly id: number; readonly answer: Answer }[] = [];
  /** Changes and flushes that everybody has, held until who came back is known as such. */
  #withheld: (() => void)[] = [];
  #nextInternalId = firstInternalId;
  #quietFlush = 0;
  #taken = 0;
  #acknowledgedThrough = 0;
  #flushedThrough = 0;

  constructor(core: Core, lease: Lease) {
    this.#core = core;
    this.#lease = lease;
  }

  get idle(): boolean {
    return this.#requests.size === 0;
  }

  /** Counts the requests of clients. */
  get taken(): number {
    return this.#taken;
  }

  /** Every in-sync member has flushed all writes up to here. */
  get cleanThrough(): number {
    return this.#flushedThrough;
  }

  /** Something was written since the last flush of everything. */
  get unflushed(): boolean {
    return this.#acknowledgedThrough > this.#flushedThrough;
  }

  submit(id: number, request: EngineRequest): void {
    assert(this.#requests.size < limits.requestsInFlightMax + 2, 'I-22 requests in flight');
    this.#requests.set(id, request);
    if (id < firstInternalId) this.#taken += 1;
    if (request.kind === 'flush') this.#start(id);
    else if (this.#order.enter(id, request.span, changes(request))) this.#start(id);
  }

  /** Makes durable what was written, without being asked; one such flush at a time (I-22). */
  flushQuietly(): void {
    if (this.#requests.has(this.#quietFlush)) return;
    this.#quietFlush = this.#nextInternalId++;
    this.submit(this.#quietFlush, { kind: 'flush' });
  }

  /** The epoch is open: what came too early goes on. */
  serve(): void {
    this.#flushedThrough = this.#core.lastSequence;
    this.#acknowledgedThrough = this.#core.lastSequence;
    for (const id of this.#early.splice(0)) this.#start(id);
  }

  /** Answers everything that is open with the reason why the engine is over. */
  abandon(fault: Fault): void {
    for (const id of this.#requests.keys()) {
      this.#answer(id, { kind: 'failed', reason: 'io', fault });
    }
    this.#requests.clear();
  }

  /** I-16: after a confirmation came in. */
  leaseRenewed(): void {
    if (this.#unleased.length === 0 || !this.#leaseHolds()) return;
    for (const { id, answer } of this.#unleased.splice(0)) this.#finish(id, answer);
  }

  /** I-24: nobody is being readmitted any more. */
  settle(): void {
    if (this.#core.readmissions > 0) return;
    for (const settle of this.#withheld.splice(0)) settle();
  }

  /** Waits until nothing else touches the span; `leave` gives it back. */
  *enter(span: ByteSpan): Procedure<number> {
    const id = this.#nextInternalId++;
    if (!this.#order.enter(id, span, true)) {
      yield { ready: () => this.#granted.delete(id) };
    }
    return id;
  }

  leave(id: number): void {
    this.#granted.delete(id);
    for (const next of this.#order.leave(id)) {
      if (this.#requests.has(next)) this.#start(next);
      else this.#granted.add(next);
    }
  }

  /**
   * Waits until every write and flush that was sent before has been answered by all it was sent to.
   */
  *settled(): Procedure {
    const through = this.#core.lastSequence;
    const flushes = [...this.#flushing];
    yield {
      ready: () => this.acceptedThrough >= through && !flushes.some((id) => this.#flushing.has(id)),
    };
  }

  /** Everybody who gets writes has accepted all of them up to here. */
  get acceptedThrough(): number {
    for (const sequence of this.#unaccepted) return sequence - 1;
    return this.#core.lastSequence;
  }

  #start(id: number): void {
    const request = this.#requests.get(id);
    assert(request !== undefined, 'only open requests have their turn');
    if (!this.#core.serving) this.#early.push(id);
    else if (request.kind === 'flush') this.#startFlush(id);
    else if (changes(request)) this.#startWrite(id, request);
    else if (request.kind === 'read') this.#core.tasks.start(this.#read(id, request.span));
    else this.#core.tasks.start(this.#extents(id, request));
  }

  #startWrite(id: number, request: Write): void {
    const core = this.#core;
    const sequence = core.nextSequence();
    this.#unaccepted.add(sequence);
    const running = this.#run(id, request, sequence);
    const order = { epoch: core.epoch, sequence, fua: request.fua };
    const message: MemberRequest =
      request.kind === 'write'
        ? {
            kind: 'write',
            ...order,
            offsetBytes: request.span.offsetBytes,
            bytes: request.bytes,
            crc: request.crc,
          }
        : { kind: request.kind, ...order, span: request.span };
    const { plants } = core.options;
    if (plants.trimNotReplicated === true && request.kind === 'trim') {
      this.#onlyOne(running, [...running.pending][0]);
    }
    this.#askAll(running, message, () => {
      this.#unaccepted.delete(sequence);
      this.#acknowledgedThrough = Math.max(this.#acknowledgedThrough, sequence);
    });
    if (plants.acknowledgeEarly === true) this.#answer(id, { kind: 'done' });
  }

  #startFlush(id: number): void {
    const core = this.#core;
    const through = this.acceptedThrough;
    const running = this.#run(id, { kind: 'flush' }, through);
    this.#flushing.add(id);
    if (core.options.plants.flushNotForwarded === true)
      this.#onlyOne(running, [...running.pending].at(-1));
    this.#askAll(running, { kind: 'flush', epoch: core.epoch }, () => {
      this.#flushing.delete(id);
      this.#flushedThrough = Math.max(this.#flushedThrough, through);
    });
  }

  #run(id: number, request: EngineRequest, sequence: number): Running {
    const targets = [...this.#core.links.values()].filter(({ role }) => role !== 'absent');
    const pending = new Set(targets.map((link) => link.id));
    return { id, request, sequence, pending, accepted: new Set() };
  }

  /** For planted bugs. */
  #onlyOne(running: Running, chosen: string | undefined): void {
    for (const id of running.pending) {
      if (id === chosen) continue;
      running.pending.delete(id);
      running.accepted.add(id);
    }
  }

  #askAll(running: Running, message: MemberRequest, done: () => void): void {
    const core = this.#core;
    for (const id of running.pending) {
      const link = core.link(id);
      core.ask(link, message, (heard) => this.#heard(running, link, heard, done), true);
    }
  }

  #heard(running: Running, link: MemberLink, heard: Heard, done: () => void): void {
    const core = this.#core;
    if (core.ended !== undefined) return;
    if (heard.kind === 'done') running.accepted.add(link.id);
    else if (heard.kind !== 'gone') {
      // I-18: what failed on one member is that member leaving. Its answer is needed until it has
      // left.
      core.judge(link, heard);
      // Nobody waits for a member that is only being filled: its filling begins again.
      if (link.broken !== '' && !link.needed) link.giveUp();
      return;
    }
    running.pending.delete(link.id);
    if (running.pending.size > 0) return;
    const settle = () => {
      assert(
        core.known.members.every(({ id, inSync }) => !inSync || running.accepted.has(id)),
        'I-06 every recorded in-sync member accepted what is acknowledged',
      );
      done();
      this.#finish(running.id, { kind: 'done' });
    };
    if (core.readmissions > 0) this.#withheld.push(settle);
    else settle();
  }

  *#read(id: number, span: ByteSpan): Procedure {
    const core = this.#core;
    for (;;) {
      const link = this.#reader();
      if (link === undefined) {
        yield { ready: () => this.#reader() !== undefined };
        continue;
      }
      const heard = yield* core.call(link, { kind: 'read', epoch: core.epoch, span });
      if (heard.kind === 'corrupt') break;
      if (heard.kind === 'data' && link.readable) {
        this.#offer(id, heard);
        return;
      }
    }
    yield* this.#repair(id, span);
  }

  *#extents(id: number, request: Question): Procedure {
    const core = this.#core;
    for (;;) {
      const link = this.#reader();
      if (link === undefined) {
        yield { ready: () => this.#reader() !== undefined };
        continue;
      }
      const heard = yield* core.call(link, { ...request, epoch: core.epoch });
      if (heard.kind === 'failed' && heard.code === 'input.invalid') {
        const fault = new Fault(heard.code, heard.reason);
        this.#offer(id, { kind: 'failed', reason: 'io', fault });
        return;
      }
      if (heard.kind !== 'extents' || !link.readable) continue;
      this.#offer(id, heard);
      return;
    }
  }

  /**
   * The first in the order of members that can be asked; the engine's own node comes first there.
   */
  #reader(): MemberLink | undefined {
    const { plants, preferred } = this.#core.options;
    const links = [...this.#core.links.values()];
    const may = links.filter(
      (link) => link.readable && (link.role === 'in-sync' || plants.readFromAnybody === true),
    );
    if (plants.readFromAnybody === true) return may.at(-1);
    return may.find((link) => link.id === preferred) ?? may[0];
  }

  /** Block by block: what one member cannot read another may, and the first gets it back. */
  *#repair(id: number, span: ByteSpan): Procedure {
    const core = this.#core;
    const { blockBytes } = core.geometry;
    const whole = new Uint8Array(span.lengthBytes);
    for (let at = 0; at < span.lengthBytes; at += blockBytes) {
      const block = { offsetBytes: span.offsetBytes + at, lengthBytes: blockBytes };
      const repaired = yield* repairBlock(core, block);
      if (repaired === undefined) {
        const fault = new Fault(
          'store.corrupt-block',
          `Block ${block.offsetBytes / blockBytes} matches its checksum on no in-sync member.`,
          { hint: 'Restore it from a backup; writing the block makes it readable again.' },
        );
        this.#finish(id, { kind: 'failed', reason: 'io', fault });
        return;
      }
      whole.set(repaired.bytes, at);
    }
    this.#offer(id, { kind: 'data', bytes: whole });
  }

  #leaseHolds(): boolean {
    const needed = this.#core.needed().map((link) => link.id);
    return (
      this.#core.options.plants.noLease === true || this.#lease.holds(needed, this.#core.nowMs)
    );
  }

  #offer(id: number, answer: Answer): void {
    if (this.#leaseHolds()) this.#finish(id, answer);
    else this.#unleased.push({ id, answer });
  }

  #finish(id: number, answer: Answer): void {
    const isFlush = this.#requests.get(id)?.kind === 'flush';
    this.#answer(id, answer);
    this.#requests.delete(id);
    if (!isFlush) this.leave(id);
  }

  #answer(id: number, answer: Answer): void {
    if (id < firstInternalId) this.#core.command({ kind: 'answer', id, answer });
  }
}

function changes(request: EngineRequest): request is Write {
  return request.kind === 'write' || request.kind === 'zero' || request.kind === 'trim';
}
