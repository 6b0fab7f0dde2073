/**
 * The disks of the shelf, as far as the pack is told: by its configuration (`disks`), or by the
 * labels `larder.dev/disk.<name>: <kind>` that a Larder NodeInventory puts on the nodes. A label
 * knows no path; the disk's name is then looked for among the folders of a path.
 */
import type { PolicyConfigSchema } from '@pulumi/policy';
import { bytesOf } from './quantity.ts';
import { type DeclaredObject, isKind } from './declared.ts';
import { type Fields, listAt, textAt, textsAt } from './value.ts';
import type { World } from './world.ts';

export interface Disk {
  /** Undefined when the same path means such a disk on every node. */
  readonly node: string | undefined;
  /** Where it is mounted; undefined when only its name is known. */
  readonly path: string | undefined;
  readonly name: string | undefined;
  readonly kind: string | undefined;
  readonly sizeBytes: number | undefined;
}

export const disksSchema: PolicyConfigSchema['properties'][string] = {
  type: 'array',
  description: 'Disks of the nodes, with their paths and sizes.',
  items: {
    type: 'object',
    required: ['path'],
    additionalProperties: false,
    properties: {
      node: { type: 'string', description: 'Absent: every node has one at this path.' },
      path: { type: 'string', description: 'Where it is mounted.' },
      kind: { type: 'string', enum: ['nvme', 'ssd', 'hdd', 'usb', 'sd'] },
      size: { type: 'string', description: 'Capacity, for example 500Gi.' },
    },
  },
};

const diskLabel = 'larder.dev/disk.';

export function disksOf(world: World, config: Fields): readonly Disk[] {
  const configured = listAt(config, 'disks').map((item) => ({
    node: textAt(item, 'node'),
    path: textAt(item, 'path'),
    name: undefined,
    kind: textAt(item, 'kind'),
    sizeBytes: bytesOf(textAt(item, 'size')),
  }));
  return [...configured, ...world.objects.flatMap(labelledDisks)];
}

function labelledDisks(object: DeclaredObject): readonly Disk[] {
  if (!isKind(object, '', 'Node', 'NodePatch')) return [];
  return [...object.labels]
    .filter(([key]) => key.startsWith(diskLabel))
    .map(([key, kind]) => ({
      node: object.name,
      path: undefined,
      name: key.slice(diskLabel.length),
      kind,
      sizeBytes: undefined,
    }));
}

/** The disk that holds a directory: the one with the longest path above it. */
export function diskUnder(
  disks: readonly Disk[],
  directory: string,
  node: string | undefined,
): Disk | undefined {
  return disks
    .filter((disk) => disk.node === undefined || node === undefined || disk.node === node)
    .filter((disk) => holds(disk, directory))
    .toSorted((one, other) => (other.path?.length ?? 0) - (one.path?.length ?? 0))[0];
}

export function holds(disk: Disk, directory: string): boolean {
  if (disk.path !== undefined) return isWithin(directory, disk.path);
  return disk.name !== undefined && directory.split('/').includes(disk.name);
}

export function nameOfDisk(disk: Disk): string {
  const place = disk.path ?? disk.name ?? '';
  return disk.node === undefined ? place : `${place} of ${disk.node}`;
}

export function isWithin(directory: string, folder: string): boolean {
  const bare = folder.replace(/\/+$/, '');
  return directory === bare || directory.startsWith(`${bare}/`);
}

/** The one node that a PersistentVolume is bound to by its node affinity, if it is one. */
export function nodeOfVolume(volume: Fields): string | undefined {
  const terms = listAt(volume, 'spec', 'nodeAffinity', 'required', 'nodeSelectorTerms');
  const names = terms.flatMap((term) =>
    listAt(term, 'matchExpressions')
      .filter((expression) => textAt(expression, 'key') === 'kubernetes.io/hostname')
      .flatMap((expression) => textsAt(expression, 'values')),
  );
  return names.length === 1 ? names[0] : undefined;
}
