/**
 * Drives the engine of one volume: feeds its machine (volume/engine.ts) with what the ports bring,
 * carries out its commands, and is the block device that clients see. It holds no rule about epochs
 * or members.
 */
import { assert } from '../base/assert.ts';
import { BoundedQueue } from '../base/bounded-queue.ts';
import { crc32c } from '../base/crc32c.ts';
import { Fault } from '../base/fault.ts';
import { IdMap } from '../base/id-map.ts';
import { limits } from '../base/limits.ts';
import { decodeWelcome, encodeHello, protocolVersion } from '../peer/handshake.ts';
import { decodeReply } from '../peer/reply-codec.ts';
import { encodeRequest } from '../peer/request-codec.ts';
import { FrameReader } from '../peer/frame.ts';
import type {
  BlockFailure,
  BlockGeometry,
  BlockOutcome,
  BlockService,
  ByteRange,
  ReadOutcome,
  StatusOutcome,
  WriteOptions,
  ZeroOptions,
} from '../ports/block-service.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { DirtyMap, DirtyOutcome } from '../ports/dirty-map.ts';
import type { Connector, Link } from '../ports/link.ts';
import { fits } from '../store/geometry.ts';
import { Engine } from '../volume/engine.ts';
import type {
  Answer,
  CutRequest,
  EngineCommand,
  EngineEvent,
  EngineOptions,
  EngineRequest,
  ScrubFinding,
  ScrubState,
} from '../volume/engine-events.ts';
import type { VolumeRecord } from '../volume/record.ts';
import { nextFrame } from './frames.ts';
import { Outbox } from './outbox.ts';

export interface EnginePorts {
  readonly clock: Clock;
  readonly connector: Connector;
  readonly cluster: Cluster;
  /** Called once with a defect; the engine does nothing more. Never handled to go on. */
  readonly onDefect: (error: unknown) => void;
  /** Told when what the engine waits for changes; empty when all is well. */
  readonly onReason?: (reason: string) => void;
  /** Told what the scrub found and did, and when it has been through the whole volume. */
  readonly onFinding?: (finding: ScrubFinding) => void;
}

/** A connection to one member; events of one that is no longer current are dropped. */
interface Connection {
  readonly abort: AbortController;
  outbox: Outbox | undefined;
  link: Link | undefined;
}

/** Callers beyond the requests in flight. The NBD server stops reading long before. */
const waitersMax = 4096;

export class EngineDrive implements BlockService {
  readonly #ports: EnginePorts;
  readonly #volume: string;
  readonly #engine: Engine;
  readonly #connections = new Map<string, Connection>();
  readonly #answers = new IdMap<(answer: Answer) => void>();
  readonly #waiters = new BoundedQueue<() => void>(waitersMax);
  readonly #events: EngineEvent[] = [];
  #feeding = false;
  #nextRequest = 1;
  #timer: Disposable | undefined;
  #watch: Disposable | undefined;
  #timerAtMs = Infinity;
  #opened: (() => void)[] = [];
  #ended: ((fault: Fault) => void)[] = [];
  #fault: Fault | undefined;
  #swapping: Promise<void> | undefined;
  /** After a defect nothing is believed any more. */
  #dead = false;
  #reason = '';

  constructor(ports: EnginePorts, volume: string, options: EngineOptions) {
    this.#ports = ports;
    this.#volume = volume;
    this.#engine = new Engine(options);
  }

  /** Known once the record has been read; asked for before that is a defect. */
  get geometry(): BlockGeometry {
    const { record } = this.#engine;
    assert(record !== undefined, 'the geometry is known when the volume serves');
    return { sizeBytes: record.sizeBytes, blockBytes: record.blockBytes, readOnly: false };
  }

  get serving(): boolean {
    return this.#engine.serving;
  }

  get epoch(): number {
    return this.#engine.epoch;
  }

  /** What it waits for, in words; empty when all is well. */
  get reason(): string {
    return this.#engine.reason;
  }

  /** Bytes that were sent from one member to others to make them equal, since the start. */
  get copiedBytes(): number {
    return this.#engine.copiedBytes;
  }

  /** What the scrub has done since the start. */
  get scrub(): ScrubState {
    return this.#engine.scrub;
  }

