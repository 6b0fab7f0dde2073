/** Applications with their volumes: `larder:postgres`, `gitea`, `loki`, `homeAssistant`, `apps`. */
import { z } from 'zod';
import { environment, name, resources, schedule, size, text } from './atoms.ts';
import { dumpsSchema } from './backups.ts';
import { placement } from './volumes.ts';

const identifier = z
  .string()
  .regex(
    /^[a-z_][a-z0-9_]{0,62}$/,
    'a PostgreSQL name of lower case letters, digits and underscores',
  );

/** Objects are called `<kind>-<name>`. */
const shortName = name.max(26, 'a name of at most 26 characters');
const domain = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'a host name such as git.home.arpa');
const port = z.int().min(1, 'a port from 1 on').max(65_535, 'a port up to 65535');
const userId = z.int().min(1, 'a user id from 1 on: not root');

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
  resources: resources.prefault({}),
  dumps: dumpsSchema.prefault({}),
  ...placement,
});

/** Another Gitea or Forgejo that every repository is pushed to as well. */
const mirrorSchema = z.strictObject({
  url: z.string().regex(/^https?:\/\/[^\s/?#]+$/, 'an address such as https://git.example.org'),
  /** User or organisation there that the repositories go to. */
  owner: domain,
  /** Name under `larder:secrets`: a token of that user that may make repositories. */
  token: name,
  schedule: schedule.default('7 * * * *'),
  /** A mirror that was not pushed for so long fails the job. */
  maxAgeHours: z.int().min(9, 'nine hours or more: Gitea pushes every eight').default(24),
});

const giteaSchema = z.strictObject({
  name: shortName,
  size,
  /** Name under which people reach it. */
  domain,
  /** Where people reach it by HTTP. Default: `http://<domain>/`. */
  rootUrl: z.url('an address such as https://git.home.arpa/').optional(),
  /** Port in the clone addresses of SSH. */
  sshPort: port.default(2222),
  /** The first administrator, made when there is none. */
  admin: identifier.default('larder'),
  /** Name of an entry under `larder:postgres`, in the same namespace. */
  database: name,
  /** The entry that its records were moved from, when `database` names another than before. */
  movedFrom: name.optional(),
  mirror: mirrorSchema.optional(),
  /** Default: `larder:images.gitea`. */
  image: text.optional(),
  resources: resources.prefault({}),
  ...placement,
});

const lokiSchema = z.strictObject({
  name: shortName,
  size,
  /** Logs older than this are removed. */
  retentionDays: z.int().min(1, 'at least a day').default(30),
  /** Default: `larder:images.loki`. */
  image: text.optional(),
  resources: resources.prefault({}),
  ...placement,
});

const homeAssistantSchema = z.strictObject({
  name: shortName,
  size,
  timeZone: text.default('Etc/UTC'),
  /** The node's own network, in which devices are found by broadcasts. */
  hostNetwork: z.boolean().default(false),
  /** Default: `larder:images.homeAssistant`. */
  image: text.optional(),
  resources: resources.prefault({}),
  ...placement,
});

const path = z.string().regex(/^\/[^\s:]+$/, 'an absolute path such as /data');

const appSchema = z.strictObject({
  name,
  /** With its version. */
  image: text,
  command: z.array(text).optional(),
  args: z.array(text).optional(),
  env: environment.default({}),
  /** Environment variable → name under `larder:secrets`. */
  secretEnv: z.record(text, name).default({}),
  /** Entries of `larder:volumes`, all in one namespace. */
  volumes: z.array(z.strictObject({ volume: name, path })).default([]),
  /** Entries of `larder:datasets`; the current version is `<path>/current`. */
  datasets: z.array(z.strictObject({ dataset: name, path })).default([]),
  ports: z.array(z.strictObject({ name: name.max(15, 'at most 15 characters'), port })).default([]),
  /** Path on the first port that answers when it is well. Default: the port accepts. */
  healthPath: path.optional(),
  resources: resources.prefault({}),
  /** User that it runs as. Default: the image's own. */
  user: userId.optional(),
  /** More than one only when it writes no volume. */
  replicas: z.int().min(1, 'at least one').default(1),
  /** Default: the namespace of its volumes, else `apps`. */
  namespace: name.optional(),
});

const writerSchema = z.strictObject({
  /** With its version. It writes to the folder `$OUTPUT`; what it published last is `$PREVIOUS`. */
  image: text,
  command: z.array(text).optional(),
  args: z.array(text).optional(),
  env: environment.default({}),
  /** User that it runs as. */
  user: userId.default(1000),
  schedule: schedule.default('0 4 * * 0'),
  timeZone: text.default('Etc/UTC'),
  /** A run may take so long. */
  deadlineHours: z.int().min(1, 'at least an hour').default(12),
  resources: resources.prefault({}),
});

const datasetSchema = z.strictObject({
  name: shortName,
  size,
  writer: writerSchema,
  /** Older versions that stay though nobody reads them. */
  keep: z.int().min(0, 'none or more').default(1),
  ...placement,
});

/** Keys of this section, as they stand under `larder:`. */
export const applicationsShape = {
  postgres: z.array(postgresSchema).default([]),
  gitea: z.array(giteaSchema).default([]),
  loki: z.array(lokiSchema).default([]),
  homeAssistant: z.array(homeAssistantSchema).default([]),
  apps: z.array(appSchema).default([]),
  datasets: z.array(datasetSchema).default([]),
};

export type PostgresConfig = z.output<typeof postgresSchema>;
export type GiteaConfig = z.output<typeof giteaSchema>;
export type LokiConfig = z.output<typeof lokiSchema>;
export type HomeAssistantConfig = z.output<typeof homeAssistantSchema>;
export type AppConfig = z.output<typeof appSchema>;
export type DatasetConfig = z.output<typeof datasetSchema>;
