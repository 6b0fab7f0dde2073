/**
 * Two ends of one connection in memory. Chunks arrive as they were written; nothing is ever late.
 * The upgrade to TLS is pretended: both ends go on in clear, and `secured` counts.
 */
import { Buffer } from 'node:buffer';
import { Fault } from '../../../dataplane/base/fault.ts';
import type { Link } from '../../../dataplane/ports/link.ts';
import type { NbdLink } from '../../../dataplane/ports/nbd-link.ts';

class Pipe {
  readonly chunks: Uint8Array[] = [];
  ended = false;
  reader: ((chunk: Uint8Array | undefined) => void) | undefined;
  /** While set, writers wait: a reader that has stopped reading. */
  stalled: PromiseWithResolvers<void> | undefined;

  push(chunk: Uint8Array): void {
    const { reader } = this;
    this.reader = undefined;
    if (reader === undefined) this.chunks.push(chunk);
    else reader(chunk);
  }

  end(): void {
    this.ended = true;
    this.reader?.(undefined);
    this.reader = undefined;
    this.stalled?.resolve();
  }
}

export class MemoryLink implements NbdLink {
  readonly peerName = 'memory';
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;
  secured = 0;

  constructor(incoming: Pipe, outgoing: Pipe) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  get closed(): boolean {
    return this.#outgoing.ended;
  }

  /** Chunks that wait to be read here. */
  get unread(): number {
    return this.#incoming.chunks.length;
  }

  read(): Promise<Uint8Array | undefined> {
    const chunk = this.#incoming.chunks.shift();
    if (chunk !== undefined || this.#incoming.ended) return Promise.resolve(chunk);
    return new Promise((resolve) => {
      this.#incoming.reader = resolve;
    });
  }

  /** Everything that has arrived, at once. */
  readAll(): Buffer {
    return Buffer.concat(this.#incoming.chunks.splice(0));
  }

  async write(pieces: readonly Uint8Array[]): Promise<void> {
    await this.#outgoing.stalled?.promise;
    if (this.#outgoing.ended) throw new Fault('link.lost', 'the other end is gone');
    this.#outgoing.push(Buffer.concat(pieces));
  }

  /** From now on the other end's writes wait until `resume`. */
  stall(): void {
    this.#incoming.stalled = Promise.withResolvers();
  }

  resume(): void {
    this.#incoming.stalled?.resolve();
    this.#incoming.stalled = undefined;
  }

  close(): void {
    this.#incoming.end();
    this.#outgoing.end();
  }

  secure(): Promise<Link> {
    this.secured += 1;
    return Promise.resolve(this);
  }
}

export function linkPair(): { readonly client: MemoryLink; readonly server: MemoryLink } {
  const up = new Pipe();
  const down = new Pipe();
  return { client: new MemoryLink(down, up), server: new MemoryLink(up, down) };
}

/** Lets everything that can happen without the outside world happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
