/** What a new volume is to be made from: a snapshot, or another volume as it is now. */
import type { VolumeObject, VolumeSpec } from '../control/objects.ts';
import { cutOf, forgetting, snapshotting } from '../control/snapshots.ts';
import type { CreateVolumeRequest } from '../csi/messages.ts';
import { Refusal } from '../csi/refusal.ts';
import type { Objects } from '../ports/objects.ts';
import { changeSpec, unknown } from './csi-change.ts';
import { namespaceOfSnapshot } from './csi-snapshots.ts';

export interface SourceFacts {
  readonly source: NonNullable<VolumeSpec['source']>;
  readonly sizeBytes: number;
  readonly content: VolumeSpec['content'];
}

/** Begins the names of snapshots that are there for one copy only. */
const passing = 'c-';

/**
 * What the request names, or undefined when it names nothing.
 *
 * @param token new; a volume that is copied is cut under this name
 */
export async function sourceOf(
  objects: Objects,
  { volumeContentSource, parameters }: CreateVolumeRequest,
  token: string,
): Promise<SourceFacts | undefined> {
  if (volumeContentSource?.snapshot) {
    const { snapshotId } = volumeContentSource.snapshot;
    const snapshot = await objects.snapshots.get(snapshotId);
    if (snapshot === undefined) {
      throw new Refusal('NOT_FOUND', `There is no snapshot ${snapshotId}.`);
    }
    if (!snapshot.status.ready) {
      throw new Refusal('UNAVAILABLE', `The snapshot ${snapshotId} is not ready yet; ask again.`);
    }
    refuseNamespace(
      snapshotId,
      snapshot.metadata.annotations?.[namespaceOfSnapshot],
      parameters['csi.storage.k8s.io/pvc/namespace'],
    );
    const { volume: name } = snapshot.spec;
    const volume = await objects.volumes.get(name);
    if (volume === undefined) throw unknown(name);
    const { formatted, sizeBytes = volume.spec.sizeBytes } = snapshot.status;
    const source = { volume: name, snapshot: cutOf(snapshot), formatted };
    return { source, sizeBytes, content: volume.spec.content };
  }
  if (volumeContentSource?.volume) {
    const { volumeId } = volumeContentSource.volume;
    const volume = await objects.volumes.get(volumeId);
    if (volume === undefined) throw unknown(volumeId);
    const { formatted } = volume.status;
    if (formatted === 'begun') {
      // By the time that it is cut it may hold data, and what is "begun" is formatted anew.
      throw new Refusal('UNAVAILABLE', `The volume ${volumeId} is being formatted; ask again.`);
    }
    const source = { volume: volumeId, snapshot: `${passing}${token}`, formatted };
    const sizeBytes = volume.status.record?.sizeBytes ?? volume.spec.sizeBytes;
    return { source, sizeBytes, content: volume.spec.content };
  }
  return undefined;
}

/**
 * A volume that is copied is cut for it, once: what is whole needs no cut, and its name is never
 * used again.
 */
export async function prepareSource(
  objects: Objects,
  { spec: { source }, status }: VolumeObject,
): Promise<void> {
  if (status.record !== undefined && status.places.every(({ made }) => made)) return;
  if (source?.snapshot.startsWith(passing) !== true) return;
  await changeSpec(objects, source.volume, (volume) => snapshotting(volume, source.snapshot));
}

/** What was cut for the copy alone is given up; the source may have been deleted since. */
export async function releaseSource(objects: Objects, { spec }: VolumeObject): Promise<void> {
  const { source } = spec;
  if (source?.snapshot.startsWith(passing) !== true) return;
  if ((await objects.volumes.get(source.volume)) === undefined) return;
  await changeSpec(objects, source.volume, (volume) => forgetting(volume, source.snapshot));
}

function refuseNamespace(snapshot: string, from: string | undefined, to: string | undefined): void {
  if (from === undefined || to === undefined || from === to) return;
  throw new Refusal(
    'INVALID_ARGUMENT',
    `The snapshot ${snapshot} belongs to the Namespace ${from} and cannot be used from ${to}: make the claim in ${from}.`,
  );
}
