/**
 * The node half of the CSI driver. It remembers nothing: what is staged or published is asked of
 * the kernel, what may be is asked of the API, so that any request may come again at any point.
 *
 * Never: formats what may hold data; lets a pod start on the bare directory under a mount; mounts a
 * volume that is not attached to this node in the record.
 */
import type { VolumeObject } from '../control/objects.ts';
import { problemOf, serves } from '../csi/capability.ts';
import type {
  NodeExpandRequest,
  NodePublishRequest,
  NodeStageRequest,
  VolumeCapability,
} from '../csi/messages.ts';
import { Refusal } from '../csi/refusal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Attacher, Mounted, Mounts } from '../ports/mounts.ts';
import type { Objects } from '../ports/objects.ts';
import { prepareFileSystem } from './file-system.ts';
import { fit, grownSize, sizeOf } from './volume-size.ts';

export interface CsiNodePorts {
  readonly objects: Objects;
  readonly mounts: Mounts;
  readonly attacher: Attacher;
  readonly clock: Clock;
  readonly log: Log;
}

/** Options that a class may set; others could turn a volume into another thing. */
const mountOptions = new Set(['noatime', 'nodiratime', 'relatime', 'discard', 'nodiscard', 'sync']);

export class CsiNode {
  readonly #ports: CsiNodePorts;
  readonly #name: string;
  /** Volumes with a request under way: another one is told to come again. */
  readonly #busy = new Set<string>();

  /** @param name of this node */
  constructor(ports: CsiNodePorts, name: string) {
    this.#ports = ports;
    this.#name = name;
  }

  async stage({ volumeId, stagingTargetPath, volumeCapability }: NodeStageRequest) {
    required('volume_id', volumeId);
    required('staging_target_path', stagingTargetPath);
    const capability = checked(volumeCapability);
    return this.#alone(volumeId, async () => {
      const volume = await this.#mine(volumeId, capability);
      const { mounts, attacher } = this.#ports;
      const device = await attacher.attach(volumeId, sizeOf(volume));
      await fit(this.#ports, volume);
      if (volume.spec.content === 'block') return {};
      const type = volume.spec.content;
      const there = await this.#mountedAt(stagingTargetPath);
      if (there !== undefined) {
        if (there.device === (await mounts.deviceOf(device)) && !there.readOnly) return {};
        // Left by an earlier device of this volume, or gone read-only with it.
        await mounts.unmount(stagingTargetPath);
      }
      await prepareFileSystem(this.#ports, this.#name, { volume, device, type });
      await mounts.makeFolder(stagingTargetPath);
      await mounts.mount(device, stagingTargetPath, type, optionsOf(capability, volume.spec));
      if (type === 'xfs') await mounts.grow(device, type, stagingTargetPath);
      return {};
    });
  }

