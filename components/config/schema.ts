/**
 * The stack file, as zod sees it: every key that may stand under `larder:` in Pulumi.<stack>.yaml,
 * its type, its default and what it means. This schema is the truth; docs/configuration.md
 * describes it and a test holds the two together.
 *
 * Only shapes are checked here. What must agree between keys is the work of components/rules.
 */
import { z } from 'zod';
import { defaultImages } from './images.ts';
import { parseSize, sizeGrammar } from './quantity.ts';

const diskKinds = ['nvme', 'ssd', 'hdd', 'usb', 'sd'] as const;
const tierEngines = ['static', 'local-path', 'scratch'] as const;
const accessModes = ['ReadWriteOnce', 'ReadWriteOncePod', 'ReadWriteMany', 'ReadOnlyMany'] as const;

/**
 * Kubernetes names: RFC 1123 labels, short enough that `larder-<name>-…` still fits 63 characters.
 */
const name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/,
    'a name of lower case letters, digits and dashes, at most 40, first and last no dash',
  );

const size = z.string().transform((text, context) => {
  const sizeBytes = parseSize(text);
  if (sizeBytes !== undefined) return sizeBytes;
  context.issues.push({ code: 'custom', message: sizeGrammar, input: text });
  return z.NEVER;
});

const text = z.string().min(1, 'a text that is not empty');
const quantity = z.union([z.string().regex(/^\d/), z.number()]).transform(String);

const labelKey = z
  .string()
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
    'a label key such as storage or example.org/storage',
  );
const labelValue = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(String)
  .pipe(
    z
      .string()
      .regex(
        /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/,
        'a label value of letters, digits, dots, dashes and underscores, at most 63',
      ),
  );

const clusterSchema = z.strictObject({
  /** Name of the kubeconfig context. Required: the ambient one may be another cluster. */
  context: text,
  /**
   * File, absolute or from the project's folder, `~` allowed. Default: $KUBECONFIG, else
   * ~/.kube/config.
   */
  kubeconfig: text.optional(),
  /** Take over objects that are already there, for one update after the state was lost. */
  adopt: z.boolean().default(false),
});

const diskSchema = z.strictObject({
  /** Where the disk is mounted on the node. */
  mount: text,
  /** Default: the last part of the mount path. */
  name: name.optional(),
  kind: z.enum(diskKinds).default('ssd'),
  /** UUID of the file system (`blkid`): from then on a foreign disk at this path is refused. */
  uuid: z
    .string()
    .regex(/^[A-Za-z0-9-]{4,64}$/, 'a file-system UUID as `blkid` prints it')
    .optional(),
  /** Capacity of the file system; enables the check against over-commitment. */
  capacity: size.optional(),
});

const nodeSchema = z.strictObject({
  /** The name Kubernetes knows the node by (`kubectl get nodes`). */
  name: z
    .string()
    .regex(
      /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
      'a node name: lower case letters, digits, dots and dashes',
    ),
  labels: z.record(labelKey, labelValue).default({}),
  disks: z.array(diskSchema).default([]),
});

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

const placement = {
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

const dumpPlace = {
  /** Node that keeps the dumps. Default: the first other node that has a disk. */
  node: text.optional(),
  /** Disk of that node. Default: its first one that is not an SD card. */
  disk: name.optional(),
};
const dumpTiming = {
  /** Cron expression of five fields. */
  schedule: z
    .string()
    .regex(/^\S+( \S+){4}$/, 'a cron expression of five fields, for example "15 3 * * *"'),
  /** Name from the time zone database. */
  timeZone: text,
  /** Verified dumps kept; the newest ones, never judged by age. */
  keep: z.int(),
};

/** Where and when databases are dumped, unless a database says otherwise. */
const backupSchema = z.strictObject({
  ...dumpPlace,
  schedule: dumpTiming.schedule.default('15 3 * * *'),
  timeZone: dumpTiming.timeZone.default('Etc/UTC'),
  keep: dumpTiming.keep.default(7),
});

const dumpsSchema = z.strictObject({
  ...dumpPlace,
  schedule: dumpTiming.schedule.optional(),
  timeZone: dumpTiming.timeZone.optional(),
  keep: dumpTiming.keep.optional(),
  /** No dumps of this database, and why. */
  skip: z.string().min(10, 'a reason of at least ten letters').optional(),
});

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

const imagesSchema = z.strictObject({
  postgres: text.default(defaultImages.postgres),
  tools: text.default(defaultImages.tools),
  localPathProvisioner: text.default(defaultImages.localPathProvisioner),
});

export const stackSchema = z.strictObject({
  cluster: clusterSchema,
  nodes: z.array(nodeSchema).min(1, 'at least one node'),
  tiers: z.array(tierSchema).prefault([
    { name: 'local-ssd', engine: 'static' },
    { name: 'local', engine: 'local-path', default: true },
    { name: 'scratch', engine: 'scratch' },
  ]),
  volumes: z.array(volumeSchema).default([]),
  postgres: z.array(postgresSchema).default([]),
  backup: backupSchema.prefault({}),
  images: imagesSchema.prefault({}),
});

export type StackConfig = z.output<typeof stackSchema>;
export type NodeConfig = StackConfig['nodes'][number];
export type TierConfig = StackConfig['tiers'][number];
export type VolumeConfig = StackConfig['volumes'][number];
export type PostgresConfig = StackConfig['postgres'][number];
export type DiskKind = (typeof diskKinds)[number];
export type AccessMode = (typeof accessModes)[number];
