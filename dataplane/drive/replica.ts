/**
 * Serves stores to engines: takes connections, reads questions, has them carried out, answers.
 * Which session may do what is the gate's rule (store/epoch-gate.ts); what is done for a question
 * stands in store-work.ts.
 *
 * A session that sends what the protocol does not allow is closed, and nothing else happens.
 */
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { decodeHello, encodeWelcome, protocolVersion } from '../peer/handshake.ts';
import { encodeReply } from '../peer/reply-codec.ts';
import { decodeRequest } from '../peer/request-codec.ts';
import { FrameReader } from '../peer/frame.ts';
import type { Acceptor, Link } from '../ports/link.ts';
import type { Log } from '../ports/log.ts';
import type { StoreHealth } from '../report/store-metrics.ts';
import type { ByteSpan } from '../store/geometry.ts';
import type { Store, StoreReadOutcome } from '../store/store.ts';
import type { MemberReply, MemberRequest } from '../volume/member.ts';
import type { HostedStore } from './hosted-store.ts';
import { nextFrame } from './frames.ts';
import { Outbox } from './outbox.ts';
import { carryOut, checkRequest, heldBytes, readStore } from './store-work.ts';
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
    return readStore(hosted, { span, snapshot });
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
      checkRequest(store, request);
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
      reply = carryOut(hosted, request);
      if (request.kind === 'heartbeat') this.#upkeep.get(hosted)?.nudge();
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
}

function stale({ gate }: HostedStore): MemberReply {
  return { kind: 'stale', promisedEpoch: gate.epoch, promisedTo: gate.writer };
}

function isFull(session: Session): boolean {
  return session.running >= limits.peerRequestsInFlightMax || session.bytes >= limits.peerBytesMax;
}
