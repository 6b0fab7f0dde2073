/** `larder:tuning`: settings of nodes that storage profits from, set, verified and taken back. */
import { z } from 'zod';
import { name, text } from './atoms.ts';
import { diskKinds } from './inventory.ts';

const value = z.union([z.string(), z.number()]).transform(String);

const tuningSchema = z.strictObject({
  name: name.max(30, 'a name of at most 30 characters'),
  /** Names of nodes. Default: all. */
  nodes: z.array(text).min(1, 'at least one node').optional(),
  /** Kernel settings, by their dotted names. Only those whose effect on storage is known. */
  sysctls: z.record(z.string(), value).default({}),
  /** For the disks of the inventory on these nodes. */
  disks: z
    .strictObject({
      /** Kinds of disks that it is for. Default: all. */
      kinds: z.array(z.enum(diskKinds)).min(1, 'at least one kind of disk').optional(),
      scheduler: z.enum(['none', 'mq-deadline', 'kyber', 'bfq']).optional(),
      /** KiB that are read ahead of a sequential reader. */
      readAheadKiB: z.int().min(0, 'no less than nothing').max(16_384, 'at most 16384').optional(),
    })
    .optional(),
  /** Options of kernel modules, for the next time that they are loaded: module → option → value. */
  modules: z.record(z.string(), z.record(z.string(), value)).default({}),
});

/** Keys of this section, as they stand under `larder:`. */
export const tuningShape = { tuning: z.array(tuningSchema).default([]) };

export type TuningConfig = z.output<typeof tuningSchema>;
