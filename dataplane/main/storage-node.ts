/**
 * The storage of a node: `node dataplane/main/storage-node.ts`, a container of the node's pod.
 *
 * Serves the stores that have a place on this node over mutual TLS, makes and removes them as the
 * volumes come and go, and reports disks and health. On SIGTERM it closes the stores so that they
 * can prove that nothing is missing.
 */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import { Tender } from '../drive/tender.ts';
import { StorageAgent } from '../drive/storage-agent.ts';
import { ReplicaServer } from '../drive/replica.ts';
import { HostClock } from '../host/clock.ts';
import { accessOfPod, KubeClient } from '../host/kube-client.ts';
import { HostAcceptor, HostConnector } from '../host/link.ts';
import { KubernetesCluster } from '../host/kubernetes-cluster.ts';
import { HostLog } from '../host/log.ts';
import { readMetrics } from '../host/metrics-files.ts';
import { hostObjects } from '../host/objects.ts';
import { ensurePeerIdentity } from '../host/peer-identity.ts';
import { HostRandom } from '../host/random.ts';
import { HostStorageDisks } from '../host/storage-disks.ts';
import { storeFamilies } from '../report/store-metrics.ts';
import { keepRenewed, readCredentials } from './credentials.ts';
import { readEnvironment } from './environment.ts';
import { keepIdentity } from './keep-identity.ts';
import { reporting } from './program.ts';
import { showMetrics } from './show-metrics.ts';
import { engineTimes } from './volume-service.ts';

const environment = z.object({
  NODE_NAME: z.string().min(1),
  /** By which other nodes reach this one. */
  NODE_ADDRESS: z.string().min(1),
  PEER_PORT: z.coerce.number().int().min(1).max(65_535),
  /** Folder below which each disk is shown at its own path. */
  HOST_ROOT: z.string().startsWith('/'),
  /** In memory; keys are kept here. */
  PEER_FOLDER: z.string().startsWith('/'),
  METRICS_PORT: z.coerce.number().int().min(1).max(65_535),
  /** In memory; engines leave their metrics here. */
  METRICS_FOLDER: z.string().startsWith('/'),
});

/** After the certificate could not be had. */
const tenderAgainMs = 5_000;

async function main(): Promise<void> {
  const settings = readEnvironment(environment);
  const node = settings.NODE_NAME;
  const log = new HostLog();
  const client = new KubeClient(accessOfPod(process.env));
  const wanted = { node, part: 'replica', folder: settings.PEER_FOLDER } as const;
  const files = await ensurePeerIdentity(client, wanted);
  const host = settings.NODE_ADDRESS.includes(':')
    ? `[${settings.NODE_ADDRESS}]`
    : settings.NODE_ADDRESS;
  const credentials = await readCredentials(files);
  const acceptor = await HostAcceptor.listen(
    `${host}:${settings.PEER_PORT}`,
    credentials,
    (why) => {
      log.warn('turned a connection away', { why });
    },
  );
  keepRenewed(files, acceptor, log);
  keepIdentity(client, wanted, log);
  const onDefect = (error: unknown) => {
    throw error;
  };
  const replicas = new ReplicaServer(
    { acceptor, log, onDefect },
    { incarnation: new HostRandom().token(), plants: {} },
  );
  if (credentials !== undefined) {
    const families = async () => [
      ...storeFamilies(replicas.health),
      ...(await readMetrics(settings.METRICS_FOLDER)),
    ];
    const at = { host: settings.NODE_ADDRESS, port: settings.METRICS_PORT };
    const wished = { ...at, part: 'storage', shown: credentials, families };
    const metrics = await showMetrics(client, wished, log);
    if (metrics !== undefined) keepRenewed(files, metrics, log);
  }
  const agent = new StorageAgent(
    {
      objects: hostObjects(client, log),
      disks: new HostStorageDisks(settings.HOST_ROOT, {
        changed: () => {
          log.warn('a disk was put in or taken out: starts anew to see it');
          stop();
        },
        clusterId: async () => clusterIdOf(client),
      }),
      tender: tenderSoon(client, settings, log),
      clock: new HostClock(),
      log,
      replicas,
      now: () => new Date().toISOString(),
    },
    {
      node,
      address: `${node}@${host}:${settings.PEER_PORT}`,
      attach: 'fuse',
      attachReason:
        'The kernel module nbd is not used yet; volumes go through FUSE and a loop device.',
    },
  );
  const stop = () => {
    agent.stop();
    void replicas.stop().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await Promise.all([replicas.serve(), agent.run()]);
}

/** The UID of a Namespace that every cluster has and keeps; empty while it cannot be read. */
async function clusterIdOf(client: KubeClient): Promise<string> {
  if (knownClusterId === '') {
    const path = '/api/v1/namespaces/kube-system';
    const { code, body } = await client.send({ method: 'GET', path });
    const found = namespace.safeParse(body);
    if (code === 200 && found.success) knownClusterId = found.data.metadata.uid;
  }
  return knownClusterId;
}

const namespace = z.object({ metadata: z.object({ uid: z.string() }) });
let knownClusterId = '';

/** Serving the stores does not wait for the certificate that this needs. */
function tenderSoon(
  client: KubeClient,
  settings: z.infer<typeof environment>,
  log: HostLog,
): Pick<Tender, 'look' | 'stop'> {
  let tender: Tender | undefined;
  const start = async () => {
    while (tender === undefined) {
      try {
        tender = await startTender(client, settings, log);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        log.warn(error.message);
        await delay(tenderAgainMs);
      }
    }
  };
  void start();
  return {
    look: (volumes) => tender?.look(volumes),
    stop: () => tender?.stop(),
  };
}

/** With a certificate of its own: an engine's is not a replica server's. */
async function startTender(
  client: KubeClient,
  { NODE_NAME: node, PEER_FOLDER }: z.infer<typeof environment>,
  log: HostLog,
): Promise<Tender> {
  const wanted = { node, part: 'engine', folder: path.join(PEER_FOLDER, 'tender') } as const;
  const files = await ensurePeerIdentity(client, wanted);
  const connector = new HostConnector(await readCredentials(files));
  keepRenewed(files, connector, log);
  keepIdentity(client, wanted, log);
  const clusterOf = () => new KubernetesCluster(client);
  return new Tender(
    { clock: new HostClock(), random: new HostRandom(), log, connector, clusterOf },
    { node, times: engineTimes },
  );
}

await reporting(main);
