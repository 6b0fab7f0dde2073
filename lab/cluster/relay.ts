/**
 * Half of the way to the API server from outside its network namespace: TCP does not cross
 * namespaces, a unix socket does. One relay runs on each side.
 *
 *   relay.ts inner <socket> <host> <port>    socket -> TCP, inside the lab network
 *   relay.ts outer <socket> 127.0.0.1 <port> TCP -> socket, outside
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';

const [side, socket, host, portText] = process.argv.slice(2);
if (
  (side !== 'inner' && side !== 'outer') ||
  socket === undefined ||
  host === undefined ||
  portText === undefined
)
  throw new Error('usage: relay.ts inner|outer <socket> <host> <port>');

const tcp = { host, port: Number(portText) };
const unix = { path: socket };
const server = createServer({ allowHalfOpen: true }, (client) => {
  pipeBothWays(client, side === 'inner' ? tcp : unix);
});
server.on('error', (error) => {
  console.error(`relay ${side}: ${error.message}`);
  process.exit(1);
});
if (side === 'inner') {
  rmSync(socket, { force: true }); // left by a relay that was killed
  server.listen(unix);
} else server.listen(tcp);

function pipeBothWays(client: Socket, target: NetConnectOpts): void {
  const upstream = connect({ ...target, allowHalfOpen: true });
  client.setNoDelay(true);
  upstream.setNoDelay(true);
  client.pipe(upstream).pipe(client);
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
  // A peer that vanished without a word closes only one of the two.
  client.on('close', () => upstream.destroy());
  upstream.on('close', () => client.destroy());
}
