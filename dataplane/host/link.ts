/**
 * Links over real sockets: TLS 1.3 with both certificates checked, or plain TCP on loopback when
 * asked, or a Unix socket.
 *
 * An address is `host:port`, `[v6]:port`, or an absolute path. Who connects over TLS says whom it
 * wants to find there, `name@host:port`: an address may be taken over by another machine, a name in
 * a certificate may not. Certificates are made for one part (host/authority.ts): that of a replica
 * server opens no connection, that of an engine takes none.
 */
import {
  connect as connectPlain,
  createServer,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';
import {
  connect as connectTls,
  createServer as createTlsServer,
  Server as TlsServer,
  TLSSocket,
} from 'node:tls';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import type { Acceptor, Connector, Link } from '../ports/link.ts';
import { clearPath } from './unix-path.ts';

/** PEM texts of this process and of the authority both ends trust. */
export interface Credentials {
  readonly key: string;
  readonly certificate: string;
  readonly authority: string;
}

/** Reads by events and by pull: an async iterator of a socket costs several turns a chunk. */
class SocketLink implements Link {
  readonly peerName: string;
  readonly #socket: Socket;
  readonly #chunks: Uint8Array[] = [];
  #reader: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  #ended = false;
  #failure: Error | undefined;

  constructor(socket: Socket, peerName: string) {
    this.#socket = socket;
    this.peerName = peerName;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Uint8Array) => {
      const reader = this.#reader;
      this.#reader = undefined;
      if (reader !== undefined) {
        reader.resolve(chunk);
        return;
      }
      this.#chunks.push(chunk);
      socket.pause();
    });
    socket.on('error', (error) => {
      this.#failure = error;
    });
    socket.on('end', () => {
      this.#end();
    });
    socket.on('close', () => {
      if (!this.#ended) this.#failure ??= new Error('it was closed');
      this.#end();
    });
  }

  async write(bytes: readonly Uint8Array[]): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || !socket.writable) throw lost('it is closed');
    socket.cork();
    for (const piece of bytes) socket.write(piece);
    socket.uncork();
    if (!socket.writableNeedDrain) return;
    await new Promise<void>((resolve, reject) => {
      const drained = () => {
        socket.off('close', closed);
        resolve();
      };
      const closed = () => {
        socket.off('drain', drained);
        reject(lost('it was closed'));
      };
      socket.once('drain', drained);
      socket.once('close', closed);
    });
  }

  async read(): Promise<Uint8Array | undefined> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return chunk;
    if (this.#failure !== undefined) throw lost(this.#failure.message, this.#failure);
    if (this.#ended) return undefined;
    this.#reader ??= Promise.withResolvers();
    this.#socket.resume();
    return this.#reader.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #end(): void {
    this.#ended = true;
    const reader = this.#reader;
    this.#reader = undefined;
    if (this.#failure === undefined) reader?.resolve(undefined);
    else reader?.reject(lost(this.#failure.message, this.#failure));
  }
}

export class HostConnector implements Connector {
  #credentials: Credentials | undefined;

  /** @param credentials without them only loopback and Unix sockets are allowed */
  constructor(credentials: Credentials | undefined) {
    this.#credentials = credentials;
  }

  /** Connections from now on are made with these; those that are open stay. */
  renew(credentials: Credentials): void {
    this.#credentials = credentials;
  }

  async connect(address: string, signal: AbortSignal): Promise<Link> {
    const to = parse(address, this.#credentials);
    const socket = this.#open(address, to);
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        socket.destroy();
        reject(lost(`${address}: ${error.message}`, error));
      };
      const abort = () => {
        fail(new Error('it took too long'));
      };
      signal.addEventListener('abort', abort);
      socket.once('error', fail);
      socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
        socket.off('error', fail);
        signal.removeEventListener('abort', abort);
        resolve(new SocketLink(socket, nameOf(socket)));
      });
    });
  }

  #open(address: string, to: Address): Socket {
    const credentials = this.#credentials;
    if (credentials === undefined || 'path' in to) return connectPlain(to);
    const { name: servername } = to;
    if (servername === undefined) {
      throw new Fault('input.invalid', `"${address}" does not say whose certificate it expects.`, {
        hint: 'Write name@host:port, with the name in the certificate of the replica server.',
      });
    }
    return connectTls({ ...to, ...tlsOptions(credentials), servername });
  }
}

