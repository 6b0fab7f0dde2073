/**
 * Serves stores to engines: takes connections, reads questions, runs them on the store, answers.
 * Which session may do what is the gate's rule (store/epoch-gate.ts); what happens on disk is the
 * store's.
 *
 * A session that sends what the protocol does not allow is closed, and nothing else happens.
 */
import { digestBlocks, digestBytes, markUnreadable } from '../base/digest.ts';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { decodeHello, encodeWelcome, protocolVersion } from '../peer/handshake.ts';
import { encodeReply } from '../peer/reply-codec.ts';
import { decodeRequest } from '../peer/request-codec.ts';
import { FrameReader, malformed } from '../peer/frame.ts';
import type { Acceptor, Link } from '../ports/link.ts';
import type { Log } from '../ports/log.ts';
import { type ByteSpan, fits } from '../store/geometry.ts';
import type { StoreHealth } from '../report/store-metrics.ts';
import type { Store, StoreReadOutcome } from '../store/store.ts';
import type { MemberReply, MemberRequest } from '../volume/member.ts';
import type { HostedStore } from './hosted-store.ts';
import { nextFrame } from './frames.ts';
import { Outbox } from './outbox.ts';
import { StoreUpkeep, type UpkeepPace } from './store-upkeep.ts';

export interface ReplicaPorts {
  readonly acceptor: Acceptor;
  readonly log: Log;
  /** Ends the process: called with a defect, which is never handled. */
  readonly onDefect: (error: unknown) => void;
}

/** Mistakes that tests plant; never set anywhere else. */
export interface ReplicaPlants {
  readonly epochNotChecked?: boolean;
  readonly promiseBeforeIdle?: boolean;
  readonly writerNotChecked?: boolean;
}

export interface ReplicaOptions {
  /** A new token with every start of the process, at most 32 characters (I-10). */
  readonly incarnation: string;
  readonly plants: ReplicaPlants;
  /** How soon stores are tidied up; that of the simulator is faster. */
  readonly pace?: UpkeepPace;
}

/** What is read: a span of the volume as it is, or of a snapshot. */
interface View {
  readonly span: ByteSpan;
  readonly snapshot?: string;
}

interface Session {
  readonly link: Link;
  readonly outbox: Outbox;
  /** Undefined until it has said hello. */
  hosted: HostedStore | undefined;
  running: number;
  /** Of the requests that run, with the replies they will have. */
  bytes: number;
  /** Goes on reading when a place is free. */
  resume: (() => void) | undefined;
}

export class ReplicaServer {
  readonly #ports: ReplicaPorts;
  readonly #options: ReplicaOptions;
  readonly #stores = new Map<string, HostedStore>();
  readonly #sessions = new Set<Session>();
  readonly #upkeep = new Map<HostedStore, StoreUpkeep>();
  /** How often each store was added. */
  readonly #added = new Map<string, number>();

