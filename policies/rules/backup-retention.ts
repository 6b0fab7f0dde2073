/** Retention rules by which the last good backup can vanish. */
import { isBackupJob } from '../model/backups.ts';
import { type DeclaredObject, isKind } from '../model/declared.ts';
import { at, fieldsAt, isFields, numberAt, textAt, UNKNOWN, type Value } from '../model/value.ts';
import type { Finding, ObjectRule } from '../rule.ts';

const goodCopiesMin = 3;
const hourMs = 3_600_000;

export const backupRetention: ObjectRule = {
  id: 'backup-retention',
  scope: 'object',
  description: 'A backup schedule keeps at least three good ones, whatever their age.',
  severity: 'high',
  level: 'mandatory',
  advises: true,
  why:
    'A job that fails silently for a week, and a retention of seven days by age alone, leave ' +
    'nothing on the eighth; with one or two copies a damaged one is all there is.',
  waysOut: [
    'Keep by number: 7 daily, 4 weekly, 3 monthly cost little where blocks are shared',
    'Keep by age and by number together, the number at least three',
    'Alert on the age of the newest good backup, and test a restore every week',
  ],
  good: 'restic retain: { daily: 7, weekly: 4, monthly: 3 }',
  bad: 'restic retain: { within: 7d }, Longhorn RecurringJob with retain: 1',
  check(object) {
    if (isKind(object, 'volsync.backube', 'ReplicationSource')) return volsync(object);
    if (isKind(object, 'k8up.io', 'Schedule')) return k8up(object);
    if (isBackupJob(object)) return longhorn(object);
    if (isKind(object, 'velero.io', 'Schedule')) return velero(object);
    return [];
  },
};

/** Counts of a restic-like retention, `daily: 7, weekly: 4`; `within` counts nothing. */
function keptBy(retain: Value | undefined): number {
  if (!isFields(retain)) return 0;
  return Object.entries(retain)
    .filter(([key]) => !/^(keep)?within/i.test(key) && !/tags?$/i.test(key))
    .reduce((sum, [key]) => sum + (numberAt(retain, key) ?? 0), 0);
}

function volsync(object: DeclaredObject): readonly Finding[] {
  return ['restic', 'kopia'].flatMap((mover) => {
    const part = fieldsAt(object.fields, 'spec', mover);
    const retain = at(part, 'retain');
    if (Object.keys(part).length === 0 || retain === UNKNOWN) return [];
    return counted(object, `spec.${mover}.retain`, keptBy(retain), retain === undefined);
  });
}

function k8up(object: DeclaredObject): readonly Finding[] {
  const retention = at(object.fields, 'spec', 'prune', 'retention');
  const prunes = at(object.fields, 'spec', 'prune') !== undefined;
  if (!prunes || retention === UNKNOWN) return [];
  return counted(object, 'spec.prune.retention', keptBy(retention), retention === undefined);
}

function longhorn(object: DeclaredObject): readonly Finding[] {
  const retain = at(object.fields, 'spec', 'retain');
  if (retain === UNKNOWN) return [];
  return counted(object, 'spec.retain', numberAt(retain) ?? 0, retain === undefined);
}

function counted(
  object: DeclaredObject,
  field: string,
  count: number,
  isAbsent: boolean,
): readonly Finding[] {
  if (count >= goodCopiesMin) return [];
  const found = isAbsent
    ? 'it is not set; the least that the tool keeps by itself is one'
    : `it keeps ${count === 0 ? 'none by number' : `${count} by number`}`;
  return [{ object, field, found, level: 'violation' }];
}

/** Velero knows only an age; then it must be several intervals long. */
function velero(object: DeclaredObject): readonly Finding[] {
  const ttl = textAt(object.fields, 'spec', 'template', 'ttl') ?? '720h';
  const found = /^(?:(\d+)h)?(?:(\d+)m)?/.exec(ttl);
  const ageMs = (Number(found?.[1] ?? 0) + Number(found?.[2] ?? 0) / 60) * hourMs;
  const field = 'spec.template.ttl';
  const isShort = ageMs < 7 * 24 * hourMs;
  return [
    {
      object,
      field,
      found: `${ttl}: Velero keeps by age alone`,
      waysOut: [
        'Make the age several times the interval (720h for a daily one) and alert on failures',
        'Keep a second schedule with a longer age',
        'Lock the bucket (Object Lock), so that expiry cannot remove the newest',
      ],
      level: isShort ? 'violation' : 'advice',
    },
  ];
}
