/** `larder:nodes`: the computers of the shelf and their disks. */
import { z } from 'zod';
import { labelKey, labelValue, name, size, text } from './atoms.ts';

const diskKinds = ['nvme', 'ssd', 'hdd', 'usb', 'sd'] as const;

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

export const nodesSchema = z.array(nodeSchema).min(1, 'at least one node');

export type NodeConfig = z.output<typeof nodeSchema>;
export type DiskKind = (typeof diskKinds)[number];
