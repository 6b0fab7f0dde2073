/**
 * The engines of a node: `node dataplane/main/engine.ts <configuration.json>`.
 *
 * Opens each volume and serves it over NBD on a Unix socket of its own until SIGTERM or SIGINT,
 * then makes everything it took durable and leaves. A volume that ends takes no other with it.
 * Prints a line, `serving <volume> epoch <n>`, when clients of a volume may connect.
 *
 * The volumes are those of the configuration, and then it ends when none is left: with code 0 after
 * a signal, with 2 when another engine has taken one over, so that a supervisor knows not to start
 * it again, and otherwise with 1. Or they come and go as a folder says (engine-folder.ts).
 */
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import { HostClock } from '../host/clock.ts';
import { DirectoryCluster } from '../host/cluster.ts';
import { KubeClient } from '../host/kube-client.ts';
import { KubernetesCluster } from '../host/kubernetes-cluster.ts';
import { HostConnector } from '../host/link.ts';
import { HostLog } from '../host/log.ts';
import type { Cluster } from '../ports/cluster.ts';
import { EngineFolder } from './engine-folder.ts';
import { keepRenewed, readCredentials, tlsFiles } from './credentials.ts';
import { leaveMetrics } from './leave-metrics.ts';
import { nameOfOne, runProgram } from './program.ts';
import { VolumeService } from './volume-service.ts';

const volumeSettings = z.strictObject({
  volume: nameOfOne,
  /** Directory with the volume's record; left out where Kubernetes holds it. */
  record: z.string().optional(),
  /** Unix socket that NBD clients open. */
  socket: z.string(),
  /** The member on this node, asked first for reads. */
  preferred: z.string().default(''),
});

const settings = z.strictObject({
  /** What is served stands there, a file for each volume, beside `volumes`. */
  folder: z.string().optional(),
  volumes: z
    .array(volumeSettings)
    .default([])
    .superRefine((volumes, context) => {
      for (const key of ['volume', 'record', 'socket'] as const) {
        const seen = new Map<string, number>();
        volumes.forEach((each, index) => {
          const value = each[key];
          if (value === undefined) return;
          const first = seen.get(value);
          const message = `the same ${key} as that of volumes[${first}]`;
          if (first !== undefined)
            context.addIssue({ code: 'custom', path: [index, key], message });
          else seen.set(value, index);
        });
      }
    }),
  /** Paths of PEM files; without them replica servers on this machine are all it can reach. */
  tls: tlsFiles.optional(),
  /** Folder in memory where metrics are left for the storage server of this node. */
  metrics: z.string().optional(),
  /** Where the records are that are not in a directory. */
  kubernetes: z
    .strictObject({ server: z.string(), caFile: z.string(), tokenFile: z.string() })
    .optional(),
});

/** One of the two places a record may be in; which it is was checked with the settings. */
function clusterOf(record: string | undefined, client: KubeClient | undefined): Cluster {
  if (record !== undefined) return new DirectoryCluster(record);
  if (client !== undefined) return new KubernetesCluster(client);
  throw new Fault('input.invalid', 'A volume without a record directory needs "kubernetes".', {
    hint: 'Name the directory with the record, or how to reach the API server.',
  });
}

async function main(wanted: z.infer<typeof settings>): Promise<void> {
  const { folder, volumes, tls, kubernetes, metrics } = wanted;
  const log = new HostLog();
  const connector = new HostConnector(await readCredentials(tls));
  keepRenewed(tls, connector, log);
  const ports = { clock: new HostClock(), connector, log, running: new Set<VolumeService>() };
  const client = kubernetes === undefined ? undefined : new KubeClient(kubernetes);
  const serviceOf = ({ record, ...each }: z.infer<typeof volumeSettings>) =>
    new VolumeService(ports, { ...each, cluster: clusterOf(record, client) });
  const leave = leaveMetrics(metrics, ports.running, log);
  if (folder !== undefined) {
    const followed = new EngineFolder({ folder, schema: volumeSettings }, serviceOf, log);
    onSignal(() => {
      followed.stop();
    });
    await followed.run();
    await leave.end();
    process.exit(0);
  }
  const services = volumes.map(serviceOf);
  onSignal(() => {
    for (const service of services) service.stop();
  });
  const ends = await Promise.all(
    services.map(async (service, index) => {
      const end = await service.run();
      if (end.code === 'volume.ending') return end;
      const volume = volumes[index]?.volume ?? '';
      log.warn('ended', { volume, code: end.code, reason: end.message });
      return end;
    }),
  );
  await leave.end();
  const wrong =
    ends.find(({ code }) => code === 'volume.superseded') ??
    ends.find(({ code }) => code !== 'volume.ending');
  if (wrong !== undefined) throw wrong;
  process.exit(0);
}

function onSignal(stop: () => void): void {
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

await runProgram({ usage: 'node dataplane/main/engine.ts <configuration.json>', settings }, main);
