/** Opens connections to NBD servers, for the client (drive/nbd-client.ts). */
import net from 'node:net';
import { Fault } from '../base/fault.ts';
import type { NbdLink } from '../ports/nbd-link.ts';
import type { TcpAddress, UnixAddress } from './nbd-listener.ts';
import { NbdSocket } from './nbd-socket.ts';
import { clientUpgrade, type NbdClientTls } from './nbd-tls.ts';

/** Rejects with `link.lost` when nobody answers. */
export function connectNbd(
  address: UnixAddress | TcpAddress,
  options: { readonly tls?: NbdClientTls; readonly signal?: AbortSignal } = {},
): Promise<NbdLink> {
  const name = 'path' in address ? address.path : `${address.host}:${address.port}`;
  return new Promise((resolve, reject) => {
    const socket = net.connect({ ...address, noDelay: true });
    const refused = (cause: Error): void => {
      const hint = 'check the address and that the server runs';
      const message = `no NBD server answers at ${name}: ${cause.message}`;
      reject(new Fault('link.lost', message, { cause, hint, retriable: true }));
    };
    const abort = (): void => {
      socket.destroy(new Error('the attempt was cancelled'));
    };
    options.signal?.addEventListener('abort', abort, { once: true });
    socket.once('error', refused);
    socket.once('connect', () => {
      socket.off('error', refused);
      options.signal?.removeEventListener('abort', abort);
      const upgrade = options.tls === undefined ? {} : { upgrade: clientUpgrade(options.tls) };
      resolve(new NbdSocket(socket, { peerName: name, ...upgrade }));
    });
  });
}
