/**
 * A client of somebody's NBD server: a remote export as a block service.
 *
 * Promises: any number of requests at once (up to a written limit), answered as the server answers;
 * what the server cannot do is refused or done by other commands, never silently left out; after
 * the connection is lost every request, open or new, answers with `link.lost`. Connecting again is
 * the caller's business. `trim` zeroes (the promise of `BlockService`); NBD's mere hint is
 * `discard`.
 */
import { Buffer } from 'node:buffer';
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import type { ListedExport, ServerAgreement } from '../nbd/client-handshake.ts';
import { type ClientOutcome, type ClientRequest, ClientSession } from '../nbd/client-session.ts';
import { reasonByErrno } from '../nbd/errno.ts';
import type { StatusRun } from '../nbd/reply-codec.ts';
import {
  allocationState,
  command,
  commandFlag,
  metaContextName,
  transmissionFlag,
} from '../nbd/wire.ts';
import type {
  BlockFailure,
  BlockGeometry,
  BlockOutcome,
  BlockRefusal,
  BlockService,
  ByteRange,
  ReadOutcome,
  StatusOutcome,
  WriteOptions,
  ZeroOptions,
} from '../ports/block-service.ts';
import type { Link } from '../ports/link.ts';
import type { NbdLink } from '../ports/nbd-link.ts';
import { type NbdClientOptions, negotiate } from './nbd-negotiation.ts';
import { NbdOutbox } from './nbd-outbox.ts';

export type ContextOutcome =
  | { readonly kind: 'runs'; readonly runs: readonly StatusRun[] }
  | BlockFailure;

/** Requests a caller may have open at once; more is a defect of the caller. */
const pendingMax = 1024;
/** Longest WRITE_ZEROES or TRIM: lengths have 32 bits, and servers like round numbers. */
const rangeBytesMax = 2 ** 30;

const done: BlockOutcome = { kind: 'done' };

export class NbdClient implements BlockService {
  readonly agreement: ServerAgreement;
  readonly geometry: BlockGeometry;
  /** Resolves when the connection has ended: with nothing after `disconnect`, else with why. */
  readonly closed: Promise<Fault | undefined>;
  readonly #link: Link;
  readonly #session: ClientSession;
  readonly #outbox: NbdOutbox;
  readonly #waiting = new Map<number, (outcome: ClientOutcome | Fault) => void>();
  /** Resolves when nothing is under way after `disconnect` was called. */
  readonly #idle = Promise.withResolvers<void>();
  #ended: Fault | undefined;

  private constructor(link: Link, agreement: ServerAgreement, rest: Uint8Array) {
    this.#link = link;
    this.agreement = agreement;
    const readOnly = this.#offers('readOnly');
    const { sizeBytes, blockSizes } = agreement;
    this.geometry = { sizeBytes, blockBytes: blockSizes.minimum, readOnly };
    this.#session = new ClientSession(agreement.structured);
    this.#outbox = new NbdOutbox(link, () => {});
    this.closed = this.#receive(rest);
  }

  /**
   * Negotiates on a fresh connection. Rejects with `peer.refused`, `peer.malformed` or `link.lost`.
   */
  static async open(link: NbdLink, options: NbdClientOptions = {}): Promise<NbdClient> {
    const end = await negotiate(link, 'transmit', options);
    assert(end.step.kind === 'begin', 'a handshake for transmission ends with its beginning');
    return new NbdClient(end.link, end.step.agreement, end.step.rest);
  }

  /** Asks a server what it serves, and leaves. */
  static async list(
    link: NbdLink,
    options: NbdClientOptions = {},
  ): Promise<readonly ListedExport[]> {
    const end = await negotiate(link, 'list', options);
    end.link.close();
    assert(end.step.kind === 'listed', 'a handshake for a listing ends with the list');
    return end.step.exports;
  }

  /** Asks about one export, and leaves. */
  static async describe(link: NbdLink, options: NbdClientOptions = {}): Promise<ServerAgreement> {
    const end = await negotiate(link, 'describe', options);
    end.link.close();
    assert(end.step.kind === 'described', 'a handshake for a description ends with it');
    return end.step.agreement;
  }

  async read(range: ByteRange): Promise<ReadOutcome> {
    const outcome = await this.#request({ code: command.read, flags: 0, ...pick(range) });
    if (outcome.kind === 'data') return outcome;
    return isFailure(outcome) ? outcome : malformed('a read was answered without data');
  }

  async write(
    offsetBytes: number,
    bytes: Uint8Array,
    options: WriteOptions,
  ): Promise<BlockOutcome> {
    const lengthBytes = bytes.length;
    const request = { code: command.write, offsetBytes, lengthBytes };
    return this.#change(request, options, [bytes]);
  }