export class HostAcceptor implements Acceptor {
  readonly #server: Server;
  readonly #waiting: Link[] = [];
  #accepting: ((link: Link | undefined) => void) | undefined;
  #closed = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Rejects with `input.invalid` when the address is in use or not allowed without credentials.
   *
   * @param onRefused told why a connection was turned away before it was one
   */
  static async listen(
    address: string,
    credentials: Credentials | undefined,
    onRefused: (why: string) => void = () => {},
  ): Promise<HostAcceptor> {
    const at = parse(address, credentials);
    const plain = credentials === undefined || 'path' in at;
    if ('path' in at && !(await clearPath(at.path))) {
      throw cannotListen(address, new Error('another process listens there'));
    }
    const server = plain ? createServer() : createTlsServer(serverOptions(credentials));
    server.maxConnections = limits.peerConnectionsMax;
    const acceptor = new HostAcceptor(server);
    server.on(plain ? 'connection' : 'secureConnection', (socket: Socket) => {
      // An engine whose machine died says nothing more; the kernel finds out.
      socket.setKeepAlive(true, keepAliveMs);
      acceptor.#arrive(new SocketLink(socket, nameOf(socket)));
    });
    server.on('tlsClientError', (error: Error, socket: Socket) => {
      onRefused(`${socket.remoteAddress ?? 'somebody who has gone'}: ${error.message}`);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        reject(cannotListen(address, error));
      });
      server.listen(at, resolve);
    });
    return acceptor;
  }

  /** The port, where `:0` asked for any. */
  get port(): number {
    const at = this.#server.address();
    return typeof at === 'object' && at !== null ? at.port : 0;
  }

  /** Connections from now on are made with these; those that are open stay. */
  renew(credentials: Credentials): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext(tlsOptions(credentials));
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
    this.#server.close();
    for (const link of this.#waiting.splice(0)) link.close();
    this.#accepting?.(undefined);
  }

  #arrive(link: Link): void {
    const accepting = this.#accepting;
    this.#accepting = undefined;
    if (accepting === undefined) this.#waiting.push(link);
    else accepting(link);
  }
}

/** How long a TLS handshake may take. */
const handshakeMs = 10_000;
const keepAliveMs = 30_000;

function serverOptions(credentials: Credentials) {
  return { ...tlsOptions(credentials), requestCert: true, handshakeTimeout: handshakeMs } as const;
}

function tlsOptions(credentials: Credentials) {
  const { key, certificate: cert, authority: ca } = credentials;
  return { key, cert, ca, minVersion: 'TLSv1.3', rejectUnauthorized: true } as const;
}

/** The common name the authority has signed; empty where nothing is proven. */
function nameOf(socket: Socket): string {
  if (!(socket instanceof TLSSocket)) return '';
  const { CN: name } = socket.getPeerCertificate().subject;
  return typeof name === 'string' ? name : '';
}

type Address = NetConnectOpts &
  (
    | { readonly path: string }
    /** `name`: what the certificate of the other end has to carry. */
    | { readonly host: string; readonly port: number; readonly name: string | undefined }
  );

const addressPattern =
  /^(?:(?<name>[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?)@)?(?:\[(?<v6>[^\]@]+)\]|(?<host>[^:@]+)):(?<port>\d+)$/;

function parse(address: string, credentials: Credentials | undefined): Address {
  if (address.startsWith('/')) return { path: address };
  const at = addressPattern.exec(address)?.groups;
  const host = at?.['v6'] ?? at?.['host'];
  const name = at?.['name'];
  const port = Number(at?.['port']);
  if (host === undefined || port > 65_535) {
    throw new Fault('input.invalid', `"${address}" is not an address.`, {
      hint: 'Write host:port, [v6]:port, name@host:port (lower case), or an absolute path.',
    });
  }
  if (credentials === undefined && name !== undefined) {
    throw new Fault(
      'input.invalid',
      `${address} asks for ${name}; without certificates nobody can prove it.`,
      {
        hint: 'Give certificates, or leave the name out on an address of this machine.',
      },
    );
  }
  const loopback = host === '::1' || host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host);
  if (credentials === undefined && !loopback) {
    throw new Fault('input.invalid', `${address} without certificates is refused.`, {
      hint: 'Give certificates, or use an address of this machine.',
    });
  }
  return { host, port, name };
}

function cannotListen(address: string, cause: Error): Fault {
  return new Fault('input.invalid', `Cannot listen on ${address}: ${cause.message}`, {
    hint: 'Choose another address, or stop what listens there.',
    cause,
  });
}

function lost(why: string, cause?: unknown): Fault {
  return new Fault('link.lost', `The connection failed: ${why}.`, { retriable: true, cause });
}
