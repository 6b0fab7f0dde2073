/**
 * Requests to the CSI services as no kubelet would ever send them: any of them, for any of a few
 * volumes, at any time, out of order and again. A refusal is an answer; everything else is a defect
 * of the driver.
 *
 * One rule is kept: a volume is detached after it was unmounted. A node from which it is taken
 * before is fenced, and that takes what runs beside the services on a real node.
 */
import { globSync } from 'node:fs';
import path from 'node:path';
import { Fault } from '../../../dataplane/base/fault.ts';
import { Prng } from '../../../dataplane/base/prng.ts';
import { volumeIdOf } from '../../../dataplane/csi/names.ts';
import { Refusal } from '../../../dataplane/csi/refusal.ts';
import { run } from '../../../lab/base/run.ts';
import type { OneMachine } from './one-machine.ts';

const names = ['random-a', 'random-b', 'random-c'];
const accessMode = { mode: 'SINGLE_NODE_WRITER' } as const;
const volumeCapability = { mount: { fsType: 'ext4', mountFlags: [] }, accessMode };
const nodeId = 'kube01';

const calls = [
  'create',
  'attach',
  'stage',
  'publish',
  'write',
  'unpublish',
  'unstage',
  'detach',
  'delete',
] as const;
type Call = (typeof calls)[number];

const writing = '! mountpoint -q "$1" || { date > "$1/file" && sync -f "$1"; }';

export class RandomCalls {
  /** What was asked and answered, for the message of a failure. */
  readonly story: string[] = [];
  readonly #machine: OneMachine;
  readonly #prng: Prng;

  constructor(machine: OneMachine, seed: number) {
    this.#machine = machine;
    this.#prng = new Prng(seed);
  }

  /** Makes so many calls; gives how many of them were not refused. */
  async make(count: number): Promise<number> {
    let done = 0;
    for (let made = 0; made < count; made += 1) {
      const [call, name] = [this.#prng.pick(calls), this.#prng.pick(names)];
      if (call === undefined || name === undefined) continue;
      if (await this.#answered(call, name)) done += 1;
    }
    return done;
  }

  /** As the kubelet and the sidecars do it in the end. */
  async putAway(): Promise<void> {
    for (const name of names) {
      for (const call of ['unpublish', 'unstage', 'detach', 'delete'] as const) {
        const went = await this.#answered(call, name);
        if (!went) throw new Error(`${call} ${name} was refused:\n${this.story.join('\n')}`);
      }
    }
  }

  /** Objects, mounts, devices, processes and files of these volumes. */
  async leftovers(): Promise<readonly string[]> {
    const { folder, objects, attacher } = this.#machine;
    const ids = names.map((name) => volumeIdOf(name));
    const isOurs = (line: string) => ids.some((id) => line.includes(id));
    const lines = async (program: string, args: readonly string[]) =>
      (await run(program, args)).stdout.split('\n');
    const found = [
      ...(await objects.volumes.list()).map(({ metadata }) => `object ${metadata.name}`),
      ...(await attacher.list()).map((name) => `attached ${name}`),
      ...(await lines('findmnt', ['--raw', '--noheadings', '--output', 'TARGET'])),
      ...(await lines('losetup', ['--list', '--noheadings', '--output', 'NAME,BACK-FILE'])),
      ...(await lines('ps', ['-eo', 'args'])),
      ...globSync(path.join(folder, '**/*'), { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.parentPath, entry.name)),
    ];
    return found.filter(isOurs);
  }

  async #answered(call: Call, name: string): Promise<boolean> {
    try {
      await this.#call(call, name);
      this.story.push(`${call} ${name}`);
      return true;
    } catch (error) {
      if (!(error instanceof Refusal) && !(error instanceof Fault)) {
        throw new Error(`${call} ${name} broke:\n${this.story.join('\n')}`, { cause: error });
      }
      this.story.push(`${call} ${name}: ${error.message}`);
      return false;
    }
  }

  async #call(call: Call, name: string): Promise<unknown> {
    const { controller, node, folder } = this.#machine;
    const volumeId = volumeIdOf(name);
    const stagingTargetPath = path.join(folder, 'staged', volumeId);
    const targetPath = path.join(folder, 'published', volumeId);
    const request = { volumeId, volumeCapability, stagingTargetPath };
    switch (call) {
      case 'create':
        return controller.createVolume({
          name,
          capacityRange: { requiredBytes: 8 * 2 ** 20, limitBytes: 0 },
          volumeCapabilities: [volumeCapability],
          parameters: {},
          mutableParameters: {},
        });
      case 'attach':
        return controller.publish({ volumeId, volumeCapability, nodeId, readonly: false });
      case 'stage':
        return node.stage(request);
      case 'publish':
        return node.publish({ ...request, targetPath, readonly: false });
      case 'write':
        // By another process: the copies are served by this one. Nothing is there perhaps.
        return run('sh', ['-c', writing, 'write', targetPath]);
      case 'unpublish':
        return node.unpublish(volumeId, targetPath);
      case 'unstage':
        return node.unstage(volumeId, stagingTargetPath);
      case 'detach':
        await node.unpublish(volumeId, targetPath);
        await node.unstage(volumeId, stagingTargetPath);
        return controller.unpublish(volumeId, nodeId);
      case 'delete':
        return controller.deleteVolume(volumeId);
    }
  }
}
