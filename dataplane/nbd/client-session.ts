/**
 * The client's half of the transmission phase: requests to bytes, bytes to outcomes.
 *
 * Promises: an outcome is reported once per request, in the order in which replies end; data of a
 * read is complete, in its place and was sent once, or the server has broken the protocol; memory
 * beyond the requests' own is bounded whatever the server sends.
 * Never: awaits, or sends again; a lost connection is its owner's matter.
 */
import { Buffer } from 'node:buffer';
import { assert } from '../base/assert.ts';
import { readU16, readU32, readU64 } from '../base/big-endian.ts';
import { ByteQueue } from './byte-queue.ts';
import { Coverage } from './coverage.ts';
import { type ErrnoName, errnoName } from './errno.ts';
import { nbdLimits } from './limits.ts';
import {
  decodeReplyHeader,
  type ReplyHeader,
  replyHeaderBytesOf,
  type StatusRun,
} from './reply-codec.ts';
import { encodeRequest } from './request.ts';
import { chunkErrorBit, chunkFlag, chunkType, command } from './wire.ts';

/** A request as its caller knows it. */
export interface ClientRequest {
  readonly code: number;
  readonly flags: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export type ClientOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'status'; readonly runs: ReadonlyMap<number, readonly StatusRun[]> }
  | {
      readonly kind: 'error';
      readonly error: ErrnoName;
      readonly message: string;
      /** Where a read failed, when the server said so. */
      readonly offsetBytes: number | undefined;
    };

export interface Completion {
  readonly cookie: number;
  readonly outcome: ClientOutcome;
}

export type ClientEvents =
  | { readonly kind: 'completions'; readonly completions: readonly Completion[] }
  | { readonly kind: 'violation'; readonly message: string };

interface Pending {
  readonly request: ClientRequest;
  readonly data: Uint8Array;
  readonly coverage: Coverage;
  readonly runs: Map<number, readonly StatusRun[]>;
  error: Extract<ClientOutcome, { kind: 'error' }> | undefined;
}

type ChunkHeader = Extract<ReplyHeader, { kind: 'chunk' }>;

/** Disjoint parts of one read that we keep track of. */
const partsMax = 65_536;
const noData = new Uint8Array(0);

/** Thrown and caught in this file only: what the server did wrong. */
class Violation extends Error {}

export class ClientSession {
  readonly #structured: boolean;
  readonly #queue = new ByteQueue();
  readonly #pending = new Map<number, Pending>();
  #nextCookie = 1;
  #state: 'header' | 'body' | 'data' | 'over' = 'header';
  #headerBytes = 0;
  #chunk: ChunkHeader | undefined;
  /** Where data that is arriving goes, and who it is for. */
  #open: Uint8Array = noData;
  #receiver: { cookie: number; pending: Pending; last: boolean } | undefined;
  #completions: Completion[] = [];

