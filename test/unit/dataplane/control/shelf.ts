/** Storage nodes and volumes for the tests of what is decided about them. */
import type { StorageNodeObject, VolumeObject } from '../../../../dataplane/control/objects.ts';

const gibibyte = 2 ** 30;

export function node(
  name: string,
  parts: {
    readonly zone?: string;
    readonly gib?: number;
    readonly tags?: string[];
    readonly schedulable?: boolean;
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
      seenAt: '',
    },
  };
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
        problem: '',
      })),
      attachedTo: '',
      formatted: 'no',
      safety: 'Creating',
      copies: '',
      message: '',
      conditions: [],
    },
  };
}
