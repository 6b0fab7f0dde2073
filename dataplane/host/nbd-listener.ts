/**
 * Where NBD clients come from: a unix socket, whose file permissions say who may, or a TCP port,
 * which always demands TLS unless it is the loopback port of a tool.
 *
 * Promises: takes no address that another process answers on; a socket file left behind by a dead
 * one is replaced; the file is gone after `close`.
 */
import { rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import net from 'node:net';
import { Fault } from '../base/fault.ts';
import type { NbdLink, NbdListener } from '../ports/nbd-link.ts';
import { NbdSocket, type Upgrade } from './nbd-socket.ts';
import { type NbdServerTls, serverUpgrade } from './nbd-tls.ts';
import { clearPath } from './unix-path.ts';

export interface UnixAddress {
  readonly path: string;
}

export interface TcpAddress {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** Clients waiting to be accepted by the program; the kernel queues a few more. */
const waitingMax = 16;

export class SocketListener implements NbdListener {
  readonly #server: net.Server;
  readonly #path: string | undefined;
  readonly #waiting: NbdLink[] = [];
  #acceptor: ((link: NbdLink | undefined) => void) | undefined;
  #closed = false;

  constructor(server: net.Server, options: { readonly path?: string; readonly upgrade?: Upgrade }) {
    this.#server = server;
    this.#path = options.path;
    // A connection could not be taken (no descriptor left): that client tries again, others go on.
    server.on('error', () => {});
    server.on('connection', (socket) => {
      socket.setNoDelay(true);
      const peerName = socket.remoteAddress ?? 'a local client';
      const link = new NbdSocket(socket, { ...options, peerName });
      if (this.#waiting.length >= waitingMax) link.close();
      else this.#offer(link);
    });
  }

  /** The port that was taken, for a TCP address with port 0. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  async accept(): Promise<NbdLink | undefined> {
    const link = this.#waiting.shift();
    if (link !== undefined || this.#closed) return link;
    return new Promise((resolve) => {
      this.#acceptor = resolve;
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    if (this.#path !== undefined) rmSync(this.#path, { force: true });
    for (const link of this.#waiting.splice(0)) link.close();
    this.#offer(undefined);
  }

  #offer(link: NbdLink | undefined): void {
    const acceptor = this.#acceptor;
    this.#acceptor = undefined;
    if (acceptor !== undefined) acceptor(link);
    else if (link !== undefined) this.#waiting.push(link);
  }
}

/** Listens on a unix socket that only the same user may open. TLS is offered when given. */
export async function listenUnix(
  address: UnixAddress,
  tls?: NbdServerTls,
): Promise<SocketListener> {
  const { path } = address;
  if (!(await clearPath(path))) throw inUse(path);
  const server = net.createServer();
  await listening(server, { path }, path);
  await chmod(path, 0o600);
  return new SocketListener(server, { path, ...upgradeOf(tls) });
}

/** Listens on a TCP port. Combine with the security `tls-required`. */
export async function listenTcp(address: TcpAddress, tls: NbdServerTls): Promise<SocketListener> {
  const server = net.createServer();
  await listening(server, { ...address }, `${address.host}:${address.port}`);
  return new SocketListener(server, upgradeOf(tls));
}

/**
 * Listens on a port that only this machine reaches, without TLS: for tools that a person runs,
 * never for a volume in use. 0 takes a free port.
 */
export async function listenLoopback(port: number): Promise<SocketListener> {
  const server = net.createServer();
  await listening(server, { host: '127.0.0.1', port }, `127.0.0.1:${port}`);
  return new SocketListener(server, {});
}

function upgradeOf(tls: NbdServerTls | undefined): { readonly upgrade?: Upgrade } {
  return tls === undefined ? {} : { upgrade: serverUpgrade(tls) };
}

function listening(server: net.Server, options: net.ListenOptions, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(
        taken
          ? inUse(name)
          : new Fault('input.invalid', `cannot listen on ${name}: ${cause.message}`, { cause }),
      );
    });
    server.listen(options, resolve);
  });
}

function inUse(name: string): Fault {
  return new Fault('input.invalid', `another process listens on ${name}`, {
    hint: 'stop that process or choose another address',
  });
}
