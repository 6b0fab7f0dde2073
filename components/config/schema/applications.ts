/** Applications with their volumes: `larder:postgres`. */
import { z } from 'zod';
import { name, quantity, size, text } from './atoms.ts';
import { dumpsSchema } from './backups.ts';
import { placement } from './volumes.ts';

const resourcesSchema = z.strictObject({
  cpu: quantity.default('100m'),
  memory: quantity.default('256Mi'),
  memoryLimit: quantity.default('1Gi'),
});

const identifier = z
  .string()
  .regex(
    /^[a-z_][a-z0-9_]{0,62}$/,
    'a PostgreSQL name of lower case letters, digits and underscores',
  );

const postgresSchema = z.strictObject({
  /** Also the name of the Service; its volume is `postgres-<name>`. */
  name: name.max(30, 'a name of at most 30 characters'),
  size,
  /** First database, made at the very first start. */
  database: identifier.default('app'),
  /** Its owner, a superuser. */
  user: identifier.default('app'),
  /** Default: `larder:images.postgres`. */
  image: text.optional(),
  resources: resourcesSchema.prefault({}),
  dumps: dumpsSchema.prefault({}),
  ...placement,
});

/** Keys of this section, as they stand under `larder:`. */
export const applicationsShape = {
  postgres: z.array(postgresSchema).default([]),
};

export type PostgresConfig = z.output<typeof postgresSchema>;