  /** Undefined while the engine lives. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  start(): void {
    this.#feed({ kind: 'start' });
    this.#watch = this.#ports.cluster.watch?.(this.#volume, () => {
      this.#feed({ kind: 'record-hint' });
    });
  }

  /** Takes no more requests, makes what it took durable, and ends (I-20). */
  stop(): void {
    this.#feed({ kind: 'stop' });
  }

  /** Ends at once and makes nothing durable: for a volume whose members do not answer. */
  abandon(): void {
    this.#die(
      new Fault('volume.ending', 'The engine has left without what it took being durable.'),
    );
  }

  /**
   * Resolves when the volume is served for the first time, or with the reason why it never will be.
   */
  async ready(): Promise<Fault | undefined> {
    if (this.serving) return undefined;
    return new Promise((resolve) => {
      this.#opened.push(() => {
        resolve(undefined);
      });
      this.#ended.push(resolve);
    });
  }

  /** Resolves with the reason when the engine is over. */
  async end(): Promise<Fault> {
    if (this.#fault !== undefined) return this.#fault;
    return new Promise((resolve) => {
      this.#ended.push(resolve);
    });
  }

  async read(range: ByteRange): Promise<ReadOutcome> {
    const refusal = this.#refusal(range);
    if (refusal !== undefined) return refusal;
    const answer = await this.#request({ kind: 'read', span: range });
    assert(answer.kind === 'data' || answer.kind === 'failed', 'a read is answered with bytes');
    return answer;
  }

  async write(
    offsetBytes: number,
    bytes: Uint8Array,
    options: WriteOptions,
  ): Promise<BlockOutcome> {
    const span = { offsetBytes, lengthBytes: bytes.length };
    const refusal = this.#refusal(span);
    if (refusal !== undefined) return refusal;
    const { fua } = options;
    return this.#change({ kind: 'write', span, bytes, crc: crc32c(bytes), fua });
  }

  async zero(range: ByteRange, options: ZeroOptions): Promise<BlockOutcome> {
    return this.#clear('zero', range, options.fua);
  }

  async trim(range: ByteRange, options: WriteOptions): Promise<BlockOutcome> {
    return this.#clear('trim', range, options.fua);
  }

  async flush(): Promise<BlockOutcome> {
    return this.#change({ kind: 'flush' });
  }

  /** Of the beginning of a long range only. */
  async blockStatus(range: ByteRange): Promise<StatusOutcome> {
    const lengthBytes = Math.min(range.lengthBytes, limits.statusBytesMax);
    const span = { offsetBytes: range.offsetBytes, lengthBytes };
    const refusal = this.#refusal(span, limits.statusBytesMax);
    if (refusal !== undefined) return refusal;
    const answer = await this.#request({ kind: 'status', span });
    if (answer.kind === 'failed') return answer;
    assert(answer.kind === 'extents', 'a question about blocks is answered with extents');
    const { blockBytes } = this.geometry;
    const extents = answer.extents.map(({ blocks, stored }) => ({
      lengthBytes: blocks * blockBytes,
      allocated: stored,
      zero: !stored,
    }));
    return { kind: 'extents', extents };
  }

  /**
   * Where a snapshot, or the volume as it is, may differ from an older snapshot. A question about a
   * snapshot that is not there is refused.
   */
  differences(views: { readonly from: string; readonly to: string }): DirtyMap {
    const dirtyStatus = async (range: ByteRange): Promise<DirtyOutcome> => {
      const lengthBytes = Math.min(range.lengthBytes, limits.statusBytesMax);
      const span = { offsetBytes: range.offsetBytes, lengthBytes };
      const refusal = this.#refusal(span, limits.statusBytesMax);
      if (refusal !== undefined) return refusal;
      const answer = await this.#request({ kind: 'difference', span, ...views });
      if (answer.kind === 'failed') return answer;
      assert(answer.kind === 'extents', 'a question about blocks is answered with extents');
      const { blockBytes } = this.geometry;
      const extents = answer.extents.map(({ blocks, stored }) => ({
        lengthBytes: blocks * blockBytes,
        dirty: stored,
      }));
      return { kind: 'extents', extents };
    };
    return { dirtyStatus };
  }

  /**
   * Makes a snapshot: one cut, equal on every in-sync member. Asking again for one that is there
   * does nothing.
   *
   * @param name at most `limits.idBytesMax` printable ASCII characters, never used again for
   *   another snapshot of this volume
   */
  async snapshot(name: string): Promise<BlockOutcome> {
    return this.#cut({ kind: 'snapshot', name });
  }

  /** Gives a snapshot up; its space comes back later. One that is not there is given up already. */
  async deleteSnapshot(name: string): Promise<BlockOutcome> {
    return this.#cut({ kind: 'forget', name });
  }

  /** Larger only, by whole blocks. What is new reads as zeroes. */
  async resize(sizeBytes: number): Promise<BlockOutcome> {
    return this.#cut({ kind: 'resize', sizeBytes });
  }

  async #cut(request: CutRequest): Promise<BlockOutcome> {
    if (this.#fault !== undefined) {
      return { kind: 'refused', reason: 'shutting-down', message: this.#fault.message };
    }
    const id = this.#nextRequest++;
    const answer = await new Promise<Answer>((resolve) => {
      this.#answers.set(id, resolve);
      this.#feed({ kind: 'cut', id, request });
    });
    assert(answer.kind === 'done' || answer.kind === 'failed', 'a cut is made or not');
    return answer;
  }

  /** Long ranges go in pieces, so that one request never holds the whole volume. */
  async #clear(kind: 'zero' | 'trim', range: ByteRange, fua: boolean): Promise<BlockOutcome> {
    const end = range.offsetBytes + range.lengthBytes;
    for (let at = range.offsetBytes; ; at += limits.requestBytesMax) {
      const span = { offsetBytes: at, lengthBytes: Math.min(limits.requestBytesMax, end - at) };
      const outcome = this.#refusal(span) ?? (await this.#change({ kind, span, fua }));
      if (outcome.kind !== 'done' || at + span.lengthBytes >= end) return outcome;
    }
  }

  /** The one ladder at the door; below it everything is asserted. */
  #refusal(span: ByteRange, lengthMax: number = limits.requestBytesMax): BlockFailure | undefined {
    const record = this.#engine.record;
    if (this.#fault !== undefined) {
      return { kind: 'refused', reason: 'shutting-down', message: this.#fault.message };
    }
    if (record === undefined) return undefined;
    if (span.offsetBytes + span.lengthBytes > record.sizeBytes) {
      const message = `The volume ends at ${record.sizeBytes}; asked for ${span.offsetBytes} to ${span.offsetBytes + span.lengthBytes}.`;
      return { kind: 'refused', reason: 'out-of-range', message };
    }
    if (!fits(record, span) || span.lengthBytes > lengthMax) {
      const message = `A request is whole blocks of ${record.blockBytes}, at most ${limits.requestBytesMax} bytes; got ${span.lengthBytes} at ${span.offsetBytes}.`;
      return { kind: 'refused', reason: 'invalid', message };
    }
    return undefined;
  }

  async #change(request: EngineRequest): Promise<BlockOutcome> {
    const answer = await this.#request(request);
    assert(answer.kind === 'done' || answer.kind === 'failed', 'only reads bring bytes');
    return answer;
  }

  async #request(request: EngineRequest): Promise<Answer> {
    if (this.#answers.size >= limits.requestsInFlightMax) {
      await new Promise<void>((go) => {
        this.#waiters.push(go);
      });
    }
    const id = this.#nextRequest++;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.#feed({ kind: 'request', id, request });
    });
  }

  /** One event at a time, even when carrying out a command brings the next at once. */
  #feed(event: EngineEvent): void {
    this.#events.push(event);
    if (this.#feeding || this.#dead) return;
    this.#feeding = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        const commands = this.#engine.step(this.#ports.clock.nowMs(), next);
        for (const command of commands) this.#carryOut(command);
      }
      if (this.serving) for (const tell of this.#opened.splice(0)) tell();
      this.#setTimer();
      if (this.reason !== this.#reason) {
        this.#reason = this.reason;
        this.#ports.onReason?.(this.#reason);
      }
    } catch (error) {
      this.#die(error);
    } finally {
      this.#feeding = false;
    }
  }

  /** What the state has become is unknown: nothing is sent and nothing is answered from here on. */
  #die(error: unknown): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#watch?.[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    for (const member of this.#connections.keys()) this.#drop(member);
    this.#ports.onDefect(error);
  }

  #carryOut(command: EngineCommand): void {
    switch (command.kind) {
      case 'read-record':
        void this.#readRecord();
        return;
      case 'swap':
        this.#swapping = this.#swap(command.expected, command.next);
        return;
      case 'connect':
        void this.#connect(command.member, command.address);
        return;
      case 'disconnect':
        this.#drop(command.member);
        return;
      case 'send':
        this.#connections
          .get(command.member)
          ?.outbox?.send(encodeRequest(command.id, command.request));
        return;
      case 'answer':
        this.#answers.get(command.id)?.(command.answer);
        this.#answers.delete(command.id);
        this.#waiters.shift()?.();
        return;
      case 'found':
        this.#ports.onFinding?.(command.finding);
        return;
      case 'ended':
        this.#fault = command.fault;
        this.#watch?.[Symbol.dispose]();
        void this.#tellEnd(command.fault);
    }
  }

  async #tellEnd(fault: Fault): Promise<void> {
    // I-04: whoever hears of it may end the process, and with it what is on its way to the record.
    if (fault.code === 'cluster.rolled-back') await this.#swapping;
    for (const tell of this.#ended.splice(0)) tell(fault);
  }

  async #readRecord(): Promise<void> {
    try {
      const found = await this.#ports.cluster.read(this.#volume);
      this.#feed({ kind: 'record-read', outcome: { kind: 'record', ...found } });
    } catch (error) {
      if (!(error instanceof Fault)) this.#die(error);
      else
        this.#feed({ kind: 'record-read', outcome: { kind: 'unreachable', why: error.message } });
    }
  }

  async #swap(expected: string, next: VolumeRecord): Promise<void> {
    try {
      const outcome = await this.#ports.cluster.swap(this.#volume, expected, next);
      this.#feed({ kind: 'swapped', outcome });
    } catch (error) {
      if (!(error instanceof Fault)) this.#die(error);
      else this.#feed({ kind: 'swapped', outcome: { kind: 'unknown' } });
    }
  }

  async #connect(member: string, address: string): Promise<void> {
    const connection: Connection = {
      abort: new AbortController(),
      outbox: undefined,
      link: undefined,
    };
    this.#drop(member);
    this.#connections.set(member, connection);
    const current = () => this.#connections.get(member) === connection;
    let why = 'it ended';
    try {
      const link = await this.#ports.connector.connect(address, connection.abort.signal);
      if (!current()) {
        link.close();
        return;
      }
      connection.link = link;
      connection.outbox = new Outbox(link);
      await this.#converse(member, connection, current);
    } catch (error) {
      if (!(error instanceof Fault)) this.#die(error);
      else why = error.message;
    }
    if (!current()) return;
    this.#drop(member);
    this.#feed({ kind: 'disconnected', member, why });
  }

  async #converse(member: string, connection: Connection, current: () => boolean): Promise<void> {
    const { link, outbox } = connection;
    assert(link !== undefined && outbox !== undefined, 'a conversation has a link');
    const frames = new FrameReader();
    const version = { versionMin: protocolVersion, versionMax: protocolVersion };
    outbox.send(encodeHello({ ...version, volume: this.#volume, member }));
    const first = await nextFrame(link, frames);
    if (first === undefined || !current()) return;
    const welcome = decodeWelcome(first);
    if ('kind' in welcome) {
      throw new Fault('peer.refused', `Member ${member} refused the connection: ${welcome.reason}`);
    }
    this.#feed({ kind: 'connected', member, welcome });
    for (;;) {
      // No turn between frames that came together: what follows from them leaves together.
      const frame = frames.next() ?? (await nextFrame(link, frames));
      if (frame === undefined || !current()) return;
      this.#feed({ kind: 'reply', member, id: frame.id, reply: decodeReply(frame) });
    }
  }

  #drop(member: string): void {
    const connection = this.#connections.get(member);
    if (connection === undefined) return;
    this.#connections.delete(member);
    connection.abort.abort();
    connection.link?.close();
  }

  #setTimer(): void {
    const atMs = this.#engine.wakeAtMs;
    if (atMs === this.#timerAtMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#timerAtMs = atMs;
    if (atMs === Infinity) return;
    const delayMs = Math.max(0, atMs - this.#ports.clock.nowMs());
    this.#timer = this.#ports.clock.after(delayMs, () => {
      this.#timerAtMs = Infinity;
      this.#feed({ kind: 'wake' });
    });
  }
}
