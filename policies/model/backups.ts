/**
 * What backs data up, in the forms that home clusters use: Longhorn recurring jobs, VolSync, k8up,
 * Velero, CloudNativePG, snapshots by schedule, and CronJobs that dump a database or mount a claim.
 */
import { type Claim, podVolume } from './claim.ts';
import { type DeclaredObject, isKind, mayShareNamespace } from './declared.ts';
import { dumpsOf } from './dumps.ts';
import { placementOfClaim } from './placement.ts';
import type { Database } from './usage.ts';
import { at, type Fields, isTrueAt, listAt, textAt, textsAt, unknownAt } from './value.ts';
import type { World } from './world.ts';

/** What of a backup system of the program covers the claim; undefined when nothing does. */
export function backupOf(
  world: World,
  claim: Claim,
  database: Database | undefined,
): DeclaredObject | undefined {
  return (
    world.objects.find((object) => coversClaim(world, object, claim)) ??
    mountingJob(world, claim) ??
    (database && dumpsOf(world).find((dump) => dump.serves(database))?.workload.object)
  );
}

/** What is known only after the update may cover it: the verdict falls then. */
function coversClaim(world: World, object: DeclaredObject, claim: Claim): boolean {
  const { fields } = object;
  switch (`${object.group}/${object.kind}`) {
    case 'longhorn.io/RecurringJob':
      return isBackupJob(object) && recurringJobCovers(world, object, claim);
    case 'volsync.backube/ReplicationSource':
      return mayShareNamespace(object, claim) && mayBe(fields, claim.name, 'spec', 'sourcePVC');
    case 'k8up.io/Schedule':
    case 'backup.appuio.ch/Schedule':
      return (
        mayShareNamespace(object, claim) &&
        at(fields, 'spec', 'backup') !== undefined &&
        claim.object.annotations.get('k8up.io/backup') !== 'false'
      );
    case 'velero.io/Schedule':
      return veleroCovers(object, claim);
    case 'postgresql.cnpg.io/ScheduledBackup':
      return (
        mayShareNamespace(object, claim) &&
        mayBe(fields, claim.object.name, 'spec', 'cluster', 'name')
      );
    default:
      return false;
  }
}

/** True when the text at the path is this one, or is not known yet. */
function mayBe(fields: Fields, text: string, ...path: readonly string[]): boolean {
  return unknownAt(fields, ...path) || textAt(fields, ...path) === text;
}

export function isBackupJob(object: DeclaredObject): boolean {
  const task = textAt(object.fields, 'spec', 'task') ?? '';
  return isKind(object, 'longhorn.io', 'RecurringJob') && task.startsWith('backup');
}

/** Longhorn: by labels of the claim, else by the group `default`, which takes all others. */
function recurringJobCovers(world: World, job: DeclaredObject, claim: Claim): boolean {
  const placement = placementOfClaim(world, claim);
  if (placement.provisioner !== 'driver.longhorn.io') return false;
  const groups = textsAt(job.fields, 'spec', 'groups');
  const selector = classSelector(world, placement.className);
  if (selector.some((item) => item.name === job.name || groups.includes(item.name))) return true;
  const labels = claim.object.labels;
  const own = [...labels.keys()].filter((key) =>
    /^recurring-job(-group)?\.longhorn\.io\//.test(key),
  );
  if (own.length === 0 && selector.length === 0) return groups.includes('default');
  return (
    labels.get(`recurring-job.longhorn.io/${job.name}`) === 'enabled' ||
    groups.some((group) => labels.get(`recurring-job-group.longhorn.io/${group}`) === 'enabled')
  );
}

function classSelector(
  world: World,
  className: string | undefined,
): readonly { readonly name: string }[] {
  const object = world.findClusterWide('storage.k8s.io', 'StorageClass', className ?? '');
  const text = textAt(object?.fields, 'parameters', 'recurringJobSelector') ?? '';
  return [...text.matchAll(/"name"\s*:\s*"([^"]+)"/g)].flatMap((match) =>
    match[1] === undefined ? [] : [{ name: match[1] }],
  );
}

function veleroCovers(object: DeclaredObject, claim: Claim): boolean {
  const template = at(object.fields, 'spec', 'template');
  const included = textsAt(template, 'includedNamespaces');
  const excluded = textsAt(template, 'excludedNamespaces');
  const isIncluded =
    included.length === 0 || included.includes('*') || included.includes(claim.namespace);
  const takesVolumes =
    textAt(template, 'snapshotVolumes') !== 'false' ||
    isTrueAt(template, 'defaultVolumesToFsBackup');
  return isIncluded && !excluded.includes(claim.namespace) && takesVolumes;
}

const copiers =
  /\b(restic|kopia|borg(matic)?|rclone|rsync|duplicity|duplicacy|tar|litestream|velero)\b/;

/** A CronJob that mounts the claim and copies, or that says by its name that it backs up. */
function mountingJob(world: World, claim: Claim): DeclaredObject | undefined {
  return world.workloads.find((workload) => {
    const { object } = workload;
    if (object.kind !== 'CronJob' || !mayShareNamespace(object, claim)) return false;
    const volumes = listAt(workload.pod, 'volumes').flatMap((item) => textAt(item, 'name') ?? []);
    const mounts = volumes.some(
      (volume) =>
        textAt(podVolume(workload, volume), 'persistentVolumeClaim', 'claimName') === claim.name,
    );
    const words = workload.containers.flatMap((item) => [
      ...item.words,
      textAt(item.fields, 'image') ?? '',
    ]);
    return mounts && (/backup/i.test(object.name) || copiers.test(words.join(' ')));
  })?.object;
}
