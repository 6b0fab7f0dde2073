/** Volumes that are larger than what is under them. */
import { claimsOf, nameOfClaim } from '../model/claim.ts';
import { type DeclaredObject, nameOf } from '../model/declared.ts';
import {
  type Disk,
  diskUnder,
  disksOf,
  disksSchema,
  nameOfDisk,
  nodeOfVolume,
} from '../model/inventory.ts';
import { volumeOfClaim } from '../model/placement.ts';
import { bytesOf, shownBytes } from '../model/quantity.ts';
import { type Fields, textAt } from '../model/value.ts';
import type { World } from '../model/world.ts';
import type { Finding, StackRule } from '../rule.ts';

export const sizeFitsDisk: StackRule = {
  id: 'size-fits-disk',
  scope: 'stack',
  description: 'The volumes on a disk fit on it together, and a claim fits its volume.',
  severity: 'medium',
  level: 'mandatory',
  advises: false,
  why:
    'Static and local volumes have no quota: the first that fills the disk stops every other ' +
    'one on it, databases included. A claim larger than its volume never binds.',
  waysOut: [
    'Make the volumes smaller, or move one to another disk',
    'Correct the size of the disk in the inventory',
    'Use a replicated class, whose driver counts the space for you',
  ],
  good: 'two volumes of 20Gi on a disk of 100Gi',
  bad: 'two volumes of 80Gi on a disk of 100Gi',
  configSchema: { properties: { disks: disksSchema } },
  check(world, config) {
    return [...claimsTooLarge(world), ...disksTooSmall(world, config)];
  },
};

function claimsTooLarge(world: World): readonly Finding[] {
  return claimsOf(world).flatMap((claim) => {
    const volume = volumeOfClaim(world, claim);
    const wanted = bytesOf(textAt(claim.spec, 'resources', 'requests', 'storage'));
    const given = volume && capacityOf(volume);
    if (volume === undefined || wanted === undefined || given === undefined) return [];
    if (wanted <= given) return [];
    const finding: Finding = {
      object: claim.object,
      also: [volume],
      field: `${claim.field}.resources.requests.storage`,
      found: `${nameOfClaim(claim)} asks for ${shownBytes(wanted)}, ${nameOf(volume)} has ${shownBytes(given)}`,
      level: 'violation',
    };
    return [finding];
  });
}

function capacityOf(volume: DeclaredObject): number | undefined {
  return bytesOf(textAt(volume.fields, 'spec', 'capacity', 'storage'));
}

function disksTooSmall(world: World, config: Fields): readonly Finding[] {
  const disks = disksOf(world, config);
  const loads = new Map<Disk, { used: number; readonly volumes: DeclaredObject[] }>();
  for (const volume of world.all('', 'PersistentVolume')) {
    const path =
      textAt(volume.fields, 'spec', 'local', 'path') ??
      textAt(volume.fields, 'spec', 'hostPath', 'path');
    const node = nodeOfVolume(volume.fields);
    const disk = path === undefined ? undefined : diskUnder(disks, path, node);
    if (disk === undefined) continue;
    const load = loads.get(disk) ?? { used: 0, volumes: [] };
    load.used += capacityOf(volume) ?? 0;
    load.volumes.push(volume);
    loads.set(disk, load);
  }
  return [...loads].flatMap(([disk, { used, volumes }]) => {
    const last = volumes.at(-1);
    if (disk.sizeBytes === undefined || last === undefined || used <= disk.sizeBytes) return [];
    const names = volumes.map((volume) => volume.name).join(', ');
    const sizes = `${shownBytes(used)} on a disk of ${shownBytes(disk.sizeBytes)}`;
    const finding: Finding = {
      object: last,
      field: 'spec.capacity.storage',
      found: `the volumes on ${nameOfDisk(disk)} add up to ${sizes}: ${names}`,
      level: 'violation',
    };
    return [finding];
  });
}
