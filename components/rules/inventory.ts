/** What must hold within the inventory: names and mount paths that are one thing each. */
import type { NodeConfig, TierConfig } from '../config/schema.ts';
import { mountPathProblems } from './mount-path.ts';
import { oneOf, type Problem } from './problem.ts';

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

export function tierProblems(
  tiers: readonly TierConfig[],
  nodes: readonly NodeConfig[],
): Problem[] {
  const known = [...new Set(nodes.flatMap((node) => node.disks.map(diskName)))];
  const defaults = tiers.filter((tier) => tier.default).map((tier) => tier.name);
  const several: Problem = {
    path: 'larder:tiers',
    found: `${defaults.length} default tiers: ${defaults.join(', ')}`,
    allowed: 'at most one tier with `default: true`',
    todo: 'keep it on the tier that claims without a class shall get',
  };
  return [
    ...twins(
      tiers.map((tier) => tier.name),
      (index) => `larder:tiers[${index}].name`,
      'one tier for each name',
    ),
    ...(defaults.length > 1 ? [several] : []),
    ...tiers.flatMap((tier, index) =>
      (tier.disks ?? [])
        .filter((name) => !known.includes(name))
        .map((name) => ({
          path: `larder:tiers[${index}].disks`,
          found: `${name}, which is no disk of the inventory`,
          allowed: oneOf(known),
          todo: 'name a disk that stands under larder:nodes',
        })),
    ),
  ];
}

/** A problem for each value that stood earlier in the list. */
function twins(
  values: readonly string[],
  path: (index: number) => string,
  allowed: string,
): Problem[] {
  return values.flatMap((value, index) => {
    const first = values.indexOf(value);
    if (first === index) return [];
    return [
      {
        path: path(index),
        found: `${value}, which ${path(first)} is already`,
        allowed,
        todo: 'give one of the two another name, or remove it',
      },
    ];
  });
}
