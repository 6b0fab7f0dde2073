/**
 * What every pod needs that works on a disk of the inventory as root: the jobs that prepare volumes
 * and the dumps. They run in the system Namespace, pinned to the disk's node.
 */
import path from 'node:path';
import type { types } from '@pulumi/kubernetes';
import { environment } from './environment.ts';
import { hostnameLabel } from './names.ts';

export interface DiskPlace {
  readonly node: string;
  readonly mountPath: string;
  readonly uuid?: string;
}

/**
 * Parent folder of the mount path, bound with the node's mounts in it; scripts/disk.sh looks there.
 */
export const diskVolumes = (disk: DiskPlace): types.input.core.v1.Volume[] => [
  { name: 'host', hostPath: { path: path.posix.dirname(disk.mountPath) } },
  ...(disk.uuid === undefined
    ? []
    : [{ name: 'by-uuid', hostPath: { path: '/dev/disk/by-uuid', type: 'Directory' } }]),
];

export const diskMounts = (disk: DiskPlace): types.input.core.v1.VolumeMount[] => [
  { name: 'host', mountPath: '/host', mountPropagation: 'HostToContainer' },
  ...(disk.uuid === undefined ? [] : [{ name: 'by-uuid', mountPath: '/by-uuid', readOnly: true }]),
];

export const diskEnvironment = (disk: DiskPlace): types.input.core.v1.EnvVar[] =>
  environment({ NODE: disk.node, MOUNT: disk.mountPath, UUID: disk.uuid });

export const onNode = (node: string): Record<string, string> => ({ [hostnameLabel]: node });

/** Root, because the folders belong to root; of root's powers only the one to reach any folder. */
export const rootOnDisk: types.input.core.v1.SecurityContext = {
  runAsUser: 0,
  runAsGroup: 0,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE', 'FOWNER'] },
  seccompProfile: { type: 'RuntimeDefault' },
};