  async unstage(volumeId: string, stagingTargetPath: string) {
    required('volume_id', volumeId);
    required('staging_target_path', stagingTargetPath);
    return this.#alone(volumeId, async () => {
      const { mounts, attacher } = this.#ports;
      const others = await this.#mountedElsewhere(volumeId, stagingTargetPath);
      if (others.length > 0) {
        throw new Refusal(
          'FAILED_PRECONDITION',
          `The volume ${volumeId} is still mounted at ${others.join(', ')}: it would be taken from under it. Unpublish it there first.`,
        );
      }
      await mounts.unmount(stagingTargetPath);
      await attacher.detach(volumeId);
      return {};
    });
  }

  async publish(request: NodePublishRequest) {
    const { volumeId, stagingTargetPath, targetPath } = request;
    required('volume_id', volumeId);
    required('target_path', targetPath);
    const capability = checked(request.volumeCapability);
    required('staging_target_path', stagingTargetPath, 'FAILED_PRECONDITION');
    return this.#alone(volumeId, async () => {
      const volume = await this.#mine(volumeId, capability);
      const { mounts, attacher } = this.#ports;
      const device = await attacher.device(volumeId);
      if (device === undefined) throw notStaged(volumeId);
      const isBlock = volume.spec.content === 'block';
      if (!isBlock) await this.#mustBeStaged(volumeId, stagingTargetPath, device);
      await this.#refuseSecond(capability, request, device);
      const there = await this.#mountedAt(targetPath);
      if (there !== undefined) {
        if (isBlock || there.device === (await mounts.deviceOf(device))) return {};
        await mounts.unmount(targetPath);
      }
      if (isBlock) await mounts.makeFile(targetPath);
      else await mounts.makeFolder(targetPath);
      await mounts.bind(isBlock ? device : stagingTargetPath, targetPath, request.readonly);
      return {};
    });
  }

  async unpublish(volumeId: string, targetPath: string) {
    required('volume_id', volumeId);
    required('target_path', targetPath);
    return this.#alone(volumeId, async () => {
      await this.#ports.mounts.unmount(targetPath);
      await this.#ports.mounts.removeEmpty(targetPath);
      return {};
    });
  }

  /** Shows the new end to whoever has the device here, and grows the file system on it. */
  async expand({ volumeId, volumePath, capacityRange }: NodeExpandRequest) {
    required('volume_id', volumeId);
    required('volume_path', volumePath);
    return this.#alone(volumeId, async () => {
      const { mounts, attacher, objects } = this.#ports;
      const there = await mounts.at(volumePath);
      const volume = await objects.volumes.get(volumeId);
      // A raw device may be named by any of its paths.
      if (volume === undefined || (there === undefined && volume.spec.content !== 'block')) {
        throw new Refusal('NOT_FOUND', `The volume ${volumeId} is not at ${volumePath}.`);
      }
      this.#mustBeHere(volume);
      const device = await attacher.device(volumeId);
      if (device === undefined) throw notStaged(volumeId);
      const wantedBytes = Math.max(volume.spec.sizeBytes, capacityRange?.requiredBytes ?? 0);
      const capacityBytes = await grownSize(this.#ports, volumeId, wantedBytes);
      if (capacityBytes < wantedBytes) {
        throw new Refusal(
          'UNAVAILABLE',
          `The volume ${volumeId} has ${capacityBytes} bytes and shall get ${wantedBytes}: its copies have not grown yet. The log of its engine says what it waits for.`,
        );
      }
      await attacher.resize(volumeId, capacityBytes);
      const { content } = volume.spec;
      if (content !== 'block') await mounts.grow(device, content, volumePath);
      return { capacityBytes };
    });
  }

  async stats(volumeId: string, volumePath: string) {
    required('volume_id', volumeId);
    required('volume_path', volumePath);
    const { mounts, objects } = this.#ports;
    const volume = await objects.volumes.get(volumeId);
    const there = volume === undefined ? undefined : await mounts.at(volumePath);
    if (volume === undefined || there === undefined) {
      throw new Refusal('NOT_FOUND', `The volume ${volumeId} is not at ${volumePath}.`);
    }
    const { safety, message } = volume.status;
    const volumeCondition = {
      abnormal: there.readOnly || safety === 'Degraded' || safety === 'Unreachable',
      message: message === '' ? safety : message,
    };
    if (volume.spec.content === 'block') {
      const total = volume.spec.sizeBytes;
      return { usage: [{ unit: 'BYTES', total, used: 0, available: 0 }], volumeCondition };
    }
    const space = await mounts.spaceOf(volumePath);
    return {
      usage: [
        {
          unit: 'BYTES',
          total: space.totalBytes,
          used: space.usedBytes,
          available: space.availableBytes,
        },
        {
          unit: 'INODES',
          total: space.totalFiles,
          used: space.usedFiles,
          available: space.totalFiles - space.usedFiles,
        },
      ],
      volumeCondition,
    };
  }

  /** The volume, when it may be used here. */
  async #mine(volumeId: string, capability: VolumeCapability): Promise<VolumeObject> {
    const volume = await this.#ports.objects.volumes.get(volumeId);
    if (volume === undefined) throw new Refusal('NOT_FOUND', `There is no volume ${volumeId}.`);
    if (!serves(volume.spec.content, capability)) {
      throw new Refusal(
        'INVALID_ARGUMENT',
        `The volume ${volumeId} holds ${volume.spec.content}; it cannot be used in another way.`,
      );
    }
    this.#mustBeHere(volume);
    return volume;
  }

  #mustBeHere({ metadata, status: { attachedTo } }: VolumeObject): void {
    if (attachedTo === this.#name) return;
    const where = attachedTo === '' ? 'no node' : attachedTo;
    throw new Refusal(
      'FAILED_PRECONDITION',
      `The volume ${metadata.name} is attached to ${where}, not to ${this.#name}.`,
    );
  }

  async #mustBeStaged(volumeId: string, stagingPath: string, device: string): Promise<void> {
    const { mounts } = this.#ports;
    const staged = await mounts.at(stagingPath);
    if (staged?.device !== (await mounts.deviceOf(device))) throw notStaged(volumeId);
  }

  /** ReadWriteOncePod: one pod, which means one target path. */
  async #refuseSecond(
    capability: VolumeCapability,
    { stagingTargetPath, targetPath }: NodePublishRequest,
    device: string,
  ): Promise<void> {
    if (capability.accessMode?.mode !== 'SINGLE_NODE_SINGLE_WRITER') return;
    const { mounts } = this.#ports;
    const paths = await mounts.pathsOf(await mounts.deviceOf(device));
    const others = paths.filter(
      (path) =>
        path !== stagingTargetPath && path !== targetPath && !path.includes('/volume-subpaths/'),
    );
    if (others.length > 0) {
      throw new Refusal('FAILED_PRECONDITION', `The volume is in use at ${others.join(', ')}.`);
    }
  }

  /** Where the volume's file system is mounted beside the given path. */
  async #mountedElsewhere(volumeId: string, path: string): Promise<readonly string[]> {
    const { mounts, attacher } = this.#ports;
    const device = await attacher.device(volumeId);
    if (device === undefined) return [];
    const paths = await mounts.pathsOf(await mounts.deviceOf(device));
    return paths.filter((other) => other !== path);
  }

  /** A mount whose device is gone answers nothing; it is taken away. */
  async #mountedAt(path: string): Promise<Mounted | undefined> {
    const { mounts } = this.#ports;
    const there = await mounts.at(path);
    if (there !== undefined && (await mounts.kindOf(path)) === 'broken') {
      await mounts.unmount(path);
      return undefined;
    }
    return there;
  }

  async #alone<T>(volumeId: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(volumeId)) {
      throw new Refusal('ABORTED', `A request for ${volumeId} is under way; ask again.`);
    }
    this.#busy.add(volumeId);
    try {
      return await work();
    } finally {
      this.#busy.delete(volumeId);
    }
  }
}

