/**
 * The controller: `node dataplane/main/controller.ts`, in a pod with the CSI sidecars.
 *
 * Waits until it leads, then looks after volumes and certificates. Serves the CSI controller
 * service on a Unix socket and says there that it is not ready as long as another one leads. Ends
 * when it leads no more, so that it starts over with nothing in mind.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import { Controller } from '../drive/controller.ts';
import { CsiController } from '../drive/csi-controller.ts';
import { CsiSnapshots } from '../drive/csi-snapshots.ts';
import { FailOver } from '../drive/fail-over.ts';
import { issue, makeAuthority, validFor } from '../host/authority.ts';
import { HostClock } from '../host/clock.ts';
import { KubeEvents } from '../host/events.ts';
import { GrpcServer } from '../host/grpc-server.ts';
import { accessOfPod, KubeClient } from '../host/kube-client.ts';
import { lead } from '../host/lease.ts';
import { HostLog } from '../host/log.ts';
import { hostObjects } from '../host/objects.ts';
import { KubeWorkloads } from '../host/workloads.ts';
import { PeerSigner } from '../host/peer-signer.ts';
import { HostRandom } from '../host/random.ts';
import { controllerService, driverName, identityService } from './csi-services.ts';
import type { Objects } from '../ports/objects.ts';
import type { Family } from '../report/metrics.ts';
import { leaderFamily, shelfFamilies } from '../report/shelf-metrics.ts';
import { readEnvironment } from './environment.ts';
import { reporting } from './program.ts';
import { showMetrics } from './show-metrics.ts';

const environment = z.object({
  /** Where the sidecars look for the driver. */
  CSI_SOCKET: z.string().startsWith('/'),
  POD_NAMESPACE: z.string(),
  POD_NAME: z.string(),
  /** How long a copy may be away before another is made elsewhere. */
  REPAIR_AFTER_SECONDS: z.coerce.number().int().min(1),
  METRICS_PORT: z.coerce.number().int().min(1).max(65_535),
});

const signMs = 1_000;
const certificateDays = 3650;

async function main(): Promise<void> {
  const { CSI_SOCKET, POD_NAMESPACE, POD_NAME, REPAIR_AFTER_SECONDS, METRICS_PORT } =
    readEnvironment(environment);
  const log = new HostLog();
  const client = new KubeClient(accessOfPod(process.env));
  const objects = hostObjects(client, log);
  const clock = new HostClock();
  const random = new HostRandom();
  const now = () => new Date().toISOString();
  const end = () => process.exit(0);
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  const repairAfterMs = REPAIR_AFTER_SECONDS * 1_000;
  const events = new KubeEvents(client, log, POD_NAME);
  const workloads = new KubeWorkloads(client, driverName);
  const failOver = new FailOver({ workloads, events, log });
  const controller = new Controller(
    { objects, clock, random, log, events, failOver, now },
    { repairAfterMs },
  );
  const csi = new CsiController({ objects, clock, random, controller });
  let leads = false;
  const server = new GrpcServer(log);
  await server.add(identityService(() => leads));
  await server.add(controllerService(csi, new CsiSnapshots({ objects, clock })));
  // Also while another one leads: a sidecar without a driver ends again and again, and the kubelet
  // would keep it from starting for minutes when this one takes over.
  await server.listen(CSI_SOCKET);
  const families = async () => [leaderFamily(leads), ...(leads ? await shelf(objects) : [])];
  await showMetrics(client, { ...(await endpoint(METRICS_PORT)), families }, log);
  const lease = { namespace: POD_NAMESPACE, name: 'larder-controller', identity: POD_NAME };
  await lead(client, lease, log, () => process.exit(1));
  leads = true;
  void sign(new PeerSigner(client, log, POD_NAMESPACE), log);
  await controller.run();
}

async function shelf({ volumes, storageNodes }: Objects): Promise<readonly Family[]> {
  return shelfFamilies(...(await Promise.all([volumes.list(), storageNodes.list()])));
}

/** Under a certificate made for this process: readers prove themselves, it need not. */
async function endpoint(port: number) {
  const authority = await makeAuthority(validFor(certificateDays));
  const subject = { name: 'larder-controller', part: 'replica' } as const;
  const shown = await issue(authority, subject, validFor(certificateDays));
  return { part: 'controller', shown, host: undefined, port };
}

async function sign(signer: PeerSigner, log: HostLog): Promise<never> {
  for (;;) {
    try {
      await signer.signWaiting();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      log.warn(error.message);
    }
    await delay(signMs);
  }
}

await reporting(main);
