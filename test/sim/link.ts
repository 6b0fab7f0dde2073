/**
 * The twin of the network: byte streams cut anywhere, late, held up by partitions in one direction
 * or both, reset in the middle. Nothing is lost silently or comes out of order: under TCP a lost
 * packet is a delay or a reset.
 */
import { Fault } from '../../dataplane/base/fault.ts';
import type { Prng } from '../../dataplane/base/prng.ts';
import type { Acceptor, Connector, Link } from '../../dataplane/ports/link.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

const lost = () => new Fault('link.lost', 'The connection was reset.', { retriable: true });

class SimLink implements Link {
  readonly peerName: string;
  readonly process: SimProcess;
  other: SimLink | undefined;
  readonly #network: SimNetwork;
  #arrived: Uint8Array[] = [];
  #reader:
    | { resolve: (chunk: Uint8Array | undefined) => void; reject: (f: Fault) => void }
    | undefined;
  #broken = false;
  /** The next bytes may not overtake these. */
  #busyUntilMs = 0;

  constructor(network: SimNetwork, process: SimProcess, peerName: string) {
    this.#network = network;
    this.process = process;
    this.peerName = peerName;
  }

  async write(bytes: readonly Uint8Array[]): Promise<void> {
    if (this.#broken) throw lost();
    for (const piece of bytes) this.#send(piece);
    if (!this.#network.full()) return;
    await new Promise<void>((resolve, reject) => {
      this.process.deliver(this.#network.latencyMs() / 4, 'sent', () => {
        if (this.#broken) reject(lost());
        else resolve();
      });
    });
  }

  /** A piece is copied: the sender may use its buffer again. */
  #send(piece: Uint8Array): void {
    const cut = this.#network.cutOf(piece.length);
    for (const part of [piece.slice(0, cut), piece.slice(cut)]) {
      if (part.length === 0) continue;
      this.#pass(() => {
        this.other?.arrive(part);
      });
    }
  }

  /** In order, after the network's delay, and not while the way is blocked. */
  #pass(run: () => void): void {
    const { world } = this.process;
    const atMs = Math.max(world.nowMs + this.#network.latencyMs(), this.#busyUntilMs + 0.001);
    this.#busyUntilMs = atMs;
    const attempt = () => {
      const { other } = this;
      if (other === undefined) return;
      if (this.#network.blocked(this.process.name, other.process.name)) {
        this.#network.hold(this.process.name, other.process.name, attempt);
        return;
      }
      run();
    };
    world.after(atMs - world.nowMs, attempt);
  }

  /** The kernel takes it in order; the process is woken when it runs. */
  arrive(part: Uint8Array): void {
    if (this.#broken) return;
    this.#arrived.push(part);
    this.process.deliver(0, `bytes ${part.length}`, () => {
      const reader = this.#reader;
      if (reader === undefined || this.#arrived.length === 0) return;
      this.#reader = undefined;
      reader.resolve(this.#arrived.shift());
    });
  }

  async read(): Promise<Uint8Array | undefined> {
    const next = this.#arrived.shift();
    if (next !== undefined) return next;
    if (this.#broken) throw lost();
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  close(): void {
    if (this.#broken) return;
    this.#break();
    this.#pass(() => {
      this.other?.hearReset();
    });
  }

  hearReset(): void {
    this.process.deliver(0, 'reset', () => {
      this.#break();
    });
  }

  #break(): void {
    this.#broken = true;
    this.#reader?.reject(lost());
    this.#reader = undefined;
  }
}

export class SimNetwork {
  readonly #world: World;
  readonly #prng: Prng;
  readonly #slowest: number;
  readonly #listeners = new Map<string, SimAcceptor>();
  readonly #blocked = new Set<string>();
  readonly #held: { readonly from: string; readonly to: string; readonly run: () => void }[] = [];
  #links: SimLink[] = [];

  constructor(world: World, slowestMs: number) {
    this.#world = world;
    this.#prng = world.prng.fork('network');
    this.#slowest = slowestMs;
  }

  latencyMs(): number {
    const draw = this.#prng.fraction();
    return 0.05 + draw * draw * draw * this.#slowest;
  }

  cutOf(lengthBytes: number): number {
    return this.#prng.chance(0.2) ? this.#prng.between(0, lengthBytes) : lengthBytes;
  }

  /** Now and then the sender has to wait until its bytes are taken. */
  full(): boolean {
    return this.#prng.chance(0.25);
  }

  blocked(from: string, to: string): boolean {
    return this.#blocked.has(`${from}>${to}`);
  }

  hold(from: string, to: string, run: () => void): void {
    this.#held.push({ from, to, run });
  }

  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`);
  }

  unblock(from: string, to: string): void {
    this.#blocked.delete(`${from}>${to}`);
    const freed = this.#held.filter((held) => held.from === from && held.to === to);
    for (const held of freed) this.#held.splice(this.#held.indexOf(held), 1);
    this.#world.after(0, () => {
      for (const held of freed) held.run();
    });
  }

  /** Ends the connections between two processes, as a router that forgot them does. */
  reset(a: string, b: string): void {
    for (const link of this.#links) {
      const ends = [link.process.name, link.other?.process.name];
      if (ends.includes(a) && ends.includes(b)) link.hearReset();
    }
  }

  listen(process: SimProcess, address: string): Acceptor {
    const acceptor = new SimAcceptor(process);
    this.#listeners.set(address, acceptor);
    process.onDeath(() => {
      if (this.#listeners.get(address) === acceptor) this.#listeners.delete(address);
      this.#endLinksOf(process);
    });
    return acceptor;
  }

  connectorOf(process: SimProcess): Connector {
    process.onDeath(() => {
      this.#endLinksOf(process);
    });
    return {
      connect: async (address, signal) => this.#connect(process, address, signal),
    };
  }

  /** The kernel of a dead process resets its connections, if it can be heard. */
  #endLinksOf(process: SimProcess): void {
    for (const link of this.#links) if (link.process === process) link.close();
    this.#links = this.#links.filter((link) => link.process.alive || link.other?.process.alive);
  }

  async #connect(process: SimProcess, address: string, signal: AbortSignal): Promise<Link> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(lost());
      });
      const attempt = () => {
        const listener = this.#listeners.get(address);
        const to = listener?.process.name ?? address;
        if (this.blocked(process.name, to) || this.blocked(to, process.name)) {
          if (!signal.aborted) this.hold(process.name, to, attempt);
          return;
        }
        process.deliver(this.latencyMs(), `connect ${address}`, () => {
          if (signal.aborted || listener === undefined || !listener.process.alive) {
            reject(lost());
            return;
          }
          const near = new SimLink(this, process, to);
          const far = new SimLink(this, listener.process, process.name);
          near.other = far;
          far.other = near;
          this.#links.push(near, far);
          listener.arrive(far);
          resolve(near);
        });
      };
      this.#world.after(this.latencyMs(), attempt);
    });
  }
}

class SimAcceptor implements Acceptor {
  readonly process: SimProcess;
  readonly #waiting: Link[] = [];
  #accepting: ((link: Link | undefined) => void) | undefined;
  #closed = false;

  constructor(process: SimProcess) {
    this.process = process;
  }

  arrive(link: Link): void {
    this.process.deliver(0, 'accept', () => {
      const accepting = this.#accepting;
      this.#accepting = undefined;
      if (this.#closed) link.close();
      else if (accepting === undefined) this.#waiting.push(link);
      else accepting(link);
    });
  }

  async accept(): Promise<Link | undefined> {
    if (this.#closed) return undefined;
    const next = this.#waiting.shift();
    if (next !== undefined) return next;
    return new Promise((resolve) => {
      this.#accepting = resolve;
    });
  }

  close(): void {
    this.#closed = true;
    this.#accepting?.(undefined);
  }
}
