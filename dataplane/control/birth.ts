/**
 * The first record of a volume: its copies are empty and so equal, nobody has opened an epoch. Also
 * how a member joins later: as one that holds nothing.
 */
import { assert } from '../base/assert.ts';
import { firstRecord } from '../volume/record.ts';
import type { Place, StorageNodeObject, VolumeObject, VolumeStatus } from './objects.ts';
import type { Spot } from './placement.ts';

/** The unit of checksums, and of the dirty log in blocks. */
const blockBytes = 4096;
const regionBlocks = 1024;

/** @param lineage a new token: copies of two lineages never mix */
export function born(
  volume: VolumeObject,
  spots: readonly Spot[],
  nodes: readonly StorageNodeObject[],
  lineage: string,
): VolumeStatus {
  assert(volume.status.record === undefined, 'a volume is born once');
  const old = volume.status.places;
  const places = spots.map(
    ({ node, disk }, index): Place => ({
      // Never a name that another store of this volume bears, which may yet have to be deleted.
      member: old.length === 0 ? `m${index + 1}` : `m-${lineage.slice(0, 10)}-${index + 1}`,
      node,
      disk,
      made: false,
      leave: false,
      erase: false,
      problem: '',
    }),
  );
  const { sizeBytes } = volume.spec;
  const record = firstRecord(
    { volume: volume.metadata.name, lineage, sizeBytes, blockBytes, regionBlocks },
    places.map(({ member, node }) => ({ id: member, address: addressOf(node, nodes) })),
  );
  // What it begins with may be a file system already.
  const formatted = volume.spec.source?.formatted ?? volume.status.formatted;
  return { ...volume.status, formatted, record, places: [...old, ...places] };
}

/** Empty when the node has not said where it listens. */
export function addressOf(node: string, nodes: readonly StorageNodeObject[]): string {
  return nodes.find((other) => other.metadata.name === node)?.status.address ?? '';
}
