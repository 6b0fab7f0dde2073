/**
 * The replica server of a node: `node dataplane/main/replica.ts <configuration.json>`.
 *
 * Serves the stores of the configuration until SIGTERM or SIGINT, then closes them so that they can
 * prove that nothing is missing. Prints one line, `listening on <port>`, when it serves.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { createStore, openStore } from '../drive/hosted-store.ts';
import { ReplicaServer } from '../drive/replica.ts';
import { HostDisk } from '../host/disk.ts';
import { HostAcceptor } from '../host/link.ts';
import { HostLog } from '../host/log.ts';
import { HostRandom } from '../host/random.ts';
import { readCredentials, tlsFiles } from './credentials.ts';

const id = z
  .string()
  .max(limits.idBytesMax)
  .regex(/^[\x21-\x7e]+$/);

const configuration = z.strictObject({
  /** `host:port` or an absolute path. */
  listen: z.string(),
  /** Paths of PEM files; without them only this machine can connect. */
  tls: tlsFiles.optional(),
  stores: z.array(
    z.strictObject({
      volume: id,
      member: id,
      /** Exists, on the disk that was declared. */
      directory: z.string(),
      /**
       * Makes the store when the directory is empty. `withVolume` only while the volume itself is
       * made.
       */
      create: z
        .strictObject({
          lineage: id,
          sizeBytes: z.int().positive().multipleOf(4096),
          withVolume: z.boolean(),
        })
        .optional(),
    }),
  ),
});

async function main(file: string): Promise<void> {
  const settings = configuration.parse(JSON.parse(await readFile(file, 'utf8')));
  const log = new HostLog();
  const credentials = await readCredentials(settings.tls);
  const acceptor = await HostAcceptor.listen(settings.listen, credentials);
  const server = new ReplicaServer(
    {
      acceptor,
      log,
      onDefect: (error) => {
        throw error;
      },
    },
    { incarnation: new HostRandom().token(), plants: {} },
  );
  for (const { volume, member, directory, create } of settings.stores) {
    const disk = new HostDisk(directory);
    if (create !== undefined && !(await disk.list()).includes('identity')) {
      const { sizeBytes, ...birth } = create;
      const geometry = { sizeBytes, blockBytes: 4096, regionBlocks: 1024 };
      await createStore(disk, { volume, member, geometry }, birth);
    }
    server.add(await openStore(disk, { volume, member }));
    log.info('serves a store', { volume, member, directory });
  }
  const stop = () => {
    void server.stop().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdout.write(`listening on ${acceptor.port}\n`);
  await server.serve();
}

const [file] = process.argv.slice(2);
try {
  if (file === undefined) {
    throw new Fault('input.invalid', 'No configuration was named.', {
      hint: 'node dataplane/main/replica.ts <configuration.json>',
    });
  }
  await main(file);
} catch (error) {
  if (!(error instanceof Fault) && !(error instanceof z.ZodError)) throw error;
  const hint = error instanceof Fault ? error.hint : 'Correct the configuration file.';
  const text = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
  process.stderr.write(`${text}\n\n  What to do: ${hint}\n`);
  process.exitCode = 1;
}
