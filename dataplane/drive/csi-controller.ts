/**
 * The controller half of the CSI driver: requests of the sidecars, carried out on the objects.
 * Every request may come twice, late, or after a crash in the middle of itself; each reads what is
 * so and goes on from there.
 */
import { limits } from '../base/limits.ts';
import { serves } from '../csi/capability.ts';
import type {
  CapacityRequest,
  ContentSource,
  ControllerPublishRequest,
  CreateVolumeRequest,
  CsiVolume,
  ExpandRequest,
  ValidateRequest,
  VolumeEntry,
} from '../csi/messages.ts';
import { problemOf } from '../csi/capability.ts';
import { page, volumeIdOf } from '../csi/names.ts';
import { Refusal } from '../csi/refusal.ts';
import {
  classOf,
  parameterProblems,
  refuseCapabilities,
  sameVolume,
  sizeBytesMax,
  sizeOf,
  specOf,
} from '../csi/wish.ts';
import { lostRecordOf } from '../control/lost-record.ts';
import { dataFinalizer, type VolumeObject, type VolumeStatus } from '../control/objects.ts';
import { roomFor } from '../control/placement.ts';
import type { Clock } from '../ports/clock.ts';
import type { Objects } from '../ports/objects.ts';
import type { Random } from '../ports/random.ts';
import { again, changeStatus, requestedName, required, unknown, waitUntil } from './csi-change.ts';
import { prepareSource, releaseSource, sourceOf } from './csi-source.ts';
import { type Controller, preferredAnnotation } from './controller.ts';

export interface CsiControllerPorts {
  readonly objects: Objects;
  readonly clock: Clock;
  readonly random: Random;
  readonly controller: Controller;
}

/** How long a request waits for the nodes; the sidecars ask again after that. */
const makingMs = 8_000;
const removingMs = 5_000;
/** Topology key under which the nodes report themselves. */
export const nodeTopology = 'topology.larder.dev/node';

export class CsiController {
  readonly #ports: CsiControllerPorts;

  constructor(ports: CsiControllerPorts) {
    this.#ports = ports;
  }

  async createVolume(request: CreateVolumeRequest): Promise<CsiVolume> {
    const { objects, random } = this.#ports;
    const from = await sourceOf(objects, request, random.token());
    const spec = specOf(request, from);
    const name = volumeIdOf(request.name);
    const { volumes } = objects;
    let volume = await volumes.get(name);
    if (volume === undefined) {
      const made = await volumes.create({
        metadata: {
          name,
          uid: '',
          resourceVersion: '',
          finalizers: [dataFinalizer],
          annotations: annotationsOf(request),
        },
        spec,
        status: emptyStatus,
      });
      if (made.kind === 'refused') throw new Refusal('INVALID_ARGUMENT', made.message);
      volume = made.kind === 'written' ? made.object : await volumes.get(name);
    }
    if (volume === undefined) throw again(name);
    if (volume.metadata.deletionTimestamp !== undefined) {
      throw new Refusal('ABORTED', `The volume ${name} is being deleted; ask again.`);
    }
    const asked = volume.metadata.annotations?.[requestedName] ?? request.name;
    if (asked !== request.name || !sameVolume(volume.spec, spec, request)) {
      throw new Refusal(
        'ALREADY_EXISTS',
        `There is a volume ${name} with ${volume.spec.sizeBytes} bytes, ${volume.spec.copies} copies and ${volume.spec.content}; asked for ${spec.sizeBytes}, ${spec.copies}, ${spec.content}.`,
      );
    }
    await prepareSource(objects, volume);
    const made = await this.#provisioned(volume);
    await releaseSource(objects, made);
    return described(made, request.volumeContentSource);
  }

