/** Directories of a node that hold data although no disk of the inventory is mounted there. */
import { type Disk, disksOf, disksSchema, holds, isWithin } from '../model/inventory.ts';
import { at, type Fields, listAt, textAt, textsAt } from '../model/value.ts';
import type { Workload } from '../model/workload.ts';
import type { Finding, StackRule } from '../rule.ts';

/** Where home clusters mount their disks; used when no inventory is known. */
const usualFolders = ['/mnt', '/media', '/srv', '/data', '/opt/local-path-provisioner'];

/** Parts of the node that daemons read or need; nothing of value is stored there by them. */
const systemPaths = [
  '/boot',
  '/dev',
  '/etc',
  '/lib/modules',
  '/proc',
  '/run',
  '/sys',
  '/usr',
  '/var/run',
  '/var/log',
  '/var/lib/kubelet',
  '/var/lib/containers',
  '/var/lib/containerd',
  '/var/lib/docker',
  '/var/lib/rancher',
  '/var/lib/longhorn',
  '/var/lib/rook',
  '/var/openebs',
  '/opt/cni',
  '/tmp',
];

export const noHostpathOutsideInventory: StackRule = {
  id: 'no-hostpath-outside-inventory',
  scope: 'stack',
  description: 'Data in a directory of a node lies on a disk of the inventory.',
  severity: 'high',
  level: 'mandatory',
  advises: false,
  why:
    'Such a directory is on the root disk, often the SD card: no tier, no size, no backup knows ' +
    'of it, and a pod that starts on another node finds an empty one there.',
  waysOut: [
    'Put the directory below the mount path of a disk of the inventory',
    'Use a claim of the local tier, which remembers the node',
    'Add the disk, or the folder under "folders", to this policy\'s configuration',
  ],
  good: 'hostPath /mnt/storage/gitea, where /mnt/storage is a disk of the inventory',
  bad: 'hostPath /opt/gitea',
  configSchema: {
    properties: {
      disks: disksSchema,
      folders: {
        type: 'array',
        items: { type: 'string' },
        description: 'Further folders in which data may lie.',
      },
    },
  },
  check(world, config) {
    const disks = disksOf(world, config);
    return [
      ...world.all('', 'PersistentVolume').flatMap((volume) => {
        return ['hostPath', 'local'].flatMap((source) => {
          const field = `spec.${source}.path`;
          const path = textAt(volume.fields, 'spec', source, 'path');
          if (path === undefined || isKnown(path, disks, config)) return [];
          return [finding(volume, field, path)];
        });
      }),
      ...world.workloads.flatMap((workload) => findingsOfPod(workload, disks, config)),
    ];
  },
};

function findingsOfPod(
  workload: Workload,
  disks: readonly Disk[],
  config: Fields,
): readonly Finding[] {
  return listAt(workload.pod, 'volumes').flatMap((volume, index) => {
    const path = textAt(volume, 'hostPath', 'path');
    if (path === undefined || isKnown(path, disks, config)) return [];
    if (systemPaths.some((folder) => isWithin(path, folder))) return [];
    if (/\/(docker|containerd|crio)\.sock$/.test(path)) return [];
    const name = textAt(volume, 'name');
    const isWritten = workload.containers.some((container) =>
      container.mounts.some((mount) => mount.volume === name && !mount.readOnly),
    );
    if (!isWritten || at(volume, 'hostPath') === undefined) return [];
    return [finding(workload.object, `${workload.podField}.volumes[${index}].hostPath.path`, path)];
  });
}

function isKnown(path: string, disks: readonly Disk[], config: Fields): boolean {
  const mounts = disks.flatMap((disk) => disk.path ?? []);
  // A pod that checks whether the disk is mounted has to look from the folder above.
  const parents = mounts.map((mount) => mount.slice(0, mount.lastIndexOf('/')));
  if (parents.includes(path) || disks.some((disk) => holds(disk, path))) return true;
  const folders = [...(mounts.length > 0 ? [] : usualFolders), ...textsAt(config, 'folders')];
  return folders.some((folder) => isWithin(path, folder));
}

function finding(object: Finding['object'], field: string, path: string): Finding {
  const found = `${path} is on no disk that the inventory knows`;
  return { object, field, found, level: 'violation' };
}
