/**
 * One client of an NBD server, from the greeting to the last reply.
 *
 * Promises: reads from the client only while its requests fit into `nbdLimits`; gathers the replies
 * of one turn of the event loop into one write; `run` resolves only when nothing that the client
 * asked for is still under way below (I-17), also when the client has vanished. Never throws for
 * what a client does: the connection ends and `run` says why.
 */
import { InFlight } from '../nbd/in-flight.ts';
import { nbdLimits } from '../nbd/limits.ts';
import type { NbdRequest } from '../nbd/request.ts';
import {
  type Agreement,
  type HandshakeSecurity,
  type HandshakeStep,
  ServerHandshake,
} from '../nbd/server-handshake.ts';
import { ServerSession, type SessionStep } from '../nbd/server-session.ts';
import type { Clock } from '../ports/clock.ts';
import type { Link } from '../ports/link.ts';
import type { NbdLink } from '../ports/nbd-link.ts';
import type { NbdExports } from './nbd-export.ts';
import { answer, type ReplyContext } from './nbd-reply.ts';
import { NbdOutbox } from './nbd-outbox.ts';

/** Why a connection ended. */
export interface NbdEnding {
  /** `left`: the client said goodbye. `stopped`: we did. */
  readonly kind: 'left' | 'lost' | 'violation' | 'too-slow' | 'stopped';
  readonly message: string;
}

export interface NbdConnectionPorts {
  readonly clock: Clock;
  readonly link: NbdLink;
  readonly exports: NbdExports;
}

export class NbdConnection {
  readonly #clock: Clock;
  readonly #exports: NbdExports;
  readonly #handshake: ServerHandshake;
  readonly #inFlight = new InFlight();
  /** The link in use: the given one, or TLS on top of it. */
  #link: Link;
  readonly #plainLink: NbdLink;
  #session: ServerSession | undefined;
  #outbox: NbdOutbox;
  #ending: NbdEnding | undefined;
  /** Requests handed to the service and not answered by it. */
  #working = 0;
  #wake: (() => void) | undefined;

  constructor(ports: NbdConnectionPorts, security: HandshakeSecurity) {
    this.#clock = ports.clock;
    this.#exports = ports.exports;
    this.#plainLink = ports.link;
    this.#link = ports.link;
    this.#outbox = this.#newOutbox();
    this.#handshake = new ServerHandshake(ports.exports, security);
  }

  /** Requests that the service below has not answered. */
  get working(): number {
    return this.#working;
  }

  /** Serves the client to the end. */
  async run(): Promise<NbdEnding> {
    const agreed = await this.#negotiate();
    if (agreed !== undefined) await this.#transmit(agreed.agreement, agreed.rest);
    return this.#settle();
  }

  /** Answers what is in flight, refuses the rest with ESHUTDOWN, then closes. */
  stop(): void {
    this.#handshake.shutDown();
    this.#session?.shutDown();
    this.#end('stopped', 'the server is ending');
    if (this.#inFlight.idle) this.#link.close();
  }

  /** Closes at once; what the service is doing goes on, and `run` waits for it. */
  abandon(): void {
    this.#end('stopped', 'the server could not wait any longer');
    this.#link.close();
  }

  async #negotiate(): Promise<{ agreement: Agreement; rest: Uint8Array } | undefined> {
    using _handshakeTimer = this.#clock.after(nbdLimits.handshakeTimeoutMs, () => {
      this.#end('too-slow', `no request within ${nbdLimits.handshakeTimeoutMs} ms`);
      this.#link.close();
    });
    let steps: readonly HandshakeStep[] = this.#handshake.start();
    for (;;) {
      for (const step of steps) {
        switch (step.kind) {
          case 'send':
            this.#outbox.send([step.bytes]);
            break;
          case 'start-tls':
            if (!(await this.#secure())) return undefined;
            break;
          case 'begin':
            return step;
          case 'finish':
            this.#end('left', 'the client ended the handshake');
            return undefined;
          case 'violation':
            this.#end('violation', step.message);
            return undefined;
        }
      }
      const chunk = await this.#read();
      if (chunk === undefined) return undefined;
      steps = this.#handshake.push(chunk);
    }
  }

  async #secure(): Promise<boolean> {
    await this.#outbox.drained();
    try {
      this.#link = await this.#plainLink.secure();
    } catch (error) {
      this.#end('lost', `TLS did not come about: ${messageOf(error)}`);
      return false;
    }
    this.#outbox = this.#newOutbox();
    this.#handshake.secured();
    return true;
  }

  async #transmit(agreement: Agreement, rest: Uint8Array): Promise<void> {
    const target = this.#exports.get(agreement.exportName);
    if (target === undefined) return this.#end('stopped', 'the export was taken away');
    const geometry = () => target.bytes.blocks.geometry;
    const session = new ServerSession(agreement, geometry, this.#inFlight);
    this.#session = session;
    if (this.#ending !== undefined) session.shutDown();
    const context = { target, agreement };
    session.push(rest);
    for (;;) {
      const step = session.next();
      if (step === undefined) {
        if (!(await this.#feed(session))) return;
      } else if (!this.#take(step, context)) {
        return;
      }
    }
  }

  /** Waits for what the session is missing: room, or bytes. False when there will be none. */
  async #feed(session: ServerSession): Promise<boolean> {
    if (session.waitsForRoom) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      return true;
    }
    const chunk = await this.#read();
    if (chunk === undefined) return false;
    session.push(chunk);
    return true;
  }

  /** False when the session is over. */
  #take(step: SessionStep, context: Omit<ReplyContext, 'send'>): boolean {
    switch (step.kind) {
      case 'request':
        // A rejected promise here is a defect of the service: it is nobody's to catch.
        void this.#serve(step, context);
        return true;
      case 'refusal':
        this.#outbox.send([step.reply], 0);
        return true;
      case 'finish':
        this.#end('left', 'the client said goodbye');
        return false;
      case 'violation':
        this.#end('violation', step.message);
        return false;
    }
  }

  async #serve(
    step: {
      readonly request: NbdRequest;
      readonly payload: Uint8Array;
      readonly memoryBytes: number;
    },
    context: Omit<ReplyContext, 'send'>,
  ): Promise<void> {
    this.#working += 1;
    const send = (pieces: readonly Uint8Array[]): void => this.#outbox.send(pieces);
    await answer(step.request, step.payload, { ...context, send });
    this.#working -= 1;
    this.#outbox.send([], step.memoryBytes);
  }

  /** Waits until nothing is under way, sends what can be sent, closes. */
  async #settle(): Promise<NbdEnding> {
    // Whoever broke the protocol is owed no replies; everyone else gets those still under way.
    if (this.#ending?.kind === 'violation') this.#link.close();
    while (!this.#inFlight.idle) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    await this.#outbox.drained();
    this.#link.close();
    return this.#ending ?? { kind: 'lost', message: 'the client is gone' };
  }

  async #read(): Promise<Uint8Array | undefined> {
    try {
      const chunk = await this.#link.read();
      if (chunk === undefined) this.#end('lost', 'the client closed without a goodbye');
      return chunk;
    } catch (error) {
      this.#end('lost', messageOf(error));
      return undefined;
    }
  }

  #newOutbox(): NbdOutbox {
    return new NbdOutbox(this.#link, (memoryBytes) => {
      this.#inFlight.remove(memoryBytes);
      if (this.#ending?.kind === 'stopped' && this.#inFlight.idle) this.#link.close();
      const wake = this.#wake;
      this.#wake = undefined;
      wake?.();
    });
  }

  #end(kind: NbdEnding['kind'], message: string): void {
    this.#ending ??= { kind, message };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
