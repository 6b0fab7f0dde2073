/**
 * The replica server of a node: `node dataplane/main/replica.ts <configuration.json>`.
 *
 * Serves the stores of the configuration until SIGTERM or SIGINT, then closes them so that they can
 * prove that nothing is missing. Prints one line, `listening on <port>`, when it serves.
 */
import { z } from 'zod';
import { createStore, openStore } from '../drive/hosted-store.ts';
import { ReplicaServer } from '../drive/replica.ts';
import { HostDisk } from '../host/disk.ts';
import { HostAcceptor } from '../host/link.ts';
import { HostLog } from '../host/log.ts';
import { HostRandom } from '../host/random.ts';
import { keepRenewed, readCredentials, tlsFiles } from './credentials.ts';
import { nameOfOne, runProgram } from './program.ts';

const blockBytes = 4096;

const settings = z.strictObject({
  /** `host:port` or an absolute path. */
  listen: z.string(),
  /** Paths of PEM files; without them only this machine can connect. */
  tls: tlsFiles.optional(),
  stores: z.array(
    z.strictObject({
      volume: nameOfOne,
      member: nameOfOne,
      /** Exists, on the disk that was declared. */
      directory: z.string(),
      /**
       * Makes the store when the directory is empty. `withVolume` only while the volume itself is
       * made.
       */
      create: z
        .strictObject({
          lineage: nameOfOne,
          sizeBytes: z.int().positive().multipleOf(blockBytes),
          withVolume: z.boolean(),
        })
        .optional(),
    }),
  ),
});

async function main({ listen, tls, stores }: z.infer<typeof settings>): Promise<void> {
  const log = new HostLog();
  const acceptor = await HostAcceptor.listen(listen, await readCredentials(tls), (why) => {
    log.warn('turned a connection away', { why });
  });
  keepRenewed(tls, acceptor, log);
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
  for (const { volume, member, directory, create } of stores) {
    const disk = new HostDisk(directory);
    if (create !== undefined && !(await disk.list()).includes('identity')) {
      const { sizeBytes, ...birth } = create;
      const geometry = { sizeBytes, blockBytes, regionBlocks: 1024 };
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

await runProgram({ usage: 'node dataplane/main/replica.ts <configuration.json>', settings }, main);
