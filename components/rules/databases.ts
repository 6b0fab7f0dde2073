/**
 * What must hold for databases and their dumps. The facts behind each rule:
 * docs/components/postgres.md and docs/components/dump-schedule.md.
 */
import type { Database } from '../config/shelf/applications.ts';
import type { DumpPlan } from '../config/shelf/backups.ts';
import { engineFacts } from './engines.ts';
import type { Problem } from './problem.ts';

/** With fewer, one bad night leaves nothing good. */
const minimumDumpsKept = 3;

/** What the tag of an official PostgreSQL image says: major version and the base it is built on. */
export interface PostgresImage {
  readonly major: number;
  /** musl and glibc sort text differently: an index made on one is wrong on the other. */
  readonly base: 'alpine' | 'debian';
}

/** Undefined when the reference has no tag that begins with a version. */
export function readPostgresImage(reference: string): PostgresImage | undefined {
  const name = reference.split('@')[0]?.split('/').at(-1) ?? '';
  const match = /:(\d+)(?:[.-]([a-z0-9.-]*))?$/i.exec(name);
  if (match === null) return undefined;
  return { major: Number(match[1]), base: /alpine/.test(match[2] ?? '') ? 'alpine' : 'debian' };
}

export function databaseProblems(database: Database): Problem[] {
  const { volume } = database;
  const problems: Problem[] = [];
  if (volume.disk?.kind === 'sd')
    problems.push({
      path: `${volume.path}.disk`,
      found: `${volume.disk.node}/${volume.disk.name}, an SD card`,
      allowed: 'a disk of kind nvme, ssd, hdd or usb',
      todo: 'place the database elsewhere: a commit is a flush, and SD cards wear out under them',
    });
  const { engine } = volume.tier;
  if (!engineFacts[engine].forDatabases)
    problems.push({
      path: `${volume.path}.tier`,
      found: `${volume.tier.name}, a tier of the engine ${engine}`,
      allowed:
        engine === 'nfs'
          ? 'a tier on disks: over NFS a flush and a lock are promises of the network, and databases have been lost to both'
          : 'a tier that keeps its data',
      todo: 'choose a tier on disks, and let its dumps go to another node or to the server',
    });
  if (readPostgresImage(database.image) === undefined)
    problems.push({
      path: `${volume.path}.image`,
      found: database.image,
      allowed:
        'an official PostgreSQL image with its major version in the tag, such as postgres:16.14-alpine',
      todo: 'name the version: the layout of the volume and the user id follow from it',
    });
  if (!('skip' in database.dumps)) problems.push(...dumpProblems(database, database.dumps));
  return problems;
}

function dumpProblems(database: Database, dumps: DumpPlan): Problem[] {
  const { disk } = database.volume;
  const problems: Problem[] = [];
  if (dumps.keep < minimumDumpsKept)
    problems.push({
      path: `${database.volume.path}.dumps.keep`,
      found: String(dumps.keep),
      allowed: `${minimumDumpsKept} or more`,
      todo: `keep at least ${minimumDumpsKept}: with fewer, one bad night leaves nothing good`,
    });
  const isSafeDrive = dumps.disk.kind === 'usb' && dumps.disk.uuid !== undefined;
  const sameDisk = disk?.node === dumps.disk.node && disk.name === dumps.disk.name;
  if (disk?.node === dumps.disk.node && (sameDisk || !isSafeDrive))
    problems.push({
      path: `${database.volume.path}.dumps`,
      found: `dumps on ${dumps.disk.node}/${dumps.disk.name}, beside the database on ${disk.node}/${disk.name}`,
      allowed: 'another node, or an external drive: another disk of kind usb with its uuid given',
      todo: 'name another node under dumps, or `dumps: { skip: <reason> }` to go without',
    });
  return problems;
}
