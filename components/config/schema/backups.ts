/** `larder:backup`: where and when databases are dumped, and what a database may say itself. */
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

/** Keys of this section, as they stand under `larder:`. */
export const backupsShape = {
  /** For databases that do not say otherwise. */
  backup: backupSchema.prefault({}),
};
