/**
 * `larder:tiers`: kinds of storage, each a StorageClass of its name (or none, for static volumes).
 *
 * What a tier may say depends on its engine. Engines that bring programs of their own (drivers,
 * daemons) are set up once for all their tiers, under `larder:engines` (engines.ts).
 */
import { z } from 'zod';
import { name, reason, text } from './atoms.ts';
import { diskKinds } from './inventory.ts';

const common = {
  /** Also the name of its StorageClass. */
  name,
  /** Claims without a class get this one. Exactly one tier of a stack. */
  default: z.boolean().default(false),
  /**
   * Volumes of this tier need a backup unless the tier says here, or the volume, why not.
   */
  backup: z.strictObject({ skip: reason }).optional(),
};

/** For tiers on the disks of the inventory. */
const onDisks = {
  /** Names of the disks that serve it. Default: every disk that is not an SD card. */
  disks: z.array(name).optional(),
  /** Kinds of disks that serve it; of those that `disks` names, or of all. */
  media: z.array(z.enum(diskKinds)).min(1, 'at least one kind of disk').optional(),
};

/** What becomes of the data of a deleted claim. Default: Retain, and Delete for scratch. */
const reclaim = z.enum(['Retain', 'Delete']).optional();

/** For engines that can place a volume before its first pod, and let it grow. */
const network = {
  reclaim,
  /** When a volume is made: at once, or with its first pod and where that pod can run. */
  binding: z.enum(['Immediate', 'WaitForFirstConsumer']).optional(),
  /** Whether claims may grow. */
  expand: z.boolean().default(true),
};

const copies = (most: number) => z.int().min(1, 'at least one copy').max(most, `at most ${most}`);
/** What two copies may not share. Default: the node. */
const spread = z.enum(['node', 'circuit', 'switch', 'shelf', 'site']).default('node');
const fileSystem = z.enum(['ext4', 'xfs']).default('ext4');

/** Each volume is placed by the stack file, on one disk. */
const staticTier = z.strictObject({
  engine: z.literal('static'),
  ...common,
  ...onDisks,
  reclaim: z.literal('Retain').optional(),
  /** `local`: pinned by the volume itself; `hostPath`: the older kind, pinned the same way here. */
  source: z.enum(['local', 'hostPath']).default('local'),
  /**
   * Without a StorageClass object, claims find their volume by name all the same, and cannot grow.
   */
  class: z.boolean().default(true),
});

const localPathTier = z.strictObject({
  engine: z.literal('local-path'),
  ...common,
  ...onDisks,
  reclaim,
  /** `larder`: our own provisioner, on the disks named here; `k3s`: the one that k3s brings. */
  provisioner: z.enum(['larder', 'k3s']).default('larder'),
});

const openebsTier = z.strictObject({
  engine: z.literal('openebs-hostpath'),
  ...common,
  ...onDisks,
  reclaim,
  /** Folder on every node for its volumes. Default: where its disks are mounted. */
  path: text.optional(),
});

const nfsTier = z.strictObject({
  engine: z.literal('nfs'),
  ...common,
  ...network,
  /** Address of the server. */
  server: text,
  /** Exported folder; with `truenas` it follows from pool and dataset. */
  share: z.string().regex(/^\//, 'an absolute path such as /mnt/tank/k8s').optional(),
  /** Folder of a volume under the share. */
  folder: text.default('${pvc.metadata.namespace}/${pvc.metadata.name}'),
  /** How nodes mount it. `hard`: a server that is away stalls, it never loses a write. */
  mountOptions: z.array(text).default(['nfsvers=4.2', 'hard', 'noatime']),
  /** With reclaim Delete: rename the folder of a deleted volume, or delete it. */
  onDelete: z.enum(['archive', 'delete']).default('archive'),
  /** A TrueNAS server: the datasets to make there are told in the outputs. */
  truenas: z.strictObject({ pool: text, dataset: text.default('k8s') }).optional(),
});

const longhornTier = z.strictObject({
  engine: z.literal('longhorn'),
  ...common,
  ...onDisks,
  ...network,
  copies: copies(20).default(2),
  spread,
  /** Whether a copy stays on the node of the pod. */
  dataLocality: z.enum(['disabled', 'best-effort', 'strict-local']).default('disabled'),
  /** Minutes after which a copy that failed is given up. */
  staleReplicaTimeout: z.int().min(1, 'at least a minute').default(30),
  fileSystem,
});

const rookTier = z.strictObject({
  engine: z.literal('rook-ceph'),
  ...common,
  ...network,
  copies: copies(5).default(3),
  /** Names of the raw devices that Ceph takes over. Default: every device of the inventory. */
  devices: z.array(name).optional(),
});

const mayastorTier = z.strictObject({
  engine: z.literal('mayastor'),
  ...common,
  ...network,
  copies: copies(5).default(2),
  /** Names of the raw devices that it takes over. Default: every device of the inventory. */
  devices: z.array(name).optional(),
  fileSystem,
});

const topolvmTier = z.strictObject({
  engine: z.literal('topolvm'),
  ...common,
  reclaim,
  expand: z.boolean().default(true),
  /** LVM volume group, made by you, of the same name on every node that serves the tier. */
  volumeGroup: z.string().regex(/^[A-Za-z0-9+_.][A-Za-z0-9+_.-]*$/, 'the name of a volume group'),
  /** Nodes that have it. Default: every node with a device. */
  nodes: z.array(text).optional(),
  /** GB of the group that are left free. */
  spareGb: z.int().min(0, 'no less than nothing').default(10),
  fileSystem,
});

const scratchTier = z.strictObject({
  engine: z.literal('scratch'),
  ...common,
  ...onDisks,
  reclaim: z.literal('Delete').optional(),
});

/** Larder's own replicated volumes. */
const larderTier = z.strictObject({
  engine: z.literal('larder'),
  ...common,
  ...onDisks,
  ...network,
  copies: copies(3).default(2),
  spread,
  fileSystem,
});

const tierSchema = z.discriminatedUnion('engine', [
  staticTier,
  localPathTier,
  openebsTier,
  nfsTier,
  longhornTier,
  rookTier,
  mayastorTier,
  topolvmTier,
  scratchTier,
  larderTier,
]);

export const tiersSchema = z.array(tierSchema).prefault([
  { name: 'local-ssd', engine: 'static' },
  { name: 'local', engine: 'local-path', default: true },
  { name: 'scratch', engine: 'scratch' },
]);

export type TierConfig = z.output<typeof tierSchema>;
export type TierEngine = TierConfig['engine'];
