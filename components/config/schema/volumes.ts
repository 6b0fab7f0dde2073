/** `larder:volumes`: volumes for applications of one's own, and what every volume may say. */
import { z } from 'zod';
import { accessModes, name, size, text } from './atoms.ts';

/** Where a volume lives; the same words for volumes and for the volumes of applications. */
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
