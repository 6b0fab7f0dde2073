/**
 * The stack file, as zod sees it: every key that may stand under `larder:` in Pulumi.<stack>.yaml,
 * its type, its default and what it means. This schema is the truth; docs/configuration.md
 * describes it and a test holds the two together.
 *
 * One file a section in schema/. Only shapes are checked there: what must agree between keys is the
 * work of resolve/ and of components/rules. How a section is made: docs/sections.md.
 */
import { z } from 'zod';
import { applicationsShape } from './schema/applications.ts';
import { backupsShape } from './schema/backups.ts';
import { clusterSchema, imagesSchema } from './schema/cluster.ts';
import { enginesShape } from './schema/engines.ts';
import { nodesSchema } from './schema/inventory.ts';
import { monitoringShape } from './schema/monitoring.ts';
import { tiersSchema } from './schema/tiers.ts';
import { tuningShape } from './schema/tuning.ts';
import { volumesSchema } from './schema/volumes.ts';

export const stackSchema = z.strictObject({
  cluster: clusterSchema,
  nodes: nodesSchema,
  ...tuningShape,
  tiers: tiersSchema,
  ...enginesShape,
  volumes: volumesSchema,
  ...applicationsShape,
  ...backupsShape,
  ...monitoringShape,
  images: imagesSchema.prefault({}),
});

export type StackConfig = z.output<typeof stackSchema>;