  constructor(ports: ReplicaPorts, options: ReplicaOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** How the stores that are served are, for metrics. */
  get health(): readonly StoreHealth[] {
    return [...this.#stores.values()].map(({ store }) => ({
      ...store.identity,
      full: store.full,
      failed: store.failure !== undefined,
    }));
  }

  add(hosted: HostedStore): void {
    const { volume, member } = hosted.store.identity;
    const key = `${volume}/${member}`;
    this.#stores.set(key, hosted);
    this.#added.set(key, (this.#added.get(key) ?? 0) + 1);
    this.#upkeep.set(hosted, new StoreUpkeep(hosted, this.#ports, this.#options.pace));
  }

  /** Stops serving one store and closes it, so that it can prove itself (I-20). */
  async remove(volume: string, member: string): Promise<void> {
    const hosted = this.#stores.get(`${volume}/${member}`);
    if (hosted === undefined) return;
    this.#stores.delete(`${volume}/${member}`);
    for (const session of this.#sessions) if (session.hosted === hosted) session.link.close();
    await this.#close(hosted);
  }

  /** Why a store that is served can be used no more: it is to be removed, and opened anew. */
  failureOf(volume: string, member: string): Fault | undefined {
    return this.#stores.get(`${volume}/${member}`)?.store.failure;
  }

  /**
   * What a snapshot of a store that is served here shows. Rejects with `store.missing` when it is
   * not served, `input.invalid` when it has no such snapshot.
   */
  async readSnapshot(
    { volume, member }: { readonly volume: string; readonly member: string },
    snapshot: string,
    span: ByteSpan,
  ): Promise<StoreReadOutcome> {
    const hosted = this.#stores.get(`${volume}/${member}`);
    if (hosted === undefined) {
      throw new Fault('store.missing', `The copy ${member} of ${volume} is not served here.`, {
        retriable: true,
      });
    }
    return this.#read(hosted, { span, snapshot });
  }

  /** Takes connections until `stop`. */
  async serve(): Promise<void> {
    for (;;) {
      const link = await this.#ports.acceptor.accept();
      if (link === undefined) return;
      void this.#serveLink(link);
    }
  }

  /**
   * Ends every session, waits for what was begun, and closes the stores so that they can prove it
   * (I-20).
   */
  async stop(): Promise<void> {
    this.#ports.acceptor.close();
    for (const session of this.#sessions) session.link.close();
    for (const hosted of this.#stores.values()) await this.#close(hosted);
  }

  async #close(hosted: HostedStore): Promise<void> {
    this.#upkeep.get(hosted)?.stop();
    this.#upkeep.delete(hosted);
    await new Promise<void>((done) => {
      hosted.gate.whenIdle(done);
    });
    try {
      // One that failed has nothing to prove any more.
      if (hosted.store.failure === undefined) await hosted.runner.run(hosted.store.close());
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#ports.log.warn(`the store was not closed in order: ${error.message}`);
    } finally {
      await hosted.runner.close();
    }
  }

  async #serveLink(link: Link): Promise<void> {
    const outbox = new Outbox(link);
    const session: Session = {
      link,
      outbox,
      hosted: undefined,
      running: 0,
      bytes: 0,
      resume: undefined,
    };
    this.#sessions.add(session);
    try {
      const frames = new FrameReader();
      const first = await nextFrame(link, frames);
      if (first === undefined) return;
      const hello = decodeHello(first);
      const hosted = this.#stores.get(`${hello.volume}/${hello.member}`);
      if (hello.versionMin > protocolVersion || hello.versionMax < protocolVersion) {
        this.#turnAway(session, `it speaks version ${protocolVersion} only`);
      } else if (hosted === undefined) {
        this.#turnAway(session, `it has no store ${hello.volume}/${hello.member}`);
      } else if (hosted.store.failure !== undefined) {
        this.#turnAway(session, `its store has failed: ${hosted.store.failure.message}`);
      } else {
        session.hosted = hosted;
        await this.#converse(session, hosted, frames);
      }
    } catch (error) {
      if (!(error instanceof Fault)) this.#ports.onDefect(error);
      else if (error.code === 'peer.malformed') this.#ports.log.warn(error.message);
    } finally {
      this.#sessions.delete(session);
      link.close();
    }
  }

  /** A store that was opened anew may have lost what was not flushed, as with another process. */
  #incarnationOf({ volume, member }: Store['identity']): string {
    const { incarnation } = this.#options;
    const times = this.#added.get(`${volume}/${member}`) ?? 1;
    return times === 1 ? incarnation : `${incarnation}.${times}`;
  }

  #turnAway(session: Session, reason: string): void {
    session.outbox.send(encodeReply(0, { kind: 'failed', code: 'peer.refused', reason }));
  }

  async #converse(session: Session, hosted: HostedStore, frames: FrameReader): Promise<void> {
    const { store } = hosted;
    frames.blockBytes = store.geometry.blockBytes;
    const { promisedEpoch, lineage, standing } = store.state;
    session.outbox.send(
      encodeWelcome({
        volume: store.identity.volume,
        lineage,
        member: store.identity.member,
        incarnation: this.#incarnationOf(store.identity),
        promisedEpoch,
        standing,
        proven: store.proven,
      }),
    );
    for (;;) {
      // No turn between frames that came together: their answers leave together.
      const frame = frames.next() ?? (await nextFrame(session.link, frames));
      if (frame === undefined) return;
      const request = decodeRequest(frame);
      check(store, request);
      this.#handle(session, hosted, frame.id, request);
      // Not reading is the back-pressure: the link fills up, and the engine waits.
      while (isFull(session)) {
        await new Promise<void>((resume) => {
          session.resume = resume;
        });
      }
      if (session.outbox.bytes > limits.peerBytesMax) {
        await session.outbox.room(limits.peerBytesMax);
      }
    }
  }

  /** Most requests are answered before it returns: what touches the page cache need not wait. */
  #handle(session: Session, hosted: HostedStore, id: number, request: MemberRequest): void {
    const held = heldBytes(request);
    session.running += 1;
    session.bytes += held;
    const answer = (reply: MemberReply) => {
      session.outbox.send(encodeReply(id, reply));
      session.running -= 1;
      session.bytes -= held;
      session.resume?.();
      session.resume = undefined;
    };
    const fail = (error: unknown) => {
      if (error instanceof Fault) answer(this.#failed(hosted, error));
      else this.#ports.onDefect(error);
    };
    try {
      const reply = this.#answer(session, hosted, request);
      if (reply instanceof Promise) void reply.then(answer).catch(fail);
      else answer(reply);
    } catch (error) {
      fail(error);
    }
  }

  #failed(hosted: HostedStore, fault: Fault): MemberReply {
    // What cannot be asked for is no failure of the disk.
    if (fault.code !== 'input.invalid') hosted.store.fail(fault);
    if (fault.code === 'disk.full') void this.#upkeep.get(hosted)?.lookForRoom();
    return { kind: 'failed', code: fault.code, reason: fault.message };
  }

  #answer(
    session: Session,
    hosted: HostedStore,
    request: MemberRequest,
  ): MemberReply | Promise<MemberReply> {
    const { gate } = hosted;
    if (request.kind === 'promise') return this.#promise(session, hosted, request);
    const { plants } = this.#options;
    if (!gate.admits(session, request.epoch) && plants.epochNotChecked !== true) {
      return stale(hosted);
    }
    gate.begin();
    let reply: MemberReply | Promise<MemberReply> | undefined;
    try {
      reply = this.#work(hosted, request);
    } finally {
      if (!(reply instanceof Promise)) gate.end();
    }
    return reply instanceof Promise ? reply.finally(() => gate.end()) : reply;
  }

  /**
   * I-02, I-17: others are out at once, what they began ends, then it is durable, then it is
   * answered.
   */
  async #promise(
    session: Session,
    hosted: HostedStore,
    { epoch, writer }: Extract<MemberRequest, { kind: 'promise' }>,
  ): Promise<MemberReply> {
    const { gate, store, runner } = hosted;
    const asked = this.#options.plants.writerNotChecked === true ? gate.writer : writer;
    if (!gate.raise(session, epoch, epoch === gate.epoch ? asked : writer)) return stale(hosted);
    if (this.#options.plants.promiseBeforeIdle !== true) {
      await new Promise<void>((idle) => {
        gate.whenIdle(idle);
      });
    }
    if (gate.epoch === epoch) await runner.run(store.promise(epoch, gate.writer));
    if (!gate.promised(session)) return stale(hosted);
    const { standing, absences, age, peerAge } = store.state;
    return {
      kind: 'promised',
      report: {
        standing,
        proven: store.proven,
        dirty: store.dirty.bytes,
        age,
        peerAge,
        absences: absences.filter((absence) => absence !== undefined),
        sizeBytes: store.geometry.sizeBytes,
        snapshots: store.snapshots.map(({ snapshot }) => snapshot),
      },
    };
  }

  #work(hosted: HostedStore, request: Work): MemberReply | Promise<MemberReply> {
    if (request.kind === 'read') return this.#read(hosted, request);
    if (request.kind !== 'write') return this.#workLonger(hosted, request);
    const written = hosted.runner.run(
      hosted.store.write(request.offsetBytes, request.bytes, request),
    );
    return written instanceof Promise ? written.then(() => done) : done;
  }

  async #workLonger(
    hosted: HostedStore,
    request: Exclude<Work, { kind: 'write' }>,
  ): Promise<MemberReply> {
    const { store, runner } = hosted;
    switch (request.kind) {
      case 'read':
        return this.#read(hosted, request);
      case 'digest':
        return { kind: 'digests', bytes: await this.#digest(hosted, request) };
      case 'status':
        return { kind: 'extents', extents: await runner.run(store.status(request.span)) };
      case 'spoil':
        await runner.run(store.spoil(request.span, { sequence: request.sequence, fua: false }));
        return { kind: 'done' };
      case 'snapshot':
        await runner.run(store.snapshot(request.name));
        return { kind: 'done' };
      case 'forget':
        await runner.run(store.deleteSnapshot(request.name));
        return { kind: 'done' };
      case 'resize':
        await runner.run(store.resize(request.sizeBytes));
        return { kind: 'done' };
      case 'zero':
      case 'trim':
        await runner.run(store.zero(request.span, request));
        return { kind: 'done' };
      case 'flush':
        await runner.run(store.flush());
        return { kind: 'done' };
      case 'become':
        await runner.run(store.become(request.standing, request.proven));
        return { kind: 'done' };
      case 'track':
        await runner.run(store.track(request.absence, request.whole));
        return { kind: 'done' };
      case 'untrack':
        await runner.run(store.untrack(request.member));
        return { kind: 'done' };
      case 'copied':
        await runner.run(store.copied(request.absence, request));
        return { kind: 'done' };
      case 'changed': {
        const { absence, age } = request;
        return { kind: 'changed', regions: store.changedSince(absence, age)?.bytes };
      }
      case 'grow':
        await runner.run(store.grow(request.age, request.peerAge));
        return { kind: 'done' };
      case 'heartbeat':
        store.flushedEverywhere(request.cleanThrough);
        this.#upkeep.get(hosted)?.nudge();
        return { kind: 'done' };
    }
  }

  /** A disk that cannot read is like a block that does not match: another member may have it. */
  #read(
    hosted: HostedStore,
    { span, snapshot = '' }: View,
  ): StoreReadOutcome | Promise<StoreReadOutcome> {
    const { store, runner } = hosted;
    const known = (found: StoreReadOutcome | undefined): StoreReadOutcome => {
      if (found === undefined) throw noSnapshot(snapshot);
      return found;
    };
    const corrupt = (error: unknown): StoreReadOutcome => {
      if (!(error instanceof Fault) || store.failure !== undefined) throw error;
      if (error.code === 'input.invalid') throw error;
      const { blockBytes } = store.geometry;
      const first = span.offsetBytes / blockBytes;
      const count = span.lengthBytes / blockBytes;
      return {
        kind: 'corrupt',
        blocks: Array.from({ length: count }, (_, index) => first + index),
      };
    };
    try {
      const found =
        snapshot === ''
          ? runner.run(store.read(span))
          : runner.run(store.readSnapshot(snapshot, span));
      return found instanceof Promise ? found.then(known).catch(corrupt) : known(found);
    } catch (error) {
      return corrupt(error);
    }
  }

  /** Of the whole span at once, and block by block where some block cannot be read. */
  async #digest(hosted: HostedStore, view: View): Promise<Uint8Array> {
    const { blockBytes } = hosted.store.geometry;
    const { span } = view;
    const outcome = await this.#read(hosted, view);
    if (outcome.kind === 'data') return digestBlocks(outcome.bytes, blockBytes);
    const digests = new Uint8Array((span.lengthBytes / blockBytes) * digestBytes);
    for (let at = 0; at < span.lengthBytes; at += blockBytes) {
      const index = at / blockBytes;
      const block = { offsetBytes: span.offsetBytes + at, lengthBytes: blockBytes };
      const found = await this.#read(hosted, { ...view, span: block });
      if (found.kind === 'corrupt') markUnreadable(digests, index);
      else digests.set(digestBlocks(found.bytes, blockBytes), index * digestBytes);
    }
    return digests;
  }
}

