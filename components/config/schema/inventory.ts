/** `larder:nodes`: the computers of the shelf, their disks, and what fails together. */
import { z } from 'zod';
import { labelKey, labelValue, name, size, text } from './atoms.ts';

export const diskKinds = ['nvme', 'ssd', 'hdd', 'usb', 'sd'] as const;
const architectures = ['arm64', 'amd64'] as const;
const roles = ['server', 'worker', 'storage'] as const;
const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;

const diskSchema = z.strictObject({
  /** Where the disk is mounted on the node; for every tier that keeps folders on it. */
  mount: text.optional(),
  /**
   * The raw disk, by a name that survives a reboot, for tiers that take it whole (Rook-Ceph,
   * Mayastor, TopoLVM). A disk has a mount path or a device, never both.
   */
  device: z
    .string()
    .regex(
      /^\/dev\/disk\/by-(?:id|uuid|partuuid|path)\/[A-Za-z0-9._:+-]+$/,
      'a stable name such as /dev/disk/by-id/nvme-Samsung_SSD_980_S64…: /dev/sda is another disk after a reboot',
    )
    .optional(),
  /** Default: the last part of the mount path or of the device's name. */
  name: name.optional(),
  kind: z.enum(diskKinds).default('ssd'),
  /** UUID of the file system (`blkid`): from then on a foreign disk at this path is refused. */
  uuid: z
    .string()
    .regex(/^[A-Za-z0-9-]{4,64}$/, 'a file-system UUID as `blkid` prints it')
    .optional(),
  /** Capacity of the file system; enables the check against over-commitment. */
  capacity: size.optional(),
  /** Tiers that it serves, and no other. Default: what the tiers themselves say. */
  tiers: z.array(name).optional(),
  /** What is known of its wear, for people: `150 TBW, bought 2025-03`. */
  endurance: text.optional(),
});

const taintSchema = z.strictObject({
  key: labelKey,
  value: labelValue.optional(),
  effect: z.enum(taintEffects),
});

/** Things that fail together; a name that two nodes share is one that both lose. */
const domainsSchema = z.strictObject({
  /** Power circuit: one fuse, one plug strip, one UPS. */
  circuit: name.optional(),
  /** Network switch. */
  switch: name.optional(),
  /** Shelf or rack: one accident. */
  shelf: name.optional(),
  /** House. */
  site: name.optional(),
});

const nodeSchema = z.strictObject({
  /** The name Kubernetes knows the node by (`kubectl get nodes`). */
  name: z
    .string()
    .regex(
      /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
      'a node name: lower case letters, digits, dots and dashes',
    ),
  /** Address in the home network, for people and for outputs. */
  address: z
    .string()
    .regex(/^[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?$/, 'an IP address or a host name')
    .optional(),
  /** Compared with what the node says of itself. */
  architecture: z.enum(architectures).optional(),
  /**
   * `server`: control plane; `worker`: runs applications; `storage`: carries the daemons and copies
   * of replicated tiers. Default: worker, and storage when it has disks.
   */
  roles: z.array(z.enum(roles)).optional(),
  /** Processor cores, for the arithmetic of storage that takes some for itself. */
  cores: z.int().min(1, 'at least one core').optional(),
  /** Memory, for the same. */
  memory: size.optional(),
  domains: domainsSchema.prefault({}),
  labels: z.record(labelKey, labelValue).default({}),
  taints: z.array(taintSchema).default([]),
  disks: z.array(diskSchema).default([]),
});

export const nodesSchema = z.array(nodeSchema).min(1, 'at least one node');

export type NodeConfig = z.output<typeof nodeSchema>;
export type DiskConfig = NodeConfig['disks'][number];
export type DiskKind = (typeof diskKinds)[number];
export type NodeRole = (typeof roles)[number];
export type Architecture = (typeof architectures)[number];
