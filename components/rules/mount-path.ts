/** Where a disk may be mounted: absolute, plain, and never a folder that the system lives in. */
import type { Problem } from './problem.ts';

/** Mounting a storage disk here would hide or fill the operating system. */
const systemFolders = [
  '/',
  '/bin',
  '/home',
  '/lib',
  '/media',
  '/mnt',
  '/opt',
  '/sbin',
  '/srv',
  '/var/lib',
];
/** Nor anywhere below these. */
const systemTrees = [
  '/boot',
  '/dev',
  '/etc',
  '/proc',
  '/root',
  '/run',
  '/sys',
  '/tmp',
  '/usr',
  '/var',
];
/** Below /var, these are usual places of data disks (k3s and others keep their volumes there). */
const dataTrees = ['/var/lib', '/var/mnt'];

export function mountPathProblems(path: string, mount: string): Problem[] {
  const allowed = 'an absolute path of its own, for example /mnt/nvme';
  if (!mount.startsWith('/'))
    return [{ path, found: `${mount}, which is not absolute`, allowed, todo: `write /${mount}` }];
  if (!/^(?:\/[A-Za-z0-9._@-]+)+$|^\/$/.test(mount) || /\/\.{1,2}(?:\/|$)/.test(mount))
    return [
      {
        path,
        found: `${mount}, which is not a plain path`,
        allowed: 'letters, digits, dots, dashes, underscores and @ between single slashes',
        todo: 'mount the disk at a plain path, without a slash at its end',
      },
    ];
  const below = (folder: string) => mount === folder || mount.startsWith(`${folder}/`);
  const system =
    systemFolders.includes(mount) ||
    (systemTrees.some(below) && !dataTrees.some((folder) => mount.startsWith(`${folder}/`))) ||
    below('/var/lib/kubelet') ||
    below('/var/lib/containerd');
  if (!system) return [];
  return [
    {
      path,
      found: `${mount}, a folder of the operating system`,
      allowed,
      todo: 'mount the disk in a folder of its own and name that one',
    },
  ];
}
