/**
 * A lab in which `pulumi up` has declared replicated tiers of two copies and a PostgreSQL on one of
 * them; and what a person would do and look at there.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CoreV1Api, CustomObjectsApi } from '@kubernetes/client-node';
import type { StorageNodeObject, VolumeObject } from '../../../dataplane/control/objects.ts';
import { labPaths } from '../../../lab/base/paths.ts';
import type { LabContext } from '../../../lab/cluster/bring-up.ts';
import { Lab, stopLab } from '../../../lab/cluster/lab.ts';
import type { LabOptions } from '../../../lab/cluster/options.ts';
import {
  type DataplaneImages,
  ensureDataplaneImages,
  sidecarNames,
} from '../../../lab/images/dataplane-image.ts';
import { labDifferences, labStack } from '../../../lab/stack/homelab.ts';
import type { LocalStack } from '../../../lab/stack/local-stack.ts';
import { ensurePulumi } from '../../../lab/toolchain/pulumi.ts';
import { ensureTools } from '../../../lab/toolchain/toolchain.ts';
import { labOptions, prepareLab, quietProgress } from './test-lab.ts';
import { taintOutOfService, untaint } from './taints.ts';

const labName = 'database-test';
const diskMiB = 768;
export const diskPath = '/mnt/nvme';
export const nodeNames = ['kube01', 'kube02', 'kube03'] as const;
/** A bound against hanging, for whatever a cluster does by itself. */
export const settledMs = 120_000;

const options: LabOptions = {
  ...labOptions,
  name: labName,
  nodes: labOptions.nodes.map((node) => ({
    ...node,
    disks: [{ path: diskPath, sizeMiB: diskMiB }],
  })),
};

export class DatabaseLab {
  #lab: Lab;
  readonly #stack: LocalStack;
  readonly #context: LabContext;
  readonly #images: DataplaneImages;

  private constructor(lab: Lab, stack: LocalStack, more: PreparedLab) {
    this.#lab = lab;
    this.#stack = stack;
    this.#context = more.context;
    this.#images = more.images;
  }

