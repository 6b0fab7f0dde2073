/** Storage nodes and volumes for the tests of what is decided about them. */
import type { StorageNodeObject, VolumeObject } from '../../../../dataplane/control/objects.ts';
import type { VolumeRecord } from '../../../../dataplane/volume/record.ts';

const gibibyte = 2 ** 30;

export function node(
  name: string,
  parts: {
    readonly zone?: string;
    readonly gib?: number;
    readonly tags?: string[];
    readonly schedulable?: boolean;
    readonly evacuate?: boolean;
    readonly health?: 'Ready' | 'Unknown';
    readonly problem?: string;
  } = {},
): StorageNodeObject {
  const { zone = '', gib = 100, tags = [], schedulable = true, problem = '' } = parts;
  return {
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1' },
    spec: {
      zone,
      schedulable,
      evacuate: parts.evacuate ?? false,
      disks: [{ name: 'disk', path: '/mnt/disk', tags, reserveBytes: 0, schedulable: true }],
    },
    status: {
      address: `${name}@10.0.0.1:7480`,
      disks: [
        {
          name: 'disk',
          id: 'x',
          capacityBytes: gib * gibibyte,
          freeBytes: gib * gibibyte,
          problem,
        },
      ],
      attach: 'fuse',
      attachReason: '',
      health: parts.health ?? 'Ready',
      message: '',
      copies: 0,
      conditions: [],
      seenAt: '',
    },
  };
}

/**
 * A volume that was written to, as it is while a pod uses it.
 *
 * @param members by node: whether the copy there is in sync, and when it last left
 */
export function used(
  name: string,
  members: Readonly<
    Record<
      string,
      { readonly inSync: boolean; readonly departedAt?: number; readonly retiring?: boolean }
    >
  >,
  parts: { readonly copies?: number; readonly attachedTo?: string } = {},
): VolumeObject {
  const empty = volume(name, { copies: parts.copies ?? 2, on: Object.keys(members) });
  const record: VolumeRecord = {
    volume: name,
    lineage: 'l1',
    sizeBytes: empty.spec.sizeBytes,
    blockBytes: 4096,
    regionBlocks: 1024,
    epoch: 3,
    writer: 'engine',
    generation: 1,
    readersLeft: false,
    age: 4,
    doubt: '',
    snapshots: [],
    members: Object.entries(members).map(([node, { inSync, departedAt = 1, retiring }], index) => ({
      id: `m${index + 1}`,
      address: `${node}@10.0.0.1:7480`,
      inSync,
      departedAt: inSync ? 0 : departedAt,
      ...(retiring === true ? { retiring } : {}),
    })),
  };
  const attachedTo = parts.attachedTo ?? Object.keys(members)[0] ?? '';
  return { ...empty, status: { ...empty.status, record, attachedTo } };
}

/** @param on nodes that hold its copies */
export function volume(
  name: string,
  parts: { readonly gib?: number; readonly copies?: number; readonly on?: readonly string[] } = {},
): VolumeObject {
  const { gib = 1, copies = 2, on = [] } = parts;
  return {
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1' },
    spec: {
      sizeBytes: gib * gibibyte,
      copies,
      content: 'ext4',
      diskTags: [],
      spread: 'node',
    },
    status: {
      places: on.map((at, index) => ({
        member: `m${index + 1}`,
        node: at,
        disk: 'disk',
        made: true,
        leave: false,
        erase: false,
        problem: '',
      })),
      attachedTo: '',
      tendedBy: '',
      formatted: 'no',
      safety: 'Creating',
      copies: '',
      message: '',
      conditions: [],
    },
  };
}
