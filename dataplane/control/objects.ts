/**
 * The objects of the API group `larder.dev`: what the owner wants (`spec`) and what is so
 * (`status`). These schemas are the truth three times over: the types that the code uses, the check
 * of whatever is read back from the API server, and the CRDs (crds.ts).
 *
 * Every field of a status is written by compare-and-swap on the object's `resourceVersion`. Nobody
 * derives a path on a disk from a name in here without checking the name against `nameOf`.
 */
import { z } from 'zod';
import { limits } from '../base/limits.ts';
import type { VolumeRecord, VolumeWish } from '../volume/record.ts';

const mebibyte = 2 ** 20;
const whole = z.int().nonnegative();
const id = z
  .string()
  .max(limits.idBytesMax)
  .regex(/^[\x21-\x7e]+$/);
/** A part of a path on a disk, so nothing that leads anywhere else. */
const name = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);

/** A rule the API server keeps, in the Common Expression Language. */
const rule = (expression: string, message: string) => ({
  'x-kubernetes-validations': [{ rule: expression, message }],
});

/** The volume's record as it is stored: what the engine's compare-and-swap is about. */
export const recordSchema = z.object({
  volume: id,
  lineage: id,
  sizeBytes: whole.min(1),
  blockBytes: whole.min(1),
  regionBlocks: whole.min(1),
  epoch: whole,
  writer: z.string(),
  generation: whole,
  readersLeft: z.boolean(),
  age: whole.default(0),
  doubt: z.string().default(''),
  members: z
    .array(
      z.object({
        id,
        address: z.string(),
        inSync: z.boolean(),
        departedAt: whole,
        retiring: z.boolean().optional(),
      }),
    )
    .min(1)
    .max(limits.membersMax)
    .readonly(),
  snapshots: z.array(id).max(limits.snapshotsMax).readonly().default([]),
}) satisfies z.ZodType<VolumeRecord>;

const condition = z.object({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  /** What is so, and what to do next. */
  message: z.string(),
  /** By the clock of who wrote it, for people. */
  lastTransitionTime: z.string(),
});

export type Condition = z.output<typeof condition>;

const safeties = ['Safe', 'Degraded', 'Unreachable', 'Creating', 'Deleting'] as const;

const volumeSpec = z
  .object({
    sizeBytes: z
      .int()
      .min(4 * mebibyte)
      .multipleOf(4096)
      .meta(rule('self >= oldSelf', 'a volume grows, it never shrinks')),
    /** Copies on different nodes. */
    copies: z.int().min(1).max(3).default(2),
    /** What pods see: a file system, or a raw block device. */
    content: z.enum(['ext4', 'xfs', 'block']).default('ext4'),
    /** Copies go only to disks that carry all of these. */
    diskTags: z.array(name).max(8).default([]),
    /** Snapshots that shall be, by the names that the copies know. */
    snapshots: z.array(id).max(limits.snapshotsMax).readonly().optional(),
    /** Snapshots to be given up. */
    forgets: z.array(id).max(limits.snapshotsMax).readonly().optional(),
    /** It begins with what this snapshot of another volume shows. */
    source: z
      .object({ volume: name, snapshot: id, formatted: z.enum(['no', 'begun', 'yes']) })
      .optional(),
    /** How far apart copies have to be. */
    spread: z.enum(['node', 'zone']).default('node'),
  })
  .meta(rule('self.content == oldSelf.content', 'what a volume holds is chosen once'));

/** Where one member's store lies. */
const place = z.object({
  member: id,
  node: name,
  disk: name,
  /** The node has made the store. */
  made: z.boolean(),
  /** It is to go elsewhere, where there is more room. */
  leave: z.boolean().default(false),
  /** It counts no more, and nobody needs it: the node may delete the store. */
  erase: z.boolean().default(false),
  /** Why it could not be made or served, and what to do; empty when all is well. */
  problem: z.string().default(''),
});

const volumeStatus = z.object({
  record: recordSchema.optional(),
  /** One for each member, and those whose stores wait to be deleted. */
  places: z
    .array(place)
    .max(2 * limits.membersMax)
    .default([]),
  /** The node whose engine may open the volume; empty when it is attached nowhere. */
  attachedTo: z.string().default(''),
  /**
   * The node whose engine fills copies and lets them go while the volume is attached nowhere; empty
   * when there is nothing to do.
   */
  tendedBy: z.string().default(''),
  /**
   * Whether a file system was made. `begun` is written before the first byte of it, `yes` before
   * the first mount: from then on nothing is ever formatted.
   */
  formatted: z.enum(['no', 'begun', 'yes']).default('no'),
  safety: z.enum(safeties).default('Creating'),
  /** Copies in sync of copies wanted, as `2/2`. */
  copies: z.string().default(''),
  message: z.string().default(''),
  conditions: z.array(condition).max(16).default([]),
});

