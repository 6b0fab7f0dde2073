/** What must hold within the inventory: names and mount paths that are one thing each. */
import type { NodeConfig } from '../config/schema/inventory.ts';
import { mountPathProblems } from './mount-path.ts';
import type { Problem } from './problem.ts';
import { twins } from './twins.ts';

/** The name of a disk: as given, else the last part of its mount path. */
export function diskName(disk: NodeConfig['disks'][number]): string {
  return disk.name ?? disk.mount.split('/').findLast((part) => part !== '') ?? 'disk';
}

export function inventoryProblems(nodes: readonly NodeConfig[]): Problem[] {
  return [
    ...twins(
      nodes.map((node) => node.name),
      (index) => `larder:nodes[${index}].name`,
      'one node for each name',
    ),
    ...nodes.flatMap(diskProblems),
  ];
}

function diskProblems(node: NodeConfig, index: number): Problem[] {
  const at = (disk: number, key: string) => `larder:nodes[${index}].disks[${disk}].${key}`;
  return [
    ...twins(
      node.disks.map(diskName),
      (disk) => at(disk, 'name'),
      `one disk of ${node.name} for each name (a disk is named after its mount path unless it has a name)`,
    ),
    ...twins(
      node.disks.map((disk) => disk.mount),
      (disk) => at(disk, 'mount'),
      `one disk of ${node.name} for each mount path`,
    ),
    ...node.disks.flatMap((disk, nth) => [
      ...mountPathProblems(at(nth, 'mount'), disk.mount),
      ...(disk.capacity === 0 ? [emptyCapacity(at(nth, 'capacity'))] : []),
    ]),
  ];
}

const emptyCapacity = (path: string): Problem => ({
  path,
  found: 'a disk of no size',
  allowed: 'its capacity, or nothing when you do not want it checked',
  todo: 'write what `df -h` shows for it, or remove the key',
});
