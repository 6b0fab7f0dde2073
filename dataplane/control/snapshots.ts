/**
 * Snapshots as wishes in the spec of a volume, and volumes that are made from them. What the engine
 * has made so stands in the record.
 */
import { limits } from '../base/limits.ts';
import type { SnapshotObject, VolumeObject, VolumeSpec } from './objects.ts';

/** By which the copies know the snapshot: of the object's UID, so that no name is used again. */
export function cutOf({ metadata }: SnapshotObject): string {
  return `s-${metadata.uid}`;
}

/** The spec with one more wish; undefined when it is there, text when there cannot be another. */
export function snapshotting(volume: VolumeObject, cut: string): VolumeSpec | string | undefined {
  const spec = tidied(volume);
  const { snapshots = [] } = spec;
  if (snapshots.includes(cut)) return undefined;
  if (snapshots.length >= limits.snapshotsMax) {
    return `The volume ${volume.metadata.name} has ${limits.snapshotsMax} snapshots, the most it may: delete some`;
  }
  return { ...spec, snapshots: [...snapshots, cut] };
}

/** The spec in which the snapshot is wanted no more; undefined when it says so already. */
export function forgetting(volume: VolumeObject, cut: string): VolumeSpec | undefined {
  const spec = tidied(volume);
  const { snapshots = [], forgets = [] } = spec;
  const exists = volume.status.record?.snapshots.includes(cut) === true;
  if (!snapshots.includes(cut) && (!exists || forgets.includes(cut))) return undefined;
  return {
    ...spec,
    snapshots: snapshots.filter((other) => other !== cut),
    // One that is being made at this moment is given up too.
    forgets: [...forgets.filter((other) => other !== cut), cut].slice(-limits.snapshotsMax),
  };
}

/** Something that only an engine can do for the volume. */
export function hasWishes({ spec, status: { record } }: VolumeObject): boolean {
  if (record === undefined) return false;
  const { sizeBytes, snapshots = [], forgets = [] } = spec;
  return (
    sizeBytes > record.sizeBytes ||
    snapshots.some((cut) => !record.snapshots.includes(cut)) ||
    forgets.some((cut) => record.snapshots.includes(cut))
  );
}

/** Without what has been given up. */
function tidied({ spec, status: { record } }: VolumeObject): VolumeSpec {
  const { forgets = [] } = spec;
  if (record === undefined || forgets.length < limits.snapshotsMax / 2) return spec;
  return { ...spec, forgets: forgets.filter((cut) => record.snapshots.includes(cut)) };
}
