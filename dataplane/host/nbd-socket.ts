/**
 * A socket as an NBD link: reads by pull, writes gathered, an upgrade to TLS in the middle.
 *
 * Promises: holds at most one chunk that nobody asked for; `write` waits while the socket's own
 * buffer is full; every waiting call rejects with `link.lost` when the connection is.
 */
import type { Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import type { Link } from '../ports/link.ts';
import type { NbdLink } from '../ports/nbd-link.ts';

/** Turns a connected socket into one that speaks TLS and has been verified. */
export type Upgrade = (socket: Socket) => Promise<Socket>;

/** Time a peer has to take what was sent before `close`. */
const lingerMs = 2_000;

interface Reader {
  readonly resolve: (chunk: Uint8Array | undefined) => void;
  readonly reject: (fault: Fault) => void;
}

export class NbdSocket implements NbdLink {
  readonly peerName: string;
  readonly #socket: Socket;
  readonly #upgrade: Upgrade | undefined;
  readonly #chunks: Uint8Array[] = [];
  #reader: Reader | undefined;
  #finished = false;
  #failure: Error | undefined;
  #closing = false;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(socket: Socket, options: { readonly peerName: string; readonly upgrade?: Upgrade }) {
    this.peerName = options.peerName;
    this.#socket = socket;
    this.#upgrade = options.upgrade;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
  }

  async read(): Promise<Uint8Array | undefined> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return chunk;
    if (this.#failure !== undefined) throw this.#lost();
    if (this.#finished) return undefined;
    assert(this.#reader === undefined, 'one reader at a time');
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#socket.resume();
    });
  }

  async write(pieces: readonly Uint8Array[]): Promise<void> {
    if (this.#failure !== undefined || this.#socket.writableEnded) throw this.#lost();
    const socket = this.#socket;
    // One system call for all of them (docs/decisions/0071).
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece);
    if (pieces.length > 1) socket.uncork();
    if (!socket.writableNeedDrain) return;
    this.#drained ??= Promise.withResolvers();
    await this.#drained.promise;
  }

  close(): void {
    if (this.#closing) {
      this.#socket.destroy();
      return;
    }
    this.#closing = true;
    this.#finish();
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), lingerMs).unref();
  }

  async secure(): Promise<Link> {
    const upgrade = this.#upgrade;
    assert(upgrade !== undefined, 'this link was made without certificates');
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
    socket.off('drain', this.#onDrain);
    socket.pause();
    // Errors stay with us too: one that nobody listens to would end the process. What arrived
    // already is the beginning of the TLS handshake.
    for (const chunk of this.#chunks.splice(0).reverse()) socket.unshift(chunk);
    try {
      const secured = await upgrade(socket);
      return new NbdSocket(secured, { peerName: this.peerName });
    } catch (cause) {
      socket.destroy();
      throw new Fault('link.lost', `TLS with ${this.peerName} failed: ${textOf(cause)}`, { cause });
    }
  }

  readonly #onData = (chunk: Uint8Array): void => {
    const reader = this.#reader;
    if (reader === undefined) {
      this.#chunks.push(chunk);
      this.#socket.pause();
      return;
    }
    this.#reader = undefined;
    reader.resolve(chunk);
  };

  readonly #onEnd = (): void => this.#finish();

  readonly #onError = (error: Error): void => {
    this.#failure = error;
  };

  readonly #onClose = (): void => {
    if (!this.#finished) this.#failure ??= new Error('connection closed');
    const fault = this.#lost();
    if (this.#failure !== undefined) this.#reader?.reject(fault);
    this.#reader = undefined;
    this.#drained?.reject(fault);
    this.#drained = undefined;
    this.#finish();
  };

  readonly #onDrain = (): void => {
    this.#drained?.resolve();
    this.#drained = undefined;
  };

  #finish(): void {
    this.#finished = true;
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
  }

  #lost(): Fault {
    const why = this.#failure === undefined ? 'it was closed' : textOf(this.#failure);
    return new Fault('link.lost', `connection to ${this.peerName} is lost: ${why}`, {
      cause: this.#failure,
    });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
