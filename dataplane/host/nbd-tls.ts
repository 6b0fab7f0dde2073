/**
 * The TLS half of NBD's STARTTLS, both sides: TLS 1.3 where the other side knows it, 1.2 at least
 * (the specification demands that version), and certificates checked in both directions when a
 * server asks.
 */
import type { Socket } from 'node:net';
import tls from 'node:tls';
import type { Upgrade } from './nbd-socket.ts';

interface NbdTls {
  /** PEM: the certificates that may have signed the other side's. */
  readonly ca: string;
  /** PEM: our certificate and its key. A client may come without. */
  readonly certificate?: string;
  readonly key?: string;
}

export interface NbdServerTls extends NbdTls {
  readonly certificate: string;
  readonly key: string;
  /** True: a client without a certificate of `ca` is turned away. */
  readonly clientCertificates: boolean;
}

export interface NbdClientTls extends NbdTls {
  /** The name that the server's certificate must carry. */
  readonly serverName: string;
}

export function serverUpgrade(options: NbdServerTls): Upgrade {
  return (socket: Socket) =>
    new Promise((resolve, reject) => {
      // A server that never listens: sockets are handed to it, and it verifies like any other.
      const server = tls.createServer({
        ca: options.ca,
        cert: options.certificate,
        key: options.key,
        minVersion: 'TLSv1.2',
        requestCert: options.clientCertificates,
        rejectUnauthorized: options.clientCertificates,
      });
      server.once('secureConnection', resolve);
      server.once('tlsClientError', reject);
      socket.once('close', () => reject(new Error('connection closed during the handshake')));
      server.emit('connection', socket);
    });
}

export function clientUpgrade(options: NbdClientTls): Upgrade {
  return (socket: Socket) =>
    new Promise((resolve, reject) => {
      const secured = tls.connect({
        socket,
        ca: options.ca,
        cert: options.certificate,
        key: options.key,
        servername: options.serverName,
        minVersion: 'TLSv1.2',
      });
      const refused = (error: Error): void => reject(error);
      secured.once('error', refused);
      secured.once('secureConnect', () => {
        secured.off('error', refused);
        resolve(secured);
      });
    });
}
