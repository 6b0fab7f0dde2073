/** `larder:engines`: what is set up once for all tiers of an engine. Used when a tier needs it. */
import { z } from 'zod';
import { name, schedule, size, text } from './atoms.ts';

const setup = {
  /** Whether the driver is set up here; false when something else of yours does it. */
  install: z.boolean().default(true),
  /**
   * Lets go of the engine: after one update its last tier may be removed; what it set up stays in
   * the cluster until it is removed by hand.
   */
  retire: z.boolean().default(false),
};

const recurringJobSchema = z.strictObject({
  name,
  task: z.enum(['snapshot', 'snapshot-cleanup', 'backup', 'filesystem-trim']),
  schedule,
  /** Snapshots or backups kept; Longhorn counts, it knows no ages. */
  retain: z.int().min(1, 'at least one').max(250, 'at most 250').default(7),
  /** Volumes worked on at a time. */
  concurrency: z.int().min(1, 'at least one').default(1),
  /** Volumes it is for; `default`: all that say nothing else. */
  groups: z.array(name).default(['default']),
});

const longhornSchema = z.strictObject({
  ...setup,
  version: z.enum(['1.10.1', '1.12.1']).default('1.12.1'),
  /**
   * Longhorn's own settings, as its chart calls them. Only keys that the chosen version knows: the
   * chart would silently ignore others.
   */
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  /** Left free on each disk. */
  reserved: size.prefault('5Gi'),
  /** Where its backups go. */
  backupTarget: z
    .strictObject({
      url: z
        .string()
        .regex(
          /^(?:s3:\/\/[^@/]+@[^/]+\/|nfs:\/\/[^/]+:?\/)/,
          's3://bucket@region/ or nfs://server:/folder',
        ),
      /** Secret in longhorn-system with the credentials, made by you; none for NFS. */
      secret: name.optional(),
    })
    .optional(),
  jobs: z.array(recurringJobSchema).prefault([
    { name: 'snapshots', task: 'snapshot', schedule: '0 */6 * * *', retain: 8 },
    { name: 'trim', task: 'filesystem-trim', schedule: '30 2 * * 0', retain: 1 },
  ]),
});

/** Keys of this section, as they stand under `larder:`. */
export const enginesShape = {
  engines: z
    .strictObject({
      longhorn: longhornSchema.prefault({}),
      /** csi-driver-nfs. */
      nfs: z.strictObject({ ...setup, version: text.default('4.13.4') }).prefault({}),
      /** OpenEBS LocalPV. */
      openebs: z.strictObject({ ...setup, version: text.default('4.5.1') }).prefault({}),
      rookCeph: z
        .strictObject({
          ...setup,
          version: text.default('v1.18.8'),
          /** Of the Ceph daemons; a digest may be added. */
          image: text.default('quay.io/ceph/ceph:v19.2.3'),
        })
        .prefault({}),
      mayastor: z.strictObject({ ...setup, version: text.default('2.10.0') }).prefault({}),
      /** Larder's own data plane. */
      larder: z
        .strictObject({
          /** Lets go of the data plane: its last tier may then be removed. */
          retire: z.boolean().default(false),
          /**
           * Disks, as `node/disk`, that may leave the inventory or change their place: their copies
           * have been made elsewhere.
           */
          leaving: z
            .array(z.string().regex(/^[^/]+\/[^/]+$/, 'node/disk, for example kube03/nvme'))
            .default([]),
          /**
           * Snapshots of its volumes, by this program and by hand. The cluster has to know the
           * kinds of snapshots: see `snapshotController`.
           */
          snapshots: z.boolean().default(false),
          /**
           * Minutes after which a copy that is away is made on another node. Reboots, repairs and
           * drained nodes should be back by then: a rebuild writes the whole volume.
           */
          repairAfterMinutes: z
            .number()
            .min(1, 'at least one: a reboot is no loss')
            .max(7 * 24 * 60, 'at most a week: until then one copy fewer is all there is')
            .default(30),
        })
        .prefault({}),
      topolvm: z.strictObject({ ...setup, version: text.default('15.6.1') }).prefault({}),
      /** The kinds of snapshots and their controller, for tiers whose engine brings none. */
      snapshotController: z.strictObject({ ...setup, version: text.default('5.1.1') }).prefault({}),
    })
    .prefault({}),
};

export type EnginesConfig = z.output<(typeof enginesShape)['engines']>;
export type LonghornConfig = EnginesConfig['longhorn'];
