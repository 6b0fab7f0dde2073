/**
 * The data plane on this machine without nodes: a real API server, three storage nodes as objects
 * with real replica servers in this process, the real controller and the real CSI services on one
 * socket; volumes are attached here through FUSE and loop devices. Needs root.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Controller } from '../../../dataplane/drive/controller.ts';
import { CsiController } from '../../../dataplane/drive/csi-controller.ts';
import { CsiSnapshots } from '../../../dataplane/drive/csi-snapshots.ts';
import { CsiNode } from '../../../dataplane/drive/csi-node.ts';
import { ReplicaServer } from '../../../dataplane/drive/replica.ts';
import { StorageAgent } from '../../../dataplane/drive/storage-agent.ts';
import { HostClock } from '../../../dataplane/host/clock.ts';
import { HostDisk } from '../../../dataplane/host/disk.ts';
import { EngineProcess } from '../../../dataplane/host/engine-process.ts';
import { FuseAttacher } from '../../../dataplane/host/fuse-attacher.ts';
import { GrpcServer } from '../../../dataplane/host/grpc-server.ts';
import { HostAcceptor, HostConnector } from '../../../dataplane/host/link.ts';
import { KubeClient } from '../../../dataplane/host/kube-client.ts';
import { KubernetesCluster } from '../../../dataplane/host/kubernetes-cluster.ts';
import { HostMounts } from '../../../dataplane/host/mounts.ts';
import { HostRandom } from '../../../dataplane/host/random.ts';
import {
  controllerService,
  identityService,
  nodeService,
} from '../../../dataplane/main/csi-services.ts';
import { engineTimes } from '../../../dataplane/main/volume-service.ts';
import { Tender } from '../../../dataplane/drive/tender.ts';
import type { Objects } from '../../../dataplane/ports/objects.ts';
import type { StorageDisks } from '../../../dataplane/ports/storage-disks.ts';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import type { TestApiServer } from '../../engine/support/api-server.ts';
import { accessFor, useLarderObjects } from '../../engine/support/larder-objects.ts';

const quiet = { info: () => {}, warn: () => {} };
const nodeNames = ['kube01', 'kube02', 'kube03'] as const;

export class OneMachine {
  readonly folder: string;
  readonly socket: string;
  readonly objects: Objects;
  readonly engines: EngineProcess;
  readonly attacher: FuseAttacher;
  readonly mounts = new HostMounts();
  readonly controller: CsiController;
  readonly snapshots: CsiSnapshots;
  readonly node: CsiNode;
  readonly #controller: Controller;
  readonly #access: ReturnType<typeof accessFor>;
  readonly #server = new GrpcServer(quiet);
  readonly #agents: { readonly agent: StorageAgent; readonly replicas: ReplicaServer }[] = [];

  private constructor(folder: string, objects: Objects, api: TestApiServer, here: string) {
    this.folder = folder;
    this.objects = objects;
    this.socket = path.join(folder, 'csi.sock');
    const ports = {
      objects,
      clock: new HostClock(),
      random: new HostRandom(),
      log: quiet,
      events: { tell: () => {} },
      now: () => new Date().toISOString(),
    };
    this.#controller = new Controller(ports);
    this.#access = accessFor(api);
    this.engines = this.#enginesOf('1');
    const { engines } = this;
    const settingsOf = async () => ({});
    const options = { folder: path.join(folder, 'volumes'), engines, inPod: false, settingsOf };
    this.attacher = new FuseAttacher(options, quiet);
    const { mounts, attacher } = this;
    const clock = new HostClock();
    this.controller = new CsiController({ ...ports, controller: this.#controller });
    this.snapshots = new CsiSnapshots({ objects, clock });
    this.node = new CsiNode({ objects, mounts, attacher, clock, log: quiet }, here);
  }

  /** @param here name of the node that this machine plays for the CSI node service */
  static async start(api: TestApiServer, here: string = nodeNames[0]): Promise<OneMachine> {
    const { objects } = await useLarderObjects(api);
    const folder = mkdtempSync(path.join(tmpdir(), 'larder-csi-'));
    const machine = new OneMachine(folder, objects, api, here);
    for (const node of nodeNames) await machine.#startNode(node);
    void machine.#controller.run();
    await machine.#server.add(identityService());
    await machine.#server.add(controllerService(machine.controller, machine.snapshots));
    await machine.#server.add(nodeService(machine.node, here));
    await machine.#server.listen(machine.socket);
    return machine;
  }

  /** What a node's pod does when it starts with another version of the code. */
  async renewEngines(version: string): Promise<void> {
    await this.#enginesOf(version).renew();
  }

  enginesPid(): number {
    const file = path.join(this.folder, 'engines/engines.pid');
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly pid: number }).pid;
  }

  #enginesOf(version: string): EngineProcess {
    const options = {
      folder: path.join(this.folder, 'engines'),
      program: process.execPath,
      args: [path.join(repositoryRoot, 'dataplane/main/engine.ts')],
      inPod: false,
      version,
      settings: { kubernetes: this.#access },
    };
    return new EngineProcess(options, quiet);
  }

  async stop(): Promise<void> {
    for (const volume of await this.attacher.list()) await this.attacher.detach(volume);
    await this.engines.end();
    this.#controller.stop();
    for (const { agent, replicas } of this.#agents) {
      agent.stop();
      await replicas.stop();
    }
    await this.#server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Looks after volumes that nobody uses: copies them, cuts them. */
  #tenderOf(node: string): Tender {
    const clusterOf = () => new KubernetesCluster(new KubeClient(this.#access));
    const ports = { clock: new HostClock(), random: new HostRandom(), log: quiet };
    const connector = new HostConnector(undefined);
    return new Tender({ ...ports, connector, clusterOf }, { node, times: engineTimes });
  }

  async #startNode(node: string): Promise<void> {
    const spec = {
      zone: '',
      schedulable: true,
      evacuate: false,
      disks: [{ name: 'disk', path: '/mnt/disk', tags: [], reserveBytes: 0, schedulable: true }],
    };
    await this.objects.storageNodes.create({
      metadata: { name: node, uid: '', resourceVersion: '' },
      spec,
      status: {
        address: '',
        disks: [],
        attach: 'unknown',
        attachReason: '',
        health: 'Unknown',
        message: '',
        copies: 0,
        conditions: [],
        seenAt: '',
      },
    });
    const acceptor = await HostAcceptor.listen('127.0.0.1:0', undefined);
    const onDefect = (error: unknown) => {
      throw error;
    };
    const options = { incarnation: new HostRandom().token(), plants: {} };
    const replicas = new ReplicaServer({ acceptor, log: quiet, onDefect }, options);
    const agent = new StorageAgent(
      {
        objects: this.objects,
        tender: this.#tenderOf(node),
        disks: new FolderDisks(path.join(this.folder, node)),
        clock: new HostClock(),
        log: quiet,
        replicas,
        now: () => new Date().toISOString(),
      },
      { node, address: `127.0.0.1:${acceptor.port}`, attach: 'fuse', attachReason: 'a test' },
    );
    this.#agents.push({ agent, replicas });
    void replicas.serve();
    void agent.run();
  }
}

/** Folders in place of mounted disks. */
class FolderDisks implements StorageDisks {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async inspect() {
    const bytes = 20 * 2 ** 30;
    return { id: 'disk', capacityBytes: bytes, freeBytes: bytes, problem: '' };
  }

  async store(_disk: object, volume: string, member: string, make: boolean) {
    const folder = path.join(this.#root, volume, member);
    if (make) mkdirSync(folder, { recursive: true });
    return new HostDisk(folder);
  }

  async removeStore(_disk: object, volume: string, member: string) {
    rmSync(path.join(this.#root, volume, member), { recursive: true, force: true });
  }

  async listStores() {
    return [];
  }
}
