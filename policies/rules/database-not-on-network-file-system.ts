/** Database servers on NFS, SMB, CephFS and the like. */
import { nameOfPlacement } from '../model/placement.ts';
import { databasesOf } from '../model/usage.ts';
import type { StackRule } from '../rule.ts';
import { classes } from '../settings.ts';

export const databaseNotOnNetworkFileSystem: StackRule = {
  id: 'database-not-on-network-file-system',
  scope: 'stack',
  description: 'A database server keeps its data on a block volume or a local disk.',
  severity: 'critical',
  level: 'mandatory',
  advises: false,
  why:
    'A network file system may acknowledge a flush that has not reached a disk, and hides a lost ' +
    'server behind a stall; after a power cut the database can be beyond repair.',
  waysOut: [
    'Use the local tier with dumps to another machine',
    'Use replicated block storage (ReadWriteOnce)',
    'Run the database on the file server itself, beside its disks',
  ],
  good: 'PostgreSQL on class local-ssd',
  bad: 'PostgreSQL on class nfs-client, or Longhorn with ReadWriteMany',
  configSchema: { properties: { classes } },
  check(world) {
    return databasesOf(world).flatMap(({ engine, object, field, placement }) => {
      if (placement?.home !== 'network-file') return [];
      const found = `${engine} keeps its data on ${nameOfPlacement(placement)}`;
      const also = placement.claim === undefined ? [] : [placement.claim.object];
      return [{ object, also, field, found, level: 'violation' as const }];
    });
  },
};
