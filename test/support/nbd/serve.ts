/**
 * Serves memory over NBD on a unix socket until it is told to end: what other people's programs are
 * pointed at by tests and the bench.
 *
 *   node test/support/nbd/serve.ts <socket> <size in MiB> [--read-only]
 *
 * Prints one line when it is ready. SIGTERM ends it.
 */
import { NbdExport, NbdExports } from '../../../dataplane/drive/nbd-export.ts';
import { NbdServer } from '../../../dataplane/drive/nbd-server.ts';
import { listenUnix } from '../../../dataplane/host/nbd-listener.ts';
import { MemoryBlocks } from './memory-blocks.ts';
import { realClock } from './real-clock.ts';

const [path, mebibytes, ...flags] = process.argv.slice(2);
if (path === undefined || mebibytes === undefined) {
  throw new Error('usage: serve.ts <socket> <size in MiB> [--read-only]');
}
const blocks = new MemoryBlocks(Number(mebibytes) * 2 ** 20, {
  readOnly: flags.includes('--read-only'),
});
const exports = new NbdExports([
  new NbdExport({ name: 'memory', description: 'bytes in memory', blocks }),
]);
const listener = await listenUnix({ path });
const log = { info: () => {}, warn: () => {} };
const server = new NbdServer({ clock: realClock, log, listener, exports }, 'plain');
process.once('SIGTERM', () => void server.stop(2_000).then(() => process.exit(0)));
console.log(`serving ${mebibytes} MiB on ${path}`);
await server.run();