  /** Done when nobody can use it any more; the copies are removed as their nodes are reached. */
  async deleteVolume(name: string): Promise<void> {
    required('volume_id', name);
    const { volumes } = this.#ports.objects;
    const volume = await volumes.get(name);
    if (volume === undefined) return;
    if (volume.status.attachedTo !== '') {
      throw new Refusal(
        'FAILED_PRECONDITION',
        `The volume ${name} is attached to ${volume.status.attachedTo}.`,
      );
    }
    const { snapshots = [] } = volume.spec;
    if (snapshots.length > 0) {
      throw new Refusal(
        'FAILED_PRECONDITION',
        `The volume ${name} has ${snapshots.length} snapshots, which lie with it: delete them first, or let the copies that are made from it be finished.`,
      );
    }
    // A copy that was never finished holds a cut of its source.
    await releaseSource(this.#ports.objects, volume);
    const outcome = await volumes.remove(volume);
    if (outcome.kind === 'refused') throw new Refusal('INTERNAL', outcome.message);
    if (outcome.kind !== 'written') throw again(name);
    await waitUntil(
      this.#ports.clock,
      removingMs,
      async () => (await volumes.get(name)) === undefined,
    );
  }

  async publish(request: ControllerPublishRequest): Promise<Readonly<Record<string, string>>> {
    const { volumeId, nodeId, volumeCapability } = request;
    required('volume_id', volumeId);
    required('node_id', nodeId);
    if (!volumeCapability) {
      throw new Refusal('INVALID_ARGUMENT', 'The request names no capability.');
    }
    const problem = problemOf(volumeCapability);
    if (problem !== undefined) throw new Refusal('INVALID_ARGUMENT', problem);
    await changeStatus(this.#ports.objects, volumeId, async (volume) => {
      if ((await this.#ports.objects.storageNodes.get(nodeId)) === undefined) {
        throw new Refusal('NOT_FOUND', `There is no storage node ${nodeId}.`);
      }
      if (!serves(volume.spec.content, volumeCapability)) {
        throw new Refusal('INVALID_ARGUMENT', wrongContent(volume));
      }
      const { attachedTo } = volume.status;
      if (attachedTo === nodeId) return undefined;
      if (attachedTo !== '') {
        throw new Refusal(
          'FAILED_PRECONDITION',
          `The volume ${volumeId} is attached to ${attachedTo}; it must be detached there first.`,
        );
      }
      await this.#refuseFull(nodeId);
      // Whoever fills its copies meanwhile gives way to this node's epoch.
      return { ...volume.status, attachedTo: nodeId, tendedBy: '' };
    });
    return {};
  }

  async #refuseFull(node: string): Promise<void> {
    const volumes = await this.#ports.objects.volumes.list();
    const attached = volumes.filter(({ status }) => status.attachedTo === node).length;
    if (attached < limits.attachedVolumesMax) return;
    throw new Refusal(
      'RESOURCE_EXHAUSTED',
      `${node} has ${attached} volumes, the most that a node may: run the pod elsewhere.`,
    );
  }

