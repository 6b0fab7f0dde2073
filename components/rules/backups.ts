/**
 * What must hold for volumes and their backups: what a job could not read, a target that would die
 * with what it holds, a restore that has nothing to restore from.
 */
import type { Applications } from '../config/shelf/applications.ts';
import type { Target } from '../config/shelf/backups.ts';
import type { Volume } from '../config/shelf/volumes.ts';
import type { Problem } from './problem.ts';

export function backupProblems(volumes: readonly Volume[], applications: Applications): Problem[] {
  const ofDatabases = new Set(applications.databases.map(({ volume }) => volume));
  return volumes.flatMap((volume) => [
    ...reclaimProblems(volume),
    ...adoptProblems(volume),
    ...('target' in volume.backup && !ofDatabases.has(volume)
      ? targetProblems(volume, volume.backup.target)
      : []),
    ...(volume.restore === undefined || ofDatabases.has(volume) ? [] : restoreProblems(volume)),
    ...(volume.restore === undefined || !ofDatabases.has(volume)
      ? []
      : databaseRestoreProblems(volume, applications)),
  ]);
}

/** The class decides; a volume says what it expects and is told when that is not so. */
function reclaimProblems({ wantedReclaim, tier, path }: Volume): Problem[] {
  if (wantedReclaim === undefined || wantedReclaim === tier.reclaim) return [];
  return [
    {
      path: `${path}.reclaim`,
      found: `${wantedReclaim}, on the tier ${tier.name} whose policy is ${tier.reclaim}`,
      allowed: tier.reclaim,
      todo: `choose a tier with reclaim ${wantedReclaim}, or declare one under larder:tiers`,
    },
  ];
}

/** Only a folder that the stack file places can be named. */
function adoptProblems({ adopt, disk, tier, path }: Volume): Problem[] {
  if (adopt === undefined || disk !== undefined || tier.engine === 'nfs') return [];
  return [
    {
      path: `${path}.adopt`,
      found: `${adopt}, on the tier ${tier.name}, which places its volumes itself`,
      allowed: 'a static tier, with `node:` and `disk:`, or an nfs tier',
      todo: 'choose a static tier, or copy the data into a new volume',
    },
  ];
}

function targetProblems(volume: Volume, target: Target): Problem[] {
  const problems: Problem[] = [];
  if (volume.accessMode === 'ReadWriteOncePod')
    problems.push({
      path: `${volume.path}.backup`,
      found: 'a backup of a volume that one pod alone may mount (ReadWriteOncePod)',
      allowed: 'ReadWriteOnce, or `backup: { skip: <reason> }`',
      todo: 'choose ReadWriteOnce before the volume exists; the job that backs up mounts it too',
    });
  const { disk } = target;
  if (disk !== undefined && disk === volume.disk)
    problems.push({
      path: `${volume.path}.backup`,
      found: `backups on ${disk.node}/${disk.name}, the disk of the volume itself`,
      allowed: 'another disk, best of another node',
      todo: 'name another target under `backup:`, or `backup: { skip: <reason> }`',
    });
  else if (
    disk !== undefined &&
    disk.node === volume.disk?.node &&
    !(disk.kind === 'usb' && disk.uuid !== undefined)
  )
    problems.push({
      path: `${volume.path}.backup`,
      found: `backups on ${disk.node}/${disk.name}, inside the node of the volume`,
      allowed: 'another node, or an external drive: a disk of kind usb with its uuid given',
      todo: 'name another target under `backup:`, or `backup: { skip: <reason> }`',
    });
  return problems;
}

function restoreProblems({ backup, restore, path }: Volume): Problem[] {
  if ('target' in backup && restore !== undefined && !restore.endsWith('Z')) return [];
  return [
    {
      path: `${path}.restore`,
      found:
        'target' in backup
          ? `${restore}, the time of a dump`
          : `${restore}, and no backup: ${backup.skip}`,
      allowed: 'latest or the id of a backup, and a target that holds it',
      todo: 'name the target under `backup: { target: … }`, or remove `restore:`',
    },
  ];
}

/** A database comes back from its dumps. */
function databaseRestoreProblems(volume: Volume, { databases }: Applications): Problem[] {
  const database = databases.find((each) => each.volume === volume);
  const isDump = volume.restore === 'latest' || volume.restore?.endsWith('Z') === true;
  if (database !== undefined && !('skip' in database.dumps) && isDump) return [];
  return [
    {
      path: `${volume.path}.restore`,
      found: isDump ? `${volume.restore}, and no dumps` : `${volume.restore}, no time of a dump`,
      allowed: 'latest, or the time of a dump such as 20261121T031500Z, where dumps are made',
      todo: 'name the disk that holds the dumps under `dumps:`, or remove `restore:`',
    },
  ];
}
