/**
 * `larder:backup`: where and when databases are dumped. `larder:backupTargets`: places off the
 * cluster. `larder:backupSchedule`: what goes there when. `larder:secrets`: what may not be read.
 */
import { z } from 'zod';
import { name, reason, schedule, text } from './atoms.ts';

const dumpPlace = {
  /** Node that keeps the dumps. Default: the first other node that has a disk. */
  node: text.optional(),
  /** Disk of that node. Default: its first one that is not an SD card. */
  disk: name.optional(),
};

/** Verified dumps kept; the newest ones, never judged by age. */
const keep = z.int();

export const dumpsSchema = z.strictObject({
  ...dumpPlace,
  /** Cron expression of five fields. */
  schedule: schedule.optional(),
  /** Name from the time zone database. */
  timeZone: text.optional(),
  keep: keep.optional(),
  /** No dumps of this database, and why. */
  skip: reason.optional(),
});

const backupSchema = z.strictObject({
  ...dumpPlace,
  schedule: schedule.default('15 3 * * *'),
  timeZone: text.default('Etc/UTC'),
  keep: keep.default(7),
});

const target = {
  name: name.max(26, 'a name of at most 26 characters'),
  /** Name under `larder:secrets`: what the backups are encrypted with. Keep it outside as well. */
  password: name,
  /** Whether it is in another house: fire, theft and lightning reach it not. */
  offSite: z.boolean().default(false),
  /** Whether nobody can delete from it for a time (Object Lock), also not with its keys. */
  immutable: z.boolean().default(false),
};

const targetSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('s3'),
    ...target,
    endpoint: z
      .string()
      .regex(/^https?:\/\/[A-Za-z0-9.-]+(?::\d+)?$/, 'an address such as https://s3.example.org'),
    bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket'),
    region: text.default('us-east-1'),
    /** Names under `larder:secrets`. */
    accessKey: name,
    secretKey: name,
  }),
  z.strictObject({
    kind: z.literal('nfs'),
    ...target,
    server: text,
    /** Exported folder. */
    path: z.string().regex(/^\//, 'an absolute path such as /export/backups'),
  }),
  z.strictObject({
    kind: z.literal('drive'),
    ...target,
    /** A disk of the inventory, best an external drive with its `uuid`. */
    node: text,
    disk: name,
  }),
]);

const keepSchema = z.strictObject({
  last: z.int().min(3, 'three or more: with fewer, one bad night leaves nothing good').default(3),
  daily: z.int().min(0, 'none or more').default(7),
  weekly: z.int().min(0, 'none or more').default(4),
  monthly: z.int().min(0, 'none or more').default(3),
});

const scheduleSchema = z.strictObject({
  /** Name of the target. Default: the first one. */
  target: name.optional(),
  /** After the dumps of the night, so that it takes them along. */
  schedule: schedule.default('45 3 * * *'),
  timeZone: text.default('Etc/UTC'),
  keep: keepSchema.prefault({}),
  /** When a restore is tried. */
  drill: schedule.default('30 5 * * 0'),
  /** The cluster's own datastore and token, of every node with the role `server`. */
  k3s: z.strictObject({ datastore: z.enum(['sqlite', 'etcd']) }).optional(),
  /** Tier for the scratch folder of a drill. Default: the node's own disk. */
  scratch: name.optional(),
});

const snapshotsSchema = z.strictObject({
  schedule: schedule.default('0 */6 * * *'),
  timeZone: text.default('Etc/UTC'),
  /** Ready ones of each volume that stay. */
  keep: z.int().min(3, 'three or more: with fewer, one bad day leaves nothing good').default(8),
});

/** Keys of this section, as they stand under `larder:`. */
export const backupsShape = {
  /** Of volumes on tiers whose engine can; Longhorn has jobs of its own. */
  snapshots: snapshotsSchema.prefault({}),
  /** For databases that do not say otherwise. */
  backup: backupSchema.prefault({}),
  backupTargets: z.array(targetSchema).default([]),
  backupSchedule: scheduleSchema.prefault({}),
  /** Name → value; written by `pulumi config set --secret`. */
  secrets: z.record(name, text).default({}),
};

export type TargetConfig = z.output<typeof targetSchema>;
export type SnapshotsConfig = z.output<typeof snapshotsSchema>;
export type BackupScheduleConfig = z.output<typeof scheduleSchema>;