  constructor(structured: boolean) {
    this.#structured = structured;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** Registers a request; send `header` (and behind it the payload of a write). */
  submit(request: ClientRequest): { readonly cookie: number; readonly header: Uint8Array } {
    const cookie = this.#nextCookie;
    this.#nextCookie += 1;
    const reading = request.code === command.read;
    this.#pending.set(cookie, {
      request,
      data: reading ? Buffer.allocUnsafeSlow(request.lengthBytes) : noData,
      coverage: new Coverage(),
      runs: new Map(),
      error: undefined,
    });
    const cookieHigh = Math.floor(cookie / 0x1_0000_0000);
    const cookieLow = cookie % 0x1_0000_0000;
    return { cookie, header: encodeRequest({ ...request, cookieHigh, cookieLow }) };
  }

  push(bytes: Uint8Array): ClientEvents {
    if (this.#state === 'over') return { kind: 'completions', completions: [] };
    this.#queue.push(bytes);
    try {
      while (this.#advance());
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#state = 'over';
      return { kind: 'violation', message: error.message };
    }
    const completions = this.#completions;
    this.#completions = [];
    return { kind: 'completions', completions };
  }

  #advance(): boolean {
    switch (this.#state) {
      case 'header':
        return this.#takeHeader();
      case 'body':
        return this.#takeBody();
      case 'data':
        return this.#takeData();
      case 'over':
        return false;
    }
  }

  #takeHeader(): boolean {
    if (this.#headerBytes === 0) {
      const magic = this.#queue.peek(4);
      if (magic === undefined) return false;
      this.#headerBytes = replyHeaderBytesOf(magic) ?? 0;
      if (this.#headerBytes === 0) throw new Violation('the server sent no reply');
    }
    const bytes = this.#queue.take(this.#headerBytes);
    if (bytes === undefined) return false;
    this.#headerBytes = 0;
    const header = decodeReplyHeader(bytes);
    if (header.kind === 'simple') return this.#simple(header.cookie, header.error);
    if (!this.#structured) throw new Violation('a structured reply was not agreed on');
    this.#chunk = header;
    this.#state = 'body';
    return true;
  }

  #simple(cookie: number, error: number): boolean {
    const pending = this.#find(cookie);
    const { code, lengthBytes } = pending.request;
    if (code === command.blockStatus && error === 0) throw new Violation('status without content');
    if (code === command.read && this.#structured) {
      throw new Violation('a read was answered with a simple reply');
    }
    if (error !== 0) {
      pending.error = {
        kind: 'error',
        error: errnoName(error),
        message: '',
        offsetBytes: undefined,
      };
    } else if (code === command.read) {
      pending.coverage.add(0, lengthBytes);
      this.#receive(cookie, pending, pending.data, true);
      return true;
    }
    this.#complete(cookie, pending);
    return true;
  }

  /** The fixed part of a chunk: everything but the data of OFFSET_DATA. */
  #takeBody(): boolean {
    const chunk = this.#chunk;
    assert(chunk !== undefined, 'a chunk was begun');
    const pending = this.#find(chunk.cookie);
    const bodyBytes = chunk.type === chunkType.offsetData ? 8 : chunk.lengthBytes;
    if (bodyBytes > chunk.lengthBytes || bodyBytes > nbdLimits.optionBytesMax) {
      throw new Violation(`chunk of type ${chunk.type} has ${chunk.lengthBytes} bytes`);
    }
    const body = this.#queue.take(bodyBytes);
    if (body === undefined) return false;
    this.#state = 'header';
    if (chunk.type === chunkType.offsetData) return this.#dataChunk(chunk, pending, body);
    if (chunk.type === chunkType.offsetHole) this.#holeChunk(pending, body);
    else if (chunk.type === chunkType.blockStatus) this.#statusChunk(pending, body);
    else if ((chunk.type & chunkErrorBit) !== 0) this.#errorChunk(chunk, pending, body);
    else if (chunk.type !== chunkType.none || body.length > 0) {
      throw new Violation(`chunk type ${chunk.type} is not known`);
    } else if (!isLast(chunk)) throw new Violation('an empty chunk must be the last');
    this.#finish(chunk.cookie, pending, isLast(chunk));
    return true;
  }

  #dataChunk(chunk: ChunkHeader, pending: Pending, body: Uint8Array): boolean {
    const lengthBytes = chunk.lengthBytes - 8;
    const start = this.#place(pending, readU64(body, 0), lengthBytes);
    const open = pending.data.subarray(start, start + lengthBytes);
    this.#receive(chunk.cookie, pending, open, isLast(chunk));
    return true;
  }

  #holeChunk(pending: Pending, body: Uint8Array): void {
    if (body.length !== 12) throw new Violation('a hole has 12 bytes');
    const lengthBytes = readU32(body, 8);
    const start = this.#place(pending, readU64(body, 0), lengthBytes);
    pending.data.fill(0, start, start + lengthBytes);
  }

  /** Where content belongs in the read's data; it must lie inside and be new. */
  #place(pending: Pending, offsetBytes: number, lengthBytes: number): number {
    const { code, offsetBytes: from, lengthBytes: total } = pending.request;
    const start = offsetBytes - from;
    const inside = start >= 0 && lengthBytes > 0 && start + lengthBytes <= total;
    if (code !== command.read || !inside) throw new Violation('content outside of what was asked');
    if (!pending.coverage.add(start, start + lengthBytes)) {
      throw new Violation('the same content twice');
    }
    if (pending.coverage.parts > partsMax) throw new Violation('a read in too many parts');
    return start;
  }

  #statusChunk(pending: Pending, body: Uint8Array): void {
    const wellFormed = body.length >= 12 && body.length % 8 === 4;
    if (pending.request.code !== command.blockStatus || !wellFormed) {
      throw new Violation('malformed block status');
    }
    const id = readU32(body, 0);
    if (pending.runs.has(id)) throw new Violation('the same context twice');
    const runs: StatusRun[] = [];
    for (let at = 4; at < body.length; at += 8) {
      const lengthBytes = readU32(body, at);
      if (lengthBytes === 0) throw new Violation('an extent of no bytes');
      runs.push({ lengthBytes, state: readU32(body, at + 4) });
    }
    pending.runs.set(id, runs);
  }

  #errorChunk(chunk: ChunkHeader, pending: Pending, body: Uint8Array): void {
    const messageBytes = body.length >= 6 ? readU16(body, 4) : 0;
    const placed = chunk.type === chunkType.errorOffset;
    if (body.length < 6 + messageBytes + (placed ? 8 : 0)) throw new Violation('malformed error');
    const message = Buffer.from(body.subarray(6, 6 + messageBytes)).toString('utf8');
    const offsetBytes = placed ? readU64(body, 6 + messageBytes) : undefined;
    // The first error is the one to tell; a server may add others.
    const error = errnoName(readU32(body, 0));
    pending.error ??= { kind: 'error', error, message, offsetBytes };
  }

  #receive(cookie: number, pending: Pending, open: Uint8Array, last: boolean): void {
    this.#open = open;
    this.#receiver = { cookie, pending, last };
    this.#state = 'data';
  }

  #takeData(): boolean {
    const filled = this.#queue.drainInto(this.#open);
    this.#open = this.#open.subarray(filled);
    if (this.#open.length > 0) return false;
    const receiver = this.#receiver;
    assert(receiver !== undefined, 'data has a receiver');
    this.#state = 'header';
    this.#finish(receiver.cookie, receiver.pending, receiver.last);
    return true;
  }

  #finish(cookie: number, pending: Pending, last: boolean): void {
    if (last) this.#complete(cookie, pending);
  }

  #complete(cookie: number, pending: Pending): void {
    this.#pending.delete(cookie);
    this.#completions.push({ cookie, outcome: outcomeOf(pending) });
  }

  #find(cookie: number): Pending {
    const pending = this.#pending.get(cookie);
    if (pending === undefined) throw new Violation('a reply to nothing that was asked');
    return pending;
  }
}

function outcomeOf(pending: Pending): ClientOutcome {
  const { request, error, coverage, data, runs } = pending;
  if (error !== undefined) return error;
  if (request.code === command.read) {
    if (!coverage.isExactly(0, request.lengthBytes)) throw new Violation('a read with gaps');
    return { kind: 'data', bytes: data };
  }
  if (request.code === command.blockStatus) {
    if (runs.size === 0) throw new Violation('status without content');
    return { kind: 'status', runs };
  }
  return { kind: 'done' };
}

function isLast(chunk: ChunkHeader): boolean {
  return (chunk.flags & chunkFlag.done) !== 0;
}
