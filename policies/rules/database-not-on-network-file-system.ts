/** Database servers on NFS, SMB, CephFS and the like. */
import { nameOfPlacement } from '../model/placement.ts';
import { type Database, databasesOf } from '../model/usage.ts';
import type { Finding, StackRule } from '../rule.ts';
import { classes } from '../settings.ts';

export const databaseNotOnNetworkFileSystem: StackRule = {
  id: 'database-not-on-network-file-system',
  scope: 'stack',
  description: 'A database server keeps its data on a block volume or a local disk.',
  severity: 'critical',
  level: 'mandatory',
  advises: true,
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
    return databasesOf(world).flatMap(findingsOf);
  },
};

function findingsOf({ engine, object, field, placement }: Database): readonly Finding[] {
  const also = placement?.claim === undefined ? [] : [placement.claim.object];
  if (placement?.home === 'network-file') {
    const found = `${engine} keeps its data on ${nameOfPlacement(placement)}`;
    return [{ object, also, field, found, level: 'violation' }];
  }
  if (placement?.home !== 'unknown') return [];
  const finding: Finding = {
    object,
    also,
    field,
    found: `it cannot be told where the data of ${engine} lives: ${nameOfPlacement(placement)}`,
    waysOut: [
      `Show it to this check: ${placement.wanted ?? 'the class of the claim'}`,
      'Name the class under "classes" in this policy\'s configuration',
      'Declare the class in the same program',
    ],
    level: 'advice',
  };
  return [finding];
}