const nodeDisk = z.object({
  name,
  /** Where it is mounted on the node. */
  path: z
    .string()
    .max(255)
    .regex(/^(\/[A-Za-z0-9._@-]+)+$/),
  tags: z.array(name).max(8).default([]),
  /** Room that is never given to volumes. */
  reserveBytes: whole.default(0),
  /** False: stores already there are served, new ones go elsewhere. */
  schedulable: z.boolean().default(true),
});

const storageNodeSpec = z.object({
  disks: z.array(nodeDisk).max(16).default([]),
  /** The failure domain for volumes that are spread over zones; default: the node itself. */
  zone: z.string().max(63).default(''),
  /** False: no new copies come here. */
  schedulable: z.boolean().default(true),
  /**
   * True: no new copies come here, and those that are here are made elsewhere before they leave.
   * Set by `npm run larder -- drain`, and taken back by it.
   */
  evacuate: z.boolean().default(false),
});

const diskState = z.object({
  name,
  /** The token that was written onto the disk when it was first used. */
  id: z.string(),
  capacityBytes: whole,
  freeBytes: whole,
  /** Why it cannot be used, and what to do; empty when it can. */
  problem: z.string(),
});

const storageNodeStatus = z.object({
  /** Where its replica server listens. */
  address: z.string().default(''),
  disks: z.array(diskState).max(16).default([]),
  /** How volumes are attached here, and why so. */
  attach: z.enum(['nbd', 'fuse', 'none', 'unknown']).default('unknown'),
  attachReason: z.string().default(''),
  health: z.enum(['Ready', 'Attention', 'Unknown']).default('Unknown'),
  message: z.string().default(''),
  /** Copies that lie here, also those that are on their way out. */
  copies: whole.default(0),
  conditions: z.array(condition).max(16).default([]),
  /** When the node last said so; by its own clock, for people only. */
  seenAt: z.string().default(''),
});

const snapshotSpec = z
  .object({
    /** The volume it is a picture of. */
    volume: name,
  })
  .meta(rule('self == oldSelf', 'a snapshot is of one moment of one volume'));

const snapshotStatus = z.object({
  ready: z.boolean().default(false),
  sizeBytes: whole.optional(),
  takenAt: z.string().default(''),
  /** Whether the volume held a file system then; see the volume's own. */
  formatted: z.enum(['no', 'begun', 'yes']).default('no'),
  message: z.string().default(''),
});

/** What the engine makes so: the part of the spec that it reads beside the record. */
export const wishSchema = volumeSpec.pick({
  sizeBytes: true,
  snapshots: true,
  forgets: true,
}) satisfies z.ZodType<VolumeWish>;

export type VolumeSpec = z.output<typeof volumeSpec>;
export type VolumeStatus = z.output<typeof volumeStatus>;
export type StorageNodeStatus = z.output<typeof storageNodeStatus>;
export type Place = VolumeStatus['places'][number];

/** One kind of object: its names, and what is in it. */
export const kinds = {
  Volume: { plural: 'volumes', short: 'lvol', spec: volumeSpec, status: volumeStatus },
  StorageNode: {
    plural: 'storagenodes',
    short: 'lnode',
    spec: storageNodeSpec,
    status: storageNodeStatus,
  },
  Snapshot: { plural: 'snapshots', short: 'lsnap', spec: snapshotSpec, status: snapshotStatus },
} as const;

export type Kind = keyof typeof kinds;

export const apiGroup = 'larder.dev';
export const apiVersion = 'v1alpha1';

/** On every Volume until its stores are gone. */
export const dataFinalizer = 'larder.dev/data';

/** The part of an object's metadata that is used here. */
const metadata = z.object({
  name: z.string(),
  uid: z.string().default(''),
  resourceVersion: z.string().default(''),
  deletionTimestamp: z.string().optional(),
  creationTimestamp: z.string().optional(),
  finalizers: z.array(z.string()).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

export type Metadata = z.output<typeof metadata>;

const object = <S extends z.ZodType, T extends z.ZodType>(spec: S, status: T) =>
  z.object({ metadata, spec, status });

export const volumeObject = object(volumeSpec, volumeStatus.prefault({}));
export const storageNodeObject = object(storageNodeSpec, storageNodeStatus.prefault({}));

export const snapshotObject = object(snapshotSpec, snapshotStatus.prefault({}));

export type SnapshotObject = z.output<typeof snapshotObject>;
export type VolumeObject = z.output<typeof volumeObject>;
export type StorageNodeObject = z.output<typeof storageNodeObject>;
