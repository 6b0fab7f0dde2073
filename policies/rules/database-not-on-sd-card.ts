/** Databases on a disk that the inventory calls an SD card, or that looks like one. */
import { volumeOfClaim } from '../model/placement.ts';
import { diskUnder, disksOf, disksSchema, nameOfDisk, nodeOfVolume } from '../model/inventory.ts';
import { type Database, databasesOf } from '../model/usage.ts';
import type { World } from '../model/world.ts';
import { type Fields, textAt } from '../model/value.ts';
import type { Finding, StackRule } from '../rule.ts';

export const databaseNotOnSdCard: StackRule = {
  id: 'database-not-on-sd-card',
  scope: 'stack',
  description: 'A database does not live on an SD card.',
  severity: 'high',
  level: 'mandatory',
  advises: false,
  why:
    'A commit is a flush, and each takes an SD card 20 to 50 ms and a piece of its life; cards ' +
    'fail all at once and often keep acknowledging writes after they have stopped storing them.',
  waysOut: [
    'Move the volume to an NVMe, SSD or USB disk of the same node',
    'Place the database on a node that has one',
    'Correct the kind of the disk in the inventory, if it is no SD card',
  ],
  good: 'PostgreSQL under /mnt/ssd, which the inventory calls ssd',
  bad: 'PostgreSQL under /mnt/sd, which the inventory calls sd',
  configSchema: { properties: { disks: disksSchema } },
  check(world, config) {
    return databasesOf(world).flatMap((database) => findingOf(world, config, database));
  },
};

function findingOf(world: World, config: Fields, database: Database): readonly Finding[] {
  const { engine, object, field, placement, workload } = database;
  if (placement?.hostPath === undefined) return [];
  const volume = placement.claim && volumeOfClaim(world, placement.claim);
  const node = volume === undefined ? undefined : nodeOfVolume(volume.fields);
  const pinned = workload && pinnedNode(workload.pod);
  const disk = diskUnder(disksOf(world, config), placement.hostPath, node ?? pinned);
  const isCard = disk?.kind === 'sd' || /(^|\/)(mmcblk|sd-?card)/.test(placement.hostPath);
  if (!isCard) return [];
  const where = disk === undefined ? '' : ` (disk ${nameOfDisk(disk)})`;
  const found = `${engine} keeps its data in ${placement.hostPath} on an SD card${where}`;
  const also = volume === undefined ? [] : [volume];
  return [{ object, also, field, found, level: 'violation' }];
}

function pinnedNode(pod: Fields): string | undefined {
  return textAt(pod, 'nodeName') ?? textAt(pod, 'nodeSelector', 'kubernetes.io/hostname');
}