  /** The engine of that node is fenced by the next one's epoch, whether or not it still runs. */
  async unpublish(volumeId: string, nodeId: string): Promise<void> {
    required('volume_id', volumeId);
    if ((await this.#ports.objects.volumes.get(volumeId)) === undefined) return;
    await changeStatus(this.#ports.objects, volumeId, async ({ status }) =>
      status.attachedTo === '' || (nodeId !== '' && status.attachedTo !== nodeId)
        ? undefined
        : { ...status, attachedTo: '' },
    );
  }

  /**
   * Promises the room; the engine makes the volume so large while it is served, and whoever mounts
   * it the file system.
   */
  async expand({ volumeId, capacityRange }: ExpandRequest) {
    required('volume_id', volumeId);
    if (!capacityRange) throw new Refusal('INVALID_ARGUMENT', 'The request names no capacity.');
    const sizeBytes = sizeOf({ capacityRange });
    const outcome = await this.#ports.controller.grow(volumeId, sizeBytes);
    if (outcome === undefined) throw unknown(volumeId);
    if (outcome === 'again') throw again(volumeId);
    if ('why' in outcome) {
      throw new Refusal('OUT_OF_RANGE', `The volume ${volumeId} cannot grow: ${outcome.why}.`);
    }
    const { limitBytes } = capacityRange;
    if (limitBytes > 0 && outcome.spec.sizeBytes > limitBytes) {
      throw new Refusal(
        'OUT_OF_RANGE',
        `The volume ${volumeId} has ${outcome.spec.sizeBytes} bytes; a volume never shrinks to ${limitBytes}.`,
      );
    }
    // Also of a raw device: whoever has it here has to be shown its new end.
    return { capacityBytes: outcome.spec.sizeBytes, nodeExpansionRequired: true };
  }

  async validate(request: ValidateRequest) {
    required('volume_id', request.volumeId);
    refuseCapabilities(request.volumeCapabilities);
    const volume = await this.#ports.objects.volumes.get(request.volumeId);
    if (volume === undefined) throw unknown(request.volumeId);
    const problems = [
      ...request.volumeCapabilities.flatMap((capability) => problemOf(capability) ?? []),
      ...parameterProblems(request.parameters),
    ];
    const { content } = volume.spec;
    if (!request.volumeCapabilities.every((capability) => serves(content, capability))) {
      problems.push(wrongContent(volume));
    }
    if (problems.length > 0) return { message: problems.join(' ') };
    const { volumeCapabilities, volumeContext, parameters } = request;
    return { confirmed: { volumeCapabilities, volumeContext, parameters }, message: '' };
  }

  async list(maxEntries: number, startingToken: string) {
    const volumes = await this.#ports.objects.volumes.list();
    const sorted = volumes.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    const { items, nextToken } = page(sorted, maxEntries, startingToken);
    return { entries: items.map(entryOf), nextToken };
  }

  async get(name: string): Promise<VolumeEntry> {
    required('volume_id', name);
    const volume = await this.#ports.objects.volumes.get(name);
    if (volume === undefined) throw unknown(name);
    return entryOf(volume);
  }

  async capacity(request: CapacityRequest) {
    const problems = parameterProblems(request.parameters);
    if (problems.length > 0) throw new Refusal('INVALID_ARGUMENT', problems.join(' '));
    const { objects } = this.#ports;
    const [nodes, volumes] = await Promise.all([
      objects.storageNodes.list(),
      objects.volumes.list(),
    ]);
    const room = Math.max(0, roomFor(classOf(request.parameters), nodes, volumes));
    const maximum = Math.min(room, sizeBytesMax);
    return { availableCapacity: room, maximumVolumeSize: { value: maximum } };
  }

  async #provisioned(volume: VolumeObject): Promise<VolumeObject> {
    const { name } = volume.metadata;
    const placed = await this.#ports.controller.provision(name);
    if (placed !== undefined && 'why' in placed) {
      await this.#takeBack(volume);
      throw new Refusal('RESOURCE_EXHAUSTED', `The volume cannot be placed: ${placed.why}.`);
    }
    let last = placed ?? volume;
    const made = await waitUntil(this.#ports.clock, makingMs, async () => {
      const found = await this.#ports.objects.volumes.get(name);
      if (found !== undefined) last = found;
      const { record, places } = last.status;
      return record !== undefined && places.every((at) => at.made || at.erase);
    });
    if (made) return last;
    const waiting = last.status.places.filter((at) => !at.made && !at.erase);
    const why = waiting.map(
      ({ node, problem }) => `${node}${problem === '' ? '' : `: ${problem}`}`,
    );
    throw new Refusal(
      'UNAVAILABLE',
      `The copies of ${name} are not made yet; waiting for ${why.join('; ')}.`,
    );
  }

  /** So that the scheduler may try another node, with another request. */
  async #takeBack(volume: VolumeObject): Promise<void> {
    if (volume.status.record !== undefined || lostRecordOf(volume) !== '') return;
    await releaseSource(this.#ports.objects, volume);
    await this.#ports.objects.volumes.remove(volume);
  }
}

const emptyStatus: VolumeStatus = {
  places: [],
  attachedTo: '',
  tendedBy: '',
  formatted: 'no',
  safety: 'Creating',
  copies: '',
  message: '',
  conditions: [],
};

function annotationsOf({ name, parameters, accessibilityRequirements }: CreateVolumeRequest) {
  const preferred = (accessibilityRequirements?.preferred ?? [])
    .map(({ segments }) => segments[nodeTopology])
    .filter((node) => node !== undefined);
  const claim = parameters['csi.storage.k8s.io/pvc/name'];
  const namespace = parameters['csi.storage.k8s.io/pvc/namespace'];
  return {
    [requestedName]: name,
    ...(preferred.length === 0 ? {} : { [preferredAnnotation]: preferred.join(',') }),
    ...(claim === undefined ? {} : { 'larder.dev/claim': `${namespace ?? ''}/${claim}` }),
  };
}

function described({ metadata, spec }: VolumeObject, source?: ContentSource | null): CsiVolume {
  return {
    volumeId: metadata.name,
    capacityBytes: spec.sizeBytes,
    volumeContext: {},
    ...(source ? { contentSource: source } : {}),
  };
}

function entryOf(volume: VolumeObject): VolumeEntry {
  const { attachedTo, safety, message } = volume.status;
  return {
    volume: described(volume),
    status: {
      publishedNodeIds: attachedTo === '' ? [] : [attachedTo],
      volumeCondition: {
        abnormal: safety === 'Degraded' || safety === 'Unreachable',
        message: message === '' ? safety : message,
      },
    },
  };
}

function wrongContent({ metadata, spec }: VolumeObject): string {
  return `The volume ${metadata.name} holds ${spec.content}; it cannot be used in another way.`;
}
