/** `larder:tiers`: kinds of storage, each a StorageClass of its name. */
import { z } from 'zod';
import { name } from './atoms.ts';

const tierEngines = ['static', 'local-path', 'scratch'] as const;

const tierSchema = z.strictObject({
  /** Also the name of its StorageClass. */
  name,
  engine: z.enum(tierEngines),
  /** Claims without a class get this one. At most one tier. */
  default: z.boolean().default(false),
  /** Names of the disks that serve it. Default: every disk that is not an SD card. */
  disks: z.array(name).optional(),
  /** What becomes of the data of a deleted claim. Default: Retain, and Delete for scratch. */
  reclaim: z.enum(['Retain', 'Delete']).optional(),
});

export const tiersSchema = z.array(tierSchema).prefault([
  { name: 'local-ssd', engine: 'static' },
  { name: 'local', engine: 'local-path', default: true },
  { name: 'scratch', engine: 'scratch' },
]);

export type TierConfig = z.output<typeof tierSchema>;
