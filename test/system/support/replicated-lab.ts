/** A lab in which `pulumi up` has declared a replicated tier of two copies as the default class. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { labPaths } from '../../../lab/base/paths.ts';
import { Lab } from '../../../lab/cluster/lab.ts';
import {
  type DataplaneImages,
  ensureDataplaneImages,
  sidecarNames,
} from '../../../lab/images/dataplane-image.ts';
import { labDifferences, labStack } from '../../../lab/stack/homelab.ts';
import type { LocalStack } from '../../../lab/stack/local-stack.ts';
import { ensurePulumi } from '../../../lab/toolchain/pulumi.ts';
import { ensureTools } from '../../../lab/toolchain/toolchain.ts';
import { SnapshotController } from './snapshot-controller.ts';
import { labOptions, prepareLab, quietProgress } from './test-lab.ts';

const labName = 'replicated-test';
const diskMiB = 512;

export class ReplicatedLab {
  readonly lab: Lab;
  /** Image with a shell and Node, for the pods of the tests. */
  readonly toolsImage: string;
  /** Undefined where the kinds of snapshots cannot be had. */
  readonly snapshots: SnapshotController | undefined;
  readonly #folder: string;
  readonly #stack: LocalStack;

  private constructor(
    {
      folder,
      lab,
      stack,
      snapshots,
    }: {
      readonly folder: string;
      readonly lab: Lab;
      readonly stack: LocalStack;
      readonly snapshots: SnapshotController | undefined;
    },
    toolsImage: string,
  ) {
    this.#folder = folder;
    this.snapshots = snapshots;
    this.lab = lab;
    this.#stack = stack;
    this.toolsImage = toolsImage;
  }

  static async start(): Promise<ReplicatedLab> {
    const folder = mkdtempSync(path.join(tmpdir(), 'larder-replicated-'));
    const { state } = labPaths({ ...process.env, XDG_STATE_HOME: folder, LARDER_LAB: labName });
    const prepared = await prepareLab(state);
    const tools = new Map([...prepared.tools, ...(await ensureTools(sidecarNames, prepared))]);
    const context = { ...prepared, tools };
    const images = await ensureDataplaneImages(context);
    const nodes = labOptions.nodes.map((node) => ({
      ...node,
      disks: [{ path: '/mnt/nvme', sizeMiB: diskMiB }],
    }));
    const lab = await Lab.start({ ...labOptions, name: labName, nodes }, context);
    await lab.importImages([images.dataplane, images.sidecars]);
    const snapshots = await SnapshotController.start(lab, context);
    const stack = labStack(state, await ensurePulumi(context), context.signal);
    await stack.prepare({
      ...labDifferences(lab, prepared.images),
      'larder:images': { ...imageSettings(images), tools: prepared.images.tools.reference },
      'larder:tiers': [tier],
      'larder:engines': {
        larder: { repairAfterMinutes: 1, snapshots: snapshots !== undefined },
        snapshotController: { install: false },
      },
      'larder:postgres': [],
      'larder:volumes': [],
    });
    const started = new ReplicatedLab(
      { folder, lab, stack, snapshots },
      prepared.images.tools.reference,
    );
    try {
      await started.up();
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  async up(): Promise<void> {
    await this.#stack.run(['up', '--yes', '--skip-preview'], () => {});
  }

  async stop(): Promise<void> {
    this.snapshots?.stop();
    this.#stack[Symbol.dispose]();
    await this.lab.stop(quietProgress);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const tier = {
  name: 'replicated',
  engine: 'larder',
  default: true,
  copies: 2,
  reclaim: 'Delete',
  binding: 'WaitForFirstConsumer',
  expand: true,
};

function imageSettings({ dataplane, sidecars }: DataplaneImages) {
  return {
    dataplane: dataplane.reference,
    csiProvisioner: sidecars.reference,
    csiAttacher: sidecars.reference,
    csiResizer: sidecars.reference,
    csiSnapshotter: sidecars.reference,
  };
}
