/** `larder:volumes`: volumes for applications of one's own, and what every volume may say. */
import { z } from 'zod';
import { accessModes, labelKey, labelValue, name, reason, size, text } from './atoms.ts';

/** Its backup off the cluster. Default: to the target of `larder:backupSchedule`. */
const backupSchema = z.strictObject({
  /** Name of another target. */
  target: name.optional(),
  /** No backup of this volume, and why. */
  skip: reason.optional(),
});

/**
 * Where a volume lives and what is done for it; the same words for volumes and for the volumes of
 * applications.
 */
export const placement = {
  /** Default: the first static tier. */
  tier: name.optional(),
  /** Needed on a static tier that several nodes serve: the data live there. */
  node: text.optional(),
  /** Needed when several disks of the node serve the tier. */
  disk: name.optional(),
  /** Namespace of the claim; it is created, protected and kept. */
  namespace: name.default('apps'),
  /**
   * Lets go of the volume: after one update its entry may be removed; the data stay on the disk.
   */
  retire: z.boolean().default(false),
  /** What becomes of the data when the claim is deleted: said here, and held against the tier. */
  reclaim: z.enum(['Retain', 'Delete']).optional(),
  /**
   * Folder on the disk, from its root, that holds the data already; it becomes the volume as it is.
   */
  adopt: z
    .string()
    .regex(/^[A-Za-z0-9._@-]+(?:\/[A-Za-z0-9._@-]+)*$/, 'a plain path from the root of the disk')
    .refine((path) => !/(?:^|\/)\.{1,2}(?:\/|$)/.test(path), 'a path without . and ..')
    .optional(),
  /** Fills the volume when it is new: `latest` good backup, or the id of one. */
  restore: z
    .string()
    .regex(
      /^(?:none|latest|[0-9a-f]{8,64}|\d{8}T\d{6}Z)$/,
      'none, latest, the id of a backup or the time of a dump (20261121T031500Z)',
    )
    .default('none'),
  backup: backupSchema.prefault({}),
  /** `skip`: no snapshots of this volume, and why. */
  snapshots: z.strictObject({ skip: reason.optional() }).prefault({}),
  /** Labels of the claim, for its owner. */
  labels: z.record(labelKey, labelValue).default({}),
};

const volumeSchema = z.strictObject({
  /** Also the name of the claim. */
  name,
  size,
  accessMode: z.enum(accessModes).default('ReadWriteOnce'),
  ...placement,
});

export const volumesSchema = z.array(volumeSchema).default([]);

export type VolumeConfig = z.output<typeof volumeSchema>;
export type AccessMode = VolumeConfig['accessMode'];
