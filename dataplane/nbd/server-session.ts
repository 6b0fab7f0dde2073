/**
 * The server's half of the transmission phase: bytes in, requests out, one at a time and only as
 * many as may be in flight.
 *
 * Promises: a request comes out whole (a write with its payload) and has passed the ladder; a
 * refused one comes out with the reply to send, its payload skipped; nothing is held for a client
 * beyond `nbdLimits`, whatever it sends or does not read. Short payloads are views into what
 * arrived, long ones are assembled once.
 * Never: awaits, or answers a request it has handed out; that is the owner's
 * (drive/nbd-connection.ts).
 * Tested: test/unit/nbd, test/property/nbd, test/script/nbd.
 */
import { Buffer } from 'node:buffer';
import { assert } from '../base/assert.ts';
import type { BlockGeometry } from '../ports/block-service.ts';
import { ByteQueue } from './byte-queue.ts';
import type { InFlight } from './in-flight.ts';
import { errorChunk, simpleReply } from './reply-codec.ts';
import { decodeRequest, memoryBytesOf, type NbdRequest, payloadBytesOf } from './request.ts';
import { type Refusal, refusalOf } from './request-ladder.ts';
import type { Agreement } from './server-handshake.ts';
import { command, requestHeaderBytes } from './wire.ts';

export type SessionStep =
  /**
   * Carry it out and answer it. When the client has taken the answer, take it out of `InFlight`.
   * `payload` belongs to whoever gets it and is empty for everything but a write.
   */
  | {
      readonly kind: 'request';
      readonly request: NbdRequest;
      readonly payload: Uint8Array;
      readonly memoryBytes: number;
    }
  /** The answer to a refused request; it leaves `InFlight` in the same way. */
  | { readonly kind: 'refusal'; readonly request: NbdRequest; readonly reply: Uint8Array }
  /** The client said goodbye: answer what is in flight, then close. */
  | { readonly kind: 'finish' }
  | { readonly kind: 'violation'; readonly message: string };

const noPayload = new Uint8Array(0);

export class ServerSession {
  readonly #agreement: Agreement;
  readonly #geometry: () => BlockGeometry;
  readonly #inFlight: InFlight;
  readonly #queue = new ByteQueue();
  #state: 'header' | 'room' | 'payload' | 'skip' | 'over' = 'header';
  #request: NbdRequest | undefined;
  #refusal: Refusal | undefined;
  #memoryBytes = 0;
  /**
   * A payload that arrives in several pieces, and how much of it (or of a skipped one) is to come.
   */
  #assembly: Uint8Array = noPayload;
  #missingBytes = 0;
  #ending = false;

  /** @param geometry asked at every request, so that a volume may grow under a connection */
  constructor(agreement: Agreement, geometry: () => BlockGeometry, inFlight: InFlight) {
    this.#agreement = agreement;
    this.#geometry = geometry;
    this.#inFlight = inFlight;
  }

  /** Bytes that arrived and belong to no request yet. */
  get heldBytes(): number {
    return this.#queue.lengthBytes;
  }

  /** True when the next request waits for others to be answered, not for bytes. */
  get waitsForRoom(): boolean {
    return this.#state === 'room';
  }

  push(bytes: Uint8Array): void {
    if (this.#state !== 'over') this.#queue.push(bytes);
  }

  /**
   * From now on every request is refused with ESHUTDOWN; of a client without structured replies it
   * is not answered at all. To the Linux kernel each error is an error of the disk, while what was
   * not answered it repeats on its next connection.
   */
  shutDown(): void {
    this.#ending = true;
  }

  /** The next thing to do; nothing while bytes or room are missing, or after the end. */
  next(): SessionStep | undefined {
    switch (this.#state) {
      case 'header':
        return this.#takeHeader();
      case 'room':
        return this.#takeRoom();
      case 'payload':
        return this.#takePayload();
      case 'skip':
        return this.#skipPayload();
      case 'over':
        return undefined;
    }
  }

  #takeHeader(): SessionStep | undefined {
    if (this.#ending && !this.#agreement.structured) return undefined;
    const bytes = this.#queue.take(requestHeaderBytes);
    if (bytes === undefined) return undefined;
    const request = decodeRequest(bytes);
    if (request === undefined) {
      return this.#end({ kind: 'violation', message: 'client sent something that is no request' });
    }
    if (request.code === command.disconnect) return this.#end({ kind: 'finish' });
    this.#request = request;
    this.#refusal = refusalOf(request, {
      geometry: this.#geometry(),
      structured: this.#agreement.structured,
      contextsSelected: this.#agreement.contexts.length > 0,
      ending: this.#ending,
    });
    this.#memoryBytes = this.#refusal === undefined ? memoryBytesOf(request) : 0;
    this.#state = 'room';
    return this.#takeRoom();
  }

  #takeRoom(): SessionStep | undefined {
    if (!this.#inFlight.admits(this.#memoryBytes)) return undefined;
    this.#inFlight.add(this.#memoryBytes);
    this.#missingBytes = payloadBytesOf(this.#pending());
    this.#state = this.#refusal === undefined ? 'payload' : 'skip';
    return this.next();
  }

  #takePayload(): SessionStep | undefined {
    // The common case: all of it lies in what has arrived, and a view is enough.
    const view = this.#assembly.length === 0 ? this.#queue.take(this.#missingBytes) : undefined;
    return view === undefined ? this.#assemble() : this.#handOut(view);
  }

  #assemble(): SessionStep | undefined {
    if (this.#assembly.length === 0) this.#assembly = Buffer.allocUnsafeSlow(this.#missingBytes);
    const payload = this.#assembly;
    const open = payload.subarray(payload.length - this.#missingBytes);
    this.#missingBytes -= this.#queue.drainInto(open);
    return this.#missingBytes > 0 ? undefined : this.#handOut(payload);
  }

  #handOut(payload: Uint8Array): SessionStep {
    this.#assembly = noPayload;
    this.#state = 'header';
    const memoryBytes = this.#memoryBytes;
    return { kind: 'request', request: this.#pending(), payload, memoryBytes };
  }

  #skipPayload(): SessionStep | undefined {
    this.#missingBytes -= this.#queue.skip(this.#missingBytes);
    if (this.#missingBytes > 0) return undefined;
    this.#state = 'header';
    const request = this.#pending();
    const refusal = this.#refusal;
    assert(refusal !== undefined, 'a payload is skipped for a refused request only');
    const reply = this.#agreement.structured
      ? errorChunk(request, refusal.error, refusal.message)
      : simpleReply(request, refusal.error);
    return { kind: 'refusal', request, reply };
  }

  #end(step: SessionStep): SessionStep {
    this.#queue.skip(this.#queue.lengthBytes);
    this.#state = 'over';
    return step;
  }

  #pending(): NbdRequest {
    assert(this.#request !== undefined, 'a request was begun');
    return this.#request;
  }
}
