/**
 * The arithmetic of backups, volume by volume: 3 copies on 2 kinds of media, 1 of them in another
 * house, 1 that nobody can delete, 0 errors in the last restore. Copies of a tier on other nodes
 * are one copy: a deleted row is deleted on all of them.
 */
import type { Applications, Database } from '../config/shelf/applications.ts';
import type { Backups, Target } from '../config/shelf/backups.ts';
import type { Volume } from '../config/shelf/volumes.ts';
import { reachDays } from './retention.ts';

interface Copy {
  /** For people: `the volume`, `dumps on kube02:/mnt/nvme`. */
  readonly what: string;
  /** What would fail together with it: `disks in the cluster`, `s3`. */
  readonly medium: string;
  readonly isOffSite: boolean;
  readonly isImmutable: boolean;
}

export interface Coverage {
  readonly copies: readonly Copy[];
  /** At most this much of the newest work is lost, when no run fails. */
  readonly recoveryPointHours: number | undefined;
  /** How far back one can go, in days. */
  readonly reachDays: number | undefined;
  /** Why there is no copy off the cluster. */
  readonly notCovered: string | undefined;
}

const dayHours = 24;

export function coverageOf(
  volume: Volume,
  { databases }: Pick<Applications, 'databases'>,
  { backupSchedule }: Pick<Backups, 'backupSchedule'>,
): Coverage {
  const database = databases.find((each) => each.volume === volume);
  const dumps = database === undefined || 'skip' in database.dumps ? undefined : database.dumps;
  const target = 'target' in volume.backup ? volume.backup.target : undefined;
  // What goes off the cluster of a database are its dumps.
  const leaves = target !== undefined && (database === undefined || dumps !== undefined);
  const reach = [
    ...(dumps === undefined ? [] : [dumps.keep - 1]),
    ...(leaves ? [reachDays(backupSchedule.keep, 1)] : []),
  ];
  return {
    copies: [
      { what: 'the volume', ...inCluster },
      ...(dumps === undefined
        ? []
        : [{ what: `dumps on ${dumps.disk.node}:${dumps.disk.mountPath}`, ...inCluster }]),
      ...(leaves ? [copyOf(target)] : []),
    ],
    recoveryPointHours: reach.length === 0 ? undefined : dayHours,
    reachDays: reach.length === 0 ? undefined : Math.max(...reach),
    notCovered: notCovered(volume, database, leaves),
  };
}

const inCluster = { medium: 'disks in the cluster', isOffSite: false, isImmutable: false };

function copyOf({ name, config, disk }: Target): Copy {
  const isExternal = disk?.kind === 'usb' && disk.uuid !== undefined;
  const medium = {
    s3: 's3',
    nfs: `file server ${config.kind === 'nfs' ? config.server : ''}`,
    drive: isExternal ? 'external drive' : inCluster.medium,
  }[config.kind];
  return {
    what: `backups on ${name}`,
    medium,
    isOffSite: config.offSite,
    isImmutable: config.immutable,
  };
}

function notCovered(
  volume: Volume,
  database: Database | undefined,
  leaves: boolean,
): string | undefined {
  if (leaves) return undefined;
  if ('skip' in volume.backup) return volume.backup.skip;
  if (database !== undefined && 'skip' in database.dumps) return `no dumps: ${database.dumps.skip}`;
  return 'unknown';
}

/** `2 copies of 3, 2 media of 2, 1 off-site of 1, 0 immutable of 1; a restore is tried weekly` */
export function describeCoverage(coverage: Coverage): string {
  const { copies } = coverage;
  const media = new Set(copies.map(({ medium }) => medium)).size;
  const offSite = copies.filter(({ isOffSite }) => isOffSite).length;
  const immutable = copies.filter(({ isImmutable }) => isImmutable).length;
  const sums = `${copies.length} of 3 copies, ${media} of 2 media, ${offSite} of 1 off-site, ${immutable} of 1 immutable`;
  if (coverage.recoveryPointHours === undefined)
    return `${sums}; no backup: ${coverage.notCovered ?? ''}`;
  const drilled = coverage.notCovered === undefined ? 'restores are tried' : 'no restore is tried';
  const loss = `at most ${coverage.recoveryPointHours} h of work lost, ${coverage.reachDays ?? 0} days back`;
  const left =
    coverage.notCovered === undefined ? '' : `; not off the cluster: ${coverage.notCovered}`;
  return `${sums}; ${loss}, ${drilled}${left} (${copies.map(({ what }) => what).join(', ')})`;
}