  async zero(range: ByteRange, options: ZeroOptions): Promise<BlockOutcome> {
    if (!this.#offers('writeZeroes')) return this.#writeZeroes(range, options);
    const flags = options.mayPunch ? 0 : commandFlag.noHole;
    return this.#inParts(range, rangeBytesMax, (part) =>
      this.#change({ code: command.writeZeroes, flags, ...part }, options, []),
    );
  }

  trim(range: ByteRange, options: WriteOptions): Promise<BlockOutcome> {
    return this.zero(range, { ...options, mayPunch: true });
  }

  /** NBD's TRIM: the server may forget the bytes; what reads back is not said. */
  async discard(range: ByteRange): Promise<BlockOutcome> {
    if (!this.#offers('trim')) return done;
    return this.#inParts(range, rangeBytesMax, (part) =>
      this.#change({ code: command.trim, ...part }, { fua: false }, []),
    );
  }

  async flush(): Promise<BlockOutcome> {
    if (!this.#offers('flush')) return refused('not-permitted', 'the server offers no flush');
    const request = { code: command.flush, flags: 0, offsetBytes: 0, lengthBytes: 0 };
    return finished(await this.#request(request));
  }

  /** Tells the server which bytes will be read soon. */
  async cache(range: ByteRange): Promise<BlockOutcome> {
    if (!this.#offers('cache')) return done;
    return finished(await this.#request({ code: command.cache, flags: 0, ...pick(range) }));
  }

  async blockStatus(range: ByteRange): Promise<StatusOutcome> {
    const unknown = { lengthBytes: range.lengthBytes, allocated: true, zero: false };
    const chosen = this.agreement.contexts.some(({ name }) => name === metaContextName.allocation);
    if (!chosen) return { kind: 'extents', extents: [unknown] };
    const outcome = await this.contextStatus(metaContextName.allocation, range);
    if (outcome.kind !== 'runs') return outcome;
    const extents = outcome.runs.map(({ lengthBytes, state }) => ({
      lengthBytes,
      allocated: (state & allocationState.hole) === 0,
      zero: (state & allocationState.zero) !== 0,
    }));
    return { kind: 'extents', extents };
  }

  /** The status of a range in the terms of one selected context. */
  async contextStatus(name: string, range: ByteRange): Promise<ContextOutcome> {
    const context = this.agreement.contexts.find((entry) => entry.name === name);
    if (context === undefined) return refused('invalid', `context ${name} was not selected`);
    const request = { code: command.blockStatus, flags: 0, ...pick(range) };
    const outcome = await this.#request(request);
    if (isFailure(outcome)) return outcome;
    const runs = outcome.kind === 'status' ? outcome.runs.get(context.id) : undefined;
    return runs === undefined ? malformed(`no status for ${name}`) : { kind: 'runs', runs };
  }

  /** Waits for what is under way, says goodbye and closes. */
  async disconnect(): Promise<void> {
    if (this.#ended === undefined) {
      this.#ended = new Fault('link.lost', 'the client has disconnected');
      if (this.#waiting.size > 0) await this.#idle.promise;
      const goodbye = { code: command.disconnect, flags: 0, offsetBytes: 0, lengthBytes: 0 };
      this.#outbox.send([this.#session.submit(goodbye).header]);
      await this.#outbox.drained();
    }
    this.#link.close();
    await this.closed;
  }

  #offers(flag: keyof typeof transmissionFlag): boolean {
    return (this.agreement.flags & transmissionFlag[flag]) !== 0;
  }

  /** A command that changes bytes; FUA becomes a flush where the server does not know it. */
  async #change(
    request: ByteRange & { readonly code: number; readonly flags?: number },
    options: WriteOptions,
    payload: readonly Uint8Array[],
  ): Promise<BlockOutcome> {
    const native = options.fua && this.#offers('fua');
    const flags = (request.flags ?? 0) | (native ? commandFlag.fua : 0);
    const outcome = finished(await this.#request({ ...request, flags }, payload));
    return options.fua && !native && outcome.kind === 'done' ? this.flush() : outcome;
  }

  #writeZeroes(range: ByteRange, options: WriteOptions): Promise<BlockOutcome> {
    return this.#inParts(range, 2 ** 20, (part) =>
      this.write(part.offsetBytes, Buffer.alloc(part.lengthBytes), options),
    );
  }

  async #inParts(
    range: ByteRange,
    partBytesMax: number,
    change: (part: ByteRange) => Promise<BlockOutcome>,
  ): Promise<BlockOutcome> {
    const end = range.offsetBytes + range.lengthBytes;
    for (let offsetBytes = range.offsetBytes; offsetBytes < end; offsetBytes += partBytesMax) {
      const part = { offsetBytes, lengthBytes: Math.min(partBytesMax, end - offsetBytes) };
      const outcome = await change(part);
      if (outcome.kind !== 'done') return outcome;
    }
    return done;
  }

  async #request(
    request: ClientRequest,
    payload: readonly Uint8Array[] = [],
  ): Promise<ClientOutcome | BlockFailure> {
    const failure = this.#refuse(request);
    if (failure !== undefined) return failure;
    assert(this.#waiting.size < pendingMax, `at most ${pendingMax} requests at once`);
    const { cookie, header } = this.#session.submit(request);
    const outcome = await new Promise<ClientOutcome | Fault>((resolve) => {
      this.#waiting.set(cookie, resolve);
      this.#outbox.send([header, ...payload]);
    });
    if (outcome instanceof Fault) return lost(outcome);
    return outcome.kind === 'error' ? failureOf(outcome) : outcome;
  }

  /** What is wrong with a request before the server is asked. */
  #refuse(request: ClientRequest): BlockFailure | undefined {
    if (this.#ended !== undefined) return lost(this.#ended);
    const { code, offsetBytes, lengthBytes } = request;
    if (code === command.flush) return undefined;
    const { sizeBytes, blockBytes } = this.geometry;
    if (lengthBytes === 0 || offsetBytes % blockBytes !== 0 || lengthBytes % blockBytes !== 0) {
      return refused('invalid', `${lengthBytes} at ${offsetBytes} is no multiple of ${blockBytes}`);
    }
    if (offsetBytes + lengthBytes > sizeBytes) {
      return refused('out-of-range', `${lengthBytes} at ${offsetBytes} ends beyond ${sizeBytes}`);
    }
    const { maximum } = this.agreement.blockSizes;
    const carriesData = code === command.read || code === command.write;
    if (carriesData && lengthBytes > maximum) {
      return refused('invalid', `the server takes ${maximum} bytes at once, not ${lengthBytes}`);
    }
    return undefined;
  }

  /** Reads replies until the connection ends; says why it did. */
  async #receive(rest: Uint8Array): Promise<Fault | undefined> {
    const fault = await this.#receiveAll(rest);
    const polite = this.#ended !== undefined;
    this.#ended ??= fault;
    this.#link.close();
    for (const answer of this.#waiting.values()) answer(fault);
    this.#waiting.clear();
    this.#idle.resolve();
    return polite ? undefined : fault;
  }

  async #receiveAll(rest: Uint8Array): Promise<Fault> {
    let chunk: Uint8Array | undefined = rest;
    while (chunk !== undefined) {
      const events = this.#session.push(chunk);
      if (events.kind === 'violation') return new Fault('peer.malformed', events.message);
      for (const { cookie, outcome } of events.completions) {
        this.#waiting.get(cookie)?.(outcome);
        this.#waiting.delete(cookie);
      }
      if (this.#ended !== undefined && this.#waiting.size === 0) this.#idle.resolve();
      try {
        chunk = await this.#link.read();
      } catch (error) {
        return asFault(error);
      }
    }
    return new Fault('link.lost', 'the server closed the connection');
  }
}

function pick(range: ByteRange): ByteRange {
  return { offsetBytes: range.offsetBytes, lengthBytes: range.lengthBytes };
}

function isFailure(outcome: ClientOutcome | BlockFailure): outcome is BlockFailure {
  return outcome.kind === 'refused' || outcome.kind === 'failed';
}

function finished(outcome: ClientOutcome | BlockFailure): BlockOutcome {
  return isFailure(outcome) ? outcome : done;
}

function failureOf(outcome: Extract<ClientOutcome, { kind: 'error' }>): BlockFailure {
  const reason = reasonByErrno[outcome.error];
  const message = outcome.message === '' ? `the server answered ${outcome.error}` : outcome.message;
  if (reason !== 'io' && reason !== 'no-space') return refused(reason, message);
  const code = reason === 'io' ? 'disk.failed' : 'disk.full';
  return { kind: 'failed', reason, fault: new Fault(code, message) };
}

function refused(reason: BlockRefusal, message: string): BlockFailure {
  return { kind: 'refused', reason, message };
}

function lost(fault: Fault): BlockFailure {
  return { kind: 'failed', reason: 'io', fault };
}

function malformed(message: string): BlockFailure {
  return lost(new Fault('peer.malformed', message));
}

function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault('link.lost', String(error), { cause: error });
}