function checked(capability: VolumeCapability | null | undefined): VolumeCapability {
  if (!capability) throw new Refusal('INVALID_ARGUMENT', 'The request names no capability.');
  const problem = problemOf(capability);
  if (problem !== undefined) throw new Refusal('INVALID_ARGUMENT', problem);
  return capability;
}

function optionsOf(
  capability: VolumeCapability,
  { content, source }: VolumeObject['spec'],
): readonly string[] {
  const asked = capability.mount?.mountFlags ?? [];
  const strange = asked.filter((option) => !mountOptions.has(option));
  if (strange.length > 0) {
    throw new Refusal(
      'INVALID_ARGUMENT',
      `The mount options ${strange.join(', ')} are not offered; choose from ${[...mountOptions].join(', ')}.`,
    );
  }
  // A file system that met an error must not go on as if nothing had happened.
  if (content === 'ext4') return [...asked, 'errors=remount-ro'];
  // A copy bears the UUID of what it was made from, and both may be mounted here.
  return source === undefined ? asked : [...asked, 'nouuid'];
}

function required(
  field: string,
  value: string,
  code: 'INVALID_ARGUMENT' | 'FAILED_PRECONDITION' = 'INVALID_ARGUMENT',
): void {
  if (value === '') throw new Refusal(code, `The request has no ${field}.`);
}

function notStaged(volumeId: string): Refusal {
  return new Refusal('FAILED_PRECONDITION', `The volume ${volumeId} is not staged on this node.`);
}