type Work = Exclude<MemberRequest, { kind: 'promise' }>;

const done: MemberReply = { kind: 'done' };

function stale({ gate }: HostedStore): MemberReply {
  return { kind: 'stale', promisedEpoch: gate.epoch, promisedTo: gate.writer };
}

function noSnapshot(name: string): Fault {
  return new Fault('input.invalid', `This member has no snapshot ${name}.`, {
    hint: 'Ask the record which snapshots there are.',
  });
}

function longest(kind: MemberRequest['kind']): number {
  return kind === 'status' ? limits.statusBytesMax : limits.requestBytesMax;
}

function isFull(session: Session): boolean {
  return session.running >= limits.peerRequestsInFlightMax || session.bytes >= limits.peerBytesMax;
}

/** Memory of a request and of its reply. */
function heldBytes(request: MemberRequest): number {
  if (request.kind === 'write') return request.bytes.length;
  return request.kind === 'read' || request.kind === 'digest' ? request.span.lengthBytes : 0;
}

/** What the codec cannot know. Throws `peer.malformed`. */
function check(store: Store, request: MemberRequest): void {
  if (request.kind === 'track' && !store.canTrack(request.absence)) {
    throw malformed(`one absent member too many, ${request.absence.member}`);
  }
  if ((request.kind === 'snapshot' || request.kind === 'forget') && request.name === '') {
    throw malformed(`a ${request.kind} without a name`);
  }
  const { geometry } = store;
  if (request.kind === 'write') {
    const { offsetBytes, bytes } = request;
    if (!fits(geometry, { offsetBytes, lengthBytes: bytes.length })) {
      throw malformed(`a write of ${bytes.length} bytes at ${offsetBytes}`);
    }
  } else if (
    'span' in request &&
    (!fits(geometry, request.span) || request.span.lengthBytes > longest(request.kind))
  ) {
    throw malformed(
      `a ${request.kind} of ${request.span.lengthBytes} bytes at ${request.span.offsetBytes}`,
    );
  }
}