  static async start(): Promise<DatabaseLab> {
    const { state } = labPaths({ ...process.env, LARDER_LAB: labName });
    await stopLab(state, labName, quietProgress); // of a run that was killed
    const prepared = await prepareLab(state);
    const tools = new Map([...prepared.tools, ...(await ensureTools(sidecarNames, prepared))]);
    const context = { ...prepared, tools };
    const images = await ensureDataplaneImages(context);
    const lab = await Lab.start(options, context);
    await lab.importImages([images.dataplane, images.sidecars]);
    const stack = labStack(state, await ensurePulumi(context), context.signal);
    const started = new DatabaseLab(lab, stack, { context, images });
    try {
      await started.declare(images.dataplane.reference);
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  get lab(): Lab {
    return this.#lab;
  }

  /** Image with a shell and Node, for the pods of the tests. */
  get toolsImage(): string {
    return this.#context.images.tools.reference;
  }

  get core(): CoreV1Api {
    return this.#lab.kubeConfig.makeApiClient(CoreV1Api);
  }

  /** Runs `pulumi up` of the stack with this image of the data plane. */
  async declare(dataplane: string): Promise<void> {
    const { sidecars } = this.#images;
    // It is held since the last time.
    this.#stack[Symbol.dispose]();
    const differences = labDifferences(this.#lab, this.#context.images);
    await this.#stack.prepare({
      ...differences,
      'larder:images': {
        ...(differences['larder:images'] as object),
        dataplane,
        csiProvisioner: sidecars.reference,
        csiAttacher: sidecars.reference,
        csiResizer: sidecars.reference,
        csiSnapshotter: sidecars.reference,
      },
      'larder:tiers': tiers,
      'larder:engines': {
        larder: { repairAfterMinutes: 1, snapshots: false },
        snapshotController: { install: false },
      },
      'larder:postgres': [database],
      'larder:volumes': [],
    });
    await this.up();
  }

  async up(): Promise<void> {
    const lines: string[] = [];
    const update = this.#stack.run(['up', '--yes', '--skip-preview'], (line) => lines.push(line));
    await update.catch((error: unknown) => {
      // The end of a long output is its outputs; what went wrong stands above them.
      const told = lines.filter((line) => /error|mandatory|it is|refused|fail/i.test(line));
      throw new Error(told.slice(-40).join('\n'), { cause: error });
    });
  }

  /** The same image of the data plane under another name on every node: a newer version, say. */
  async renamedImage(tag: string): Promise<string> {
    const { reference } = this.#images.dataplane;
    const renamed = `${reference.slice(0, reference.lastIndexOf(':'))}:${tag}`;
    for (const node of this.#lab.nodes) {
      await this.must(node.name, ['ctr', '-n', 'k8s.io', 'images', 'tag', reference, renamed]);
    }
    return renamed;
  }

  /** Ends the API server; `restore` brings it back. */
  stopApiServer(): void {
    const { pid } = this.#processes()['kube-apiserver'] ?? {};
    if (pid === undefined) throw new Error('no API server is recorded');
    process.kill(pid, 'SIGKILL');
  }

  /** Every process of the cluster ends at once: nodes, control plane, network. */
  killEverything(): void {
    for (const { pid } of Object.values(this.#processes())) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended with another one.
      }
    }
  }

  /** Starts what was ended by force. */
  async restore(): Promise<void> {
    this.#lab = await Lab.start(options, this.#context);
  }

  async stop(): Promise<void> {
    this.#stack[Symbol.dispose]();
    await this.#lab.stop(quietProgress);
  }

  async until(what: string, ready: () => Promise<boolean>, withinMs = settledMs): Promise<void> {
    await this.#lab.waitFor(what, ready, withinMs);
  }

  /** Runs a program inside a node; what it prints. */
  async must(node: string, command: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#lab.node(node).exec(command);
    if (code !== 0) throw new Error(`${command.join(' ')} on ${node}: ${stderr || stdout}`);
    return stdout;
  }

  /** Path by which this machine reaches a folder of a node. */
  pathInto(node: string, folder: string): string {
    const { pid } = this.#processes()[`node/${node}/init`] ?? {};
    if (pid === undefined) throw new Error(`${node} is not recorded as running`);
    return `/proc/${pid}/root${folder}`;
  }

  async volumes(): Promise<readonly VolumeObject[]> {
    const found = (await this.#custom.listClusterCustomObject({
      ...larderObjects,
      plural: 'volumes',
    })) as { readonly items: readonly VolumeObject[] };
    return found.items;
  }

  /** The volume of a claim, as it is now. */
  async volumeOf(claim: string): Promise<VolumeObject> {
    const volumes = await this.volumes();
    const found = volumes.find(
      ({ metadata }) => metadata.annotations?.['larder.dev/claim'] === claim,
    );
    if (found === undefined) throw new Error(`no volume of the claim ${claim}`);
    return found;
  }

  /** Until every volume has both copies in sync on nodes that are heard of. */
  async untilSafe(withinMs = settledMs): Promise<void> {
    let last = '';
    const isSafe = async () => {
      const volumes = await this.volumes();
      last = volumes.map(({ status }) => `${status.safety} ${status.message}`).join('; ');
      if (volumes.every(({ status }) => status.safety === 'Safe' && status.copies === '2/2')) {
        return true;
      }
      throw new Error(last);
    };
    await this.until('all volumes to be safe', isSafe, withinMs);
  }

  /** What the node says of itself that somebody should know. */
  async messageOf(node: string): Promise<string> {
    const found = (await this.#custom.getClusterCustomObject({
      ...larderObjects,
      plural: 'storagenodes',
      name: node,
    })) as StorageNodeObject;
    return found.status.message;
  }

  async isNodeReady(name: string): Promise<boolean> {
    const { status } = await this.core.readNode({ name });
    return status?.conditions?.some(isReady) === true;
  }

  /** Tells Kubernetes, once it misses the node, that nothing runs there any more. */
  async takeOutOfService(name: string): Promise<void> {
    await this.until(`${name} to be missed`, async () => !(await this.isNodeReady(name)));
    await taintOutOfService(this.core, name);
  }

  async backInService(name: string): Promise<void> {
    await untaint(this.core, name);
  }

  get #custom(): CustomObjectsApi {
    return this.#lab.kubeConfig.makeApiClient(CustomObjectsApi);
  }

  #processes(): Record<string, { readonly pid: number }> {
    const file = path.join(this.#lab.stateFolder, 'lab.json');
    const record = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly processes: Record<string, { readonly pid: number }>;
    };
    return record.processes;
  }
}

interface PreparedLab {
  readonly context: LabContext;
  readonly images: DataplaneImages;
}

const larderObjects = { group: 'larder.dev', version: 'v1alpha1' };

const replicated = {
  engine: 'larder',
  copies: 2,
  binding: 'WaitForFirstConsumer',
  expand: true,
};
const tiers = [
  { ...replicated, name: 'replicated', default: true, reclaim: 'Delete' },
  // A database is not put where its data would go with its claim.
  { ...replicated, name: 'kept', reclaim: 'Retain' },
];

const database = {
  name: 'ledger',
  size: '256Mi',
  tier: 'kept',
  dumps: { skip: 'a lab that lives for minutes' },
};

export const isReady = ({ type, status }: { type: string; status: string }): boolean =>
  type === 'Ready' && status === 'True';
