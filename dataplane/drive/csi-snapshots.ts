/**
 * Snapshots as CSI asks for them. A snapshot is a name in the spec of its volume, which the
 * volume's engine makes so (volume/wishes.ts), and an object that people see. Every request may
 * come twice or after a crash in the middle of itself.
 */
import type { SnapshotObject, VolumeObject } from '../control/objects.ts';
import { forgetting, cutOf, snapshotting } from '../control/snapshots.ts';
import type { CreateSnapshotRequest, CsiSnapshot, ListSnapshotsRequest } from '../csi/messages.ts';
import { page, volumeIdOf } from '../csi/names.ts';
import { Refusal } from '../csi/refusal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Objects } from '../ports/objects.ts';
import { changeSpec, required, requestedName, unknown, waitUntil } from './csi-change.ts';

export interface CsiSnapshotsPorts {
  readonly objects: Objects;
  readonly clock: Clock;
}

/** How long a request waits for the engine; the sidecar asks again after that. */
const cuttingMs = 10_000;
const forgettingMs = 5_000;

/** On a Snapshot: the Namespace that it was asked for from, where that is known. */
export const namespaceOfSnapshot = 'larder.dev/namespace';

export class CsiSnapshots {
  readonly #ports: CsiSnapshotsPorts;

  constructor(ports: CsiSnapshotsPorts) {
    this.#ports = ports;
  }

  async create(request: CreateSnapshotRequest): Promise<CsiSnapshot> {
    const { name, sourceVolumeId } = request;
    required('name', name);
    required('source_volume_id', sourceVolumeId);
    const { objects, clock } = this.#ports;
    const snapshot = await this.#object(request);
    if (snapshot.status.ready) return described(snapshot);
    const cut = cutOf(snapshot);
    await changeSpec(objects, sourceVolumeId, (volume) => snapshotting(volume, cut));
    let volume: VolumeObject | undefined;
    const made = await waitUntil(clock, cuttingMs, async () => {
      volume = await objects.volumes.get(sourceVolumeId);
      return volume?.status.record?.snapshots.includes(cut) === true;
    });
    const record = volume?.status.record;
    if (!made || volume === undefined || record === undefined) {
      const { attachedTo = '', safety = 'gone', message = '' } = volume?.status ?? {};
      const by =
        attachedTo === '' ? 'an engine that looks after it' : `its engine on ${attachedTo}`;
      throw new Refusal(
        'UNAVAILABLE',
        `The snapshot of ${sourceVolumeId} is not made yet; it waits for ${by} (${safety}${message === '' ? '' : `: ${message}`}).`,
      );
    }
    const status = {
      ready: true,
      sizeBytes: record.sizeBytes,
      formatted: volume.status.formatted,
      takenAt: snapshot.metadata.creationTimestamp ?? '',
      message: '',
    };
    const written = await objects.snapshots.putStatus({ ...snapshot, status });
    if (written.kind === 'written') return described(written.object);
    throw new Refusal('ABORTED', `The snapshot ${snapshot.metadata.name} was changed; ask again.`);
  }

  /** Done when nobody can use it any more; its room comes back as the engine gets to it. */
  async delete(id: string): Promise<void> {
    required('snapshot_id', id);
    const { objects, clock } = this.#ports;
    const snapshot = await objects.snapshots.get(id);
    if (snapshot === undefined) return;
    const cut = cutOf(snapshot);
    const { volume } = snapshot.spec;
    const users = (await objects.volumes.list()).filter(
      ({ spec, status }) => spec.source?.snapshot === cut && !status.places.every((at) => at.made),
    );
    if (users.length > 0) {
      const names = users.map(({ metadata }) => metadata.name).join(', ');
      throw new Refusal(
        'FAILED_PRECONDITION',
        `The snapshot ${id} is being copied into ${names}; delete it when that is done.`,
      );
    }
    if ((await objects.volumes.get(volume)) !== undefined) {
      await changeSpec(objects, volume, (now) => forgetting(now, cut));
      await waitUntil(clock, forgettingMs, async () => {
        const record = (await objects.volumes.get(volume))?.status.record;
        return record?.snapshots.includes(cut) !== true;
      });
    }
    const outcome = await objects.snapshots.remove(snapshot);
    if (outcome.kind !== 'written') {
      throw new Refusal('ABORTED', `The snapshot ${id} is being changed by others; ask again.`);
    }
  }

  async get(id: string): Promise<CsiSnapshot> {
    required('snapshot_id', id);
    const snapshot = await this.#ports.objects.snapshots.get(id);
    if (snapshot === undefined) throw new Refusal('NOT_FOUND', `There is no snapshot ${id}.`);
    return described(snapshot);
  }

  async list({ maxEntries, startingToken, sourceVolumeId, snapshotId }: ListSnapshotsRequest) {
    const snapshots = (await this.#ports.objects.snapshots.list())
      .filter(({ status }) => status.ready)
      .filter(({ metadata }) => snapshotId === '' || metadata.name === snapshotId)
      .filter(({ spec }) => sourceVolumeId === '' || spec.volume === sourceVolumeId)
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    const { items, nextToken } = page(snapshots, maxEntries, startingToken);
    return { entries: items.map((each) => ({ snapshot: described(each) })), nextToken };
  }

  async #object({ name, sourceVolumeId, parameters }: CreateSnapshotRequest) {
    const { snapshots, volumes } = this.#ports.objects;
    const id = volumeIdOf(name);
    let found = await snapshots.get(id);
    if (found === undefined) {
      const volume = await volumes.get(sourceVolumeId);
      if (volume?.metadata.deletionTimestamp !== undefined || volume === undefined) {
        throw unknown(sourceVolumeId);
      }
      const namespace = parameters['csi.storage.k8s.io/volumesnapshot/namespace'];
      const annotations = {
        [requestedName]: name,
        ...(namespace === undefined ? {} : { [namespaceOfSnapshot]: namespace }),
      };
      const metadata = { name: id, uid: '', resourceVersion: '', annotations };
      const status = { ready: false, takenAt: '', formatted: 'no' as const, message: '' };
      const made = await snapshots.create({ metadata, spec: { volume: sourceVolumeId }, status });
      if (made.kind === 'refused') throw new Refusal('INVALID_ARGUMENT', made.message);
      found = made.kind === 'written' ? made.object : await snapshots.get(id);
    }
    if (found === undefined) {
      throw new Refusal('ABORTED', `The snapshot ${id} is being changed by others; ask again.`);
    }
    const asked = found.metadata.annotations?.[requestedName] ?? name;
    if (asked !== name || found.spec.volume !== sourceVolumeId) {
      throw new Refusal(
        'ALREADY_EXISTS',
        `There is a snapshot ${id} of ${found.spec.volume}; asked for one of ${sourceVolumeId}.`,
      );
    }
    return found;
  }
}

function described({ metadata, spec, status }: SnapshotObject): CsiSnapshot {
  const takenAtMs = Date.parse(status.takenAt);
  return {
    snapshotId: metadata.name,
    sourceVolumeId: spec.volume,
    sizeBytes: status.sizeBytes ?? 0,
    creationTime: { seconds: Number.isNaN(takenAtMs) ? 0 : Math.floor(takenAtMs / 1000), nanos: 0 },
    readyToUse: status.ready,
  };
}
