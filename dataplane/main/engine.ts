/**
 * The engine of one volume: `node dataplane/main/engine.ts <configuration.json>`.
 *
 * Opens the volume and serves it over NBD on a Unix socket until SIGTERM or SIGINT, then makes
 * everything it took durable and leaves. Ends with code 2 when another engine has taken over, so
 * that a supervisor knows not to start it again. Prints one line, `serving epoch <n>`, when clients
 * may connect.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { EngineDrive } from '../drive/engine.ts';
import { NbdExport, NbdExports } from '../drive/nbd-export.ts';
import { NbdServer } from '../drive/nbd-server.ts';
import { HostClock } from '../host/clock.ts';
import { DirectoryCluster } from '../host/cluster.ts';
import { HostConnector } from '../host/link.ts';
import { HostLog } from '../host/log.ts';
import { listenUnix } from '../host/nbd-listener.ts';
import { HostRandom } from '../host/random.ts';
import { readCredentials, tlsFiles } from './credentials.ts';

const configuration = z.strictObject({
  volume: z
    .string()
    .max(limits.idBytesMax)
    .regex(/^[\x21-\x7e]+$/),
  /** Directory with the volume's record. */
  record: z.string(),
  /** Unix socket that NBD clients open. */
  socket: z.string(),
  /** The member on this node, asked first for reads. */
  preferred: z.string().default(''),
  tls: tlsFiles.optional(),
});

/** Chosen for a stall of at most two seconds when a member dies (docs/promises.md). */
const times = {
  leaseMs: 1500,
  heartbeatMs: 300,
  memberLossMs: 1200,
  retryMs: 100,
  quietFlushMs: 5000,
} as const;

/** How long requests in flight may take when the engine is told to stop. */
const stopGraceMs = 10_000;

async function main(file: string): Promise<void> {
  const settings = configuration.parse(JSON.parse(await readFile(file, 'utf8')));
  const log = new HostLog();
  const clock = new HostClock();
  const engine = new EngineDrive(
    {
      clock,
      connector: new HostConnector(await readCredentials(settings.tls)),
      cluster: new DirectoryCluster(settings.record),
      onDefect: (error) => {
        throw error;
      },
    },
    settings.volume,
    {
      ...times,
      incarnation: new HostRandom().token(),
      preferred: settings.preferred,
      plants: {},
    },
  );
  engine.start();
  const failed = await engine.ready();
  if (failed !== undefined) throw failed;
  const exports = new NbdExports([new NbdExport({ name: settings.volume, blocks: engine })]);
  const listener = await listenUnix({ path: settings.socket });
  const server = new NbdServer({ clock, log, listener, exports }, 'plain');
  const stop = () => {
    void server.stop(stopGraceMs).then(() => {
      engine.stop();
    });
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  void server.run();
  process.stdout.write(`serving epoch ${engine.epoch}\n`);
  const fault = await engine.end();
  if (fault.code === 'volume.ending') process.exit(0);
  throw fault;
}

const [file] = process.argv.slice(2);
try {
  if (file === undefined) {
    throw new Fault('input.invalid', 'No configuration was named.', {
      hint: 'node dataplane/main/engine.ts <configuration.json>',
    });
  }
  await main(file);
} catch (error) {
  if (!(error instanceof Fault) && !(error instanceof z.ZodError)) throw error;
  const hint = error instanceof Fault ? error.hint : 'Correct the configuration file.';
  const text = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
  process.stderr.write(`${text}\n\n  What to do: ${hint}\n`);
  process.exit(error instanceof Fault && error.code === 'volume.superseded' ? 2 : 1);
}
