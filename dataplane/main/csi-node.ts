/**
 * The node half of the CSI driver: `node dataplane/main/csi-node.ts`, the privileged container of
 * the node's pod.
 *
 * Makes itself known to the kubelet, attaches and mounts volumes, and looks after the engines of
 * those that are attached. They outlive this process: on SIGTERM it leaves them alone.
 */
import { copyFile, mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import { CsiNode } from '../drive/csi-node.ts';
import { HostClock } from '../host/clock.ts';
import { EngineProcess } from '../host/engine-process.ts';
import { FuseAttacher } from '../host/fuse-attacher.ts';
import { GrpcServer } from '../host/grpc-server.ts';
import { KernelAttacher } from '../host/kernel-attacher.ts';
import { accessOfPod, KubeClient } from '../host/kube-client.ts';
import { HostLog } from '../host/log.ts';
import { HostMounts } from '../host/mounts.ts';
import { chooseAttach, NodeAttacher } from '../host/node-attacher.ts';
import { hostObjects } from '../host/objects.ts';
import { ensurePeerIdentity, peerFilesIn } from '../host/peer-identity.ts';
import type { LivingAttacher } from '../ports/mounts.ts';
import type { Objects } from '../ports/objects.ts';
import { driverName, identityService, nodeService, registrationService } from './csi-services.ts';
import { readEnvironment } from './environment.ts';
import { keepIdentity } from './keep-identity.ts';
import { reporting } from './program.ts';

const environment = z.object({
  NODE_NAME: z.string().min(1),
  /** The kubelet's folder, under the same path as on the node. */
  KUBELET_FOLDER: z.string().startsWith('/'),
  /** In memory, shared with the node: what attached volumes need while this pod is away. */
  RUN_FOLDER: z.string().startsWith('/'),
  /** `auto` takes the kernel's NBD client where there is one (docs/decisions/0161). */
  ATTACH: z.enum(['fuse', 'auto']).default('fuse'),
  /** Of the image: engines of another are replaced when this pod starts. */
  VERSION: z.string().default(''),
});

/** The token is renewed by the kubelet long before it ends; engines read the copy. */
const handOverMs = 30_000;
const lookMs = 2_000;

async function main(): Promise<void> {
  const settings = readEnvironment(environment);
  const node = settings.NODE_NAME;
  const log = new HostLog();
  const access = accessOfPod(process.env);
  const client = new KubeClient(access);
  const objects = hostObjects(client, log);
  const kept = await keepAccess(access, path.join(settings.RUN_FOLDER, 'api'), log);
  const wanted = { node, part: 'engine', folder: path.join(settings.RUN_FOLDER, 'peer') } as const;
  await ensurePeerIdentity(client, wanted);
  keepIdentity(client, wanted, log);
  const engines = new EngineProcess(
    {
      folder: path.join(settings.RUN_FOLDER, 'engines'),
      program: process.execPath,
      // In the image the types have been taken away already, and the names say so.
      args: [path.join(import.meta.dirname, `engine${path.extname(import.meta.filename)}`)],
      inPod: true,
      version: settings.VERSION,
      settings: {
        tls: peerFilesIn(wanted.folder, 'engine'),
        metrics: path.join(settings.RUN_FOLDER, 'metrics'),
        kubernetes: kept,
      },
    },
    log,
  );
  await engines.renew();
  const shared = {
    engines,
    settingsOf: async (volume: string) => ({ preferred: await memberHere(objects, volume, node) }),
  };
  const folderOf = (name: string) => path.join(settings.RUN_FOLDER, name);
  const attacher = new NodeAttacher(
    settings.ATTACH === 'auto'
      ? await chooseAttach()
      : { kind: 'fuse', because: 'ATTACH=auto is not set' },
    {
      kernel: new KernelAttacher({ ...shared, folder: folderOf('nbd') }, log),
      fuse: new FuseAttacher({ ...shared, folder: folderOf('volumes'), inPod: true }, log),
    },
    log,
  );
  const csi = new CsiNode(
    { objects, mounts: new HostMounts(), attacher, clock: new HostClock(), log },
    node,
  );
  const endpoint = path.join(settings.KUBELET_FOLDER, 'plugins', driverName, 'csi.sock');
  const server = new GrpcServer(log);
  await server.add(identityService());
  await server.add(nodeService(csi, node));
  await server.listen(endpoint);
  const registration = new GrpcServer(log);
  await registration.add(
    registrationService(endpoint, (error) => {
      if (error === '') log.info('the kubelet knows the driver');
      else log.warn(`the kubelet does not take the driver: ${error}`);
    }),
  );
  await registration.listen(
    path.join(settings.KUBELET_FOLDER, 'plugins_registry', `${driverName}-reg.sock`),
  );
  const end = () => process.exit(0);
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  await lookAfter(attacher, objects, node, log);
}

async function memberHere(objects: Objects, name: string, node: string): Promise<string> {
  const volume = await objects.volumes.get(name);
  return volume?.status.places.find((at) => at.node === node)?.member ?? '';
}

/** Engines that died start again; those of volumes that live elsewhere now are ended. */
async function lookAfter(
  attacher: LivingAttacher,
  objects: Objects,
  node: string,
  log: HostLog,
): Promise<never> {
  for (;;) {
    for (const name of await attacher.list()) {
      try {
        const volume = await objects.volumes.get(name);
        if (volume?.status.attachedTo === node) await attacher.mend(name);
        else await attacher.cutOff(name);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        log.warn(error.message, { volume: name });
      }
    }
    await delay(lookMs);
  }
}

/** Copies of this pod's token and authority, where they outlive it. */
async function keepAccess(
  access: { readonly server: string; readonly caFile?: string; readonly tokenFile?: string },
  folder: string,
  log: HostLog,
): Promise<{ readonly server: string; readonly caFile: string; readonly tokenFile: string }> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const caFile = path.join(folder, 'ca.crt');
  const tokenFile = path.join(folder, 'token');
  const copy = async () => {
    for (const [from, to] of [
      [access.caFile, caFile],
      [access.tokenFile, tokenFile],
    ] as const) {
      if (from === undefined) continue;
      await copyFile(from, `${to}.new`);
      await rename(`${to}.new`, to);
    }
  };
  await copy();
  setInterval(() => {
    copy().catch((error: unknown) => {
      log.warn(`the access of engines was not renewed: ${String(error)}`);
    });
  }, handOverMs).unref();
  return { server: access.server, caFile, tokenFile };
}

await reporting(main);
