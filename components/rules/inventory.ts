/**
 * What must hold within the inventory: names, mount paths and devices that are one thing each, and
 * labels that are the owner's to give.
 */
import type { DiskConfig, NodeConfig } from '../config/schema/inventory.ts';
import { mountPathProblems } from './mount-path.ts';
import type { Problem } from './problem.ts';
import { twins } from './twins.ts';

/** The name of a disk: as given, else the last part of its mount path or device, made a name. */
export function diskName(disk: DiskConfig): string {
  if (disk.name !== undefined) return disk.name;
  const last = (disk.mount ?? disk.device ?? '').split('/').findLast((part) => part !== '');
  return last ?? 'disk';
}

export function inventoryProblems(nodes: readonly NodeConfig[]): Problem[] {
  return [
    ...twins(
      nodes.map((node) => node.name),
      (index) => `larder:nodes[${index}].name`,
      'one node for each name',
    ),
    ...nodes.flatMap((node, index) => nodeProblems(node, `larder:nodes[${index}]`)),
  ];
}

function nodeProblems(node: NodeConfig, path: string): Problem[] {
  const { disks } = node;
  const at = (disk: number, key: string) => `${path}.disks[${disk}].${key}`;
  const present = (key: 'mount' | 'device') =>
    disks.flatMap((disk, index) => (disk[key] === undefined ? [] : [{ index, is: disk[key] }]));
  const unique = (key: 'mount' | 'device', what: string) => {
    const given = present(key);
    return twins(
      given.map(({ is }) => is),
      (nth) => at(given[nth]?.index ?? nth, key),
      `one disk of ${node.name} for each ${what}`,
    );
  };
  return [
    ...twins(
      disks.map(diskName),
      (disk) => at(disk, 'name'),
      `one disk of ${node.name} for each name (a disk is named after its mount path unless it has a name)`,
    ),
    ...unique('mount', 'mount path'),
    ...unique('device', 'device'),
    ...disks.flatMap((disk, nth) => diskProblems(disk, (key) => at(nth, key))),
    ...labelProblems(node, path),
    ...taintTwins(node, path),
    ...(node.roles?.length === 0 ? [noRole(path)] : []),
  ];
}

function diskProblems(disk: DiskConfig, at: (key: string) => string): Problem[] {
  const problems: Problem[] = [];
  if ((disk.mount === undefined) === (disk.device === undefined))
    problems.push({
      path: at('mount'),
      found:
        disk.mount === undefined ? 'neither `mount` nor `device`' : 'both `mount` and `device`',
      allowed:
        'a mounted file system (`mount`), or a raw disk that an engine takes whole (`device`)',
      todo: disk.mount === undefined ? 'add `mount: /mnt/nvme`, for example' : 'remove one of them',
    });
  if (disk.mount !== undefined) problems.push(...mountPathProblems(at('mount'), disk.mount));
  if (disk.device !== undefined && disk.uuid !== undefined)
    problems.push({
      path: at('uuid'),
      found: `${disk.uuid}, on a raw device`,
      allowed: 'a UUID of a file system; a device is known by its stable name alone',
      todo: 'remove it',
    });
  if (disk.device !== undefined && disk.name === undefined)
    problems.push({
      path: at('name'),
      found: 'a device without a name',
      allowed: 'a short name of your own',
      todo: 'add `name:`, for example `name: nvme-raw`',
    });
  if (disk.capacity === 0)
    problems.push({
      path: at('capacity'),
      found: 'a disk of no size',
      allowed: 'its capacity, or nothing when you do not want it checked',
      todo: 'write what `df -h` shows for it, or remove the key',
    });
  return problems;
}

/** Labels that kubelets, Kubernetes and this program set themselves. */
const foreignLabels = /^(?:[a-z0-9.-]*\.)?(?:kubernetes\.io|k8s\.io|larder\.dev)\//;
/** Of those, the ones that are meant to be set by owners. */
const ownersLabels = /^(?:topology\.kubernetes\.io|node-role\.kubernetes\.io)\//;

function labelProblems(node: NodeConfig, path: string): Problem[] {
  return Object.keys(node.labels)
    .filter((key) => foreignLabels.test(key) && !ownersLabels.test(key))
    .map((key) => ({
      path: `${path}.labels.${key}`,
      found: `${key}, a label that ${key.includes('larder.dev/') ? 'this program sets from the inventory' : 'the kubelet and Kubernetes set'}`,
      allowed: 'labels of your own, such as storage or example.org/storage',
      todo: 'remove it, or give it a prefix of your own',
    }));
}

function taintTwins(node: NodeConfig, path: string): Problem[] {
  return twins(
    node.taints.map(({ key, effect }) => `${key}:${effect}`),
    (index) => `${path}.taints[${index}]`,
    'one taint for each key and effect',
  );
}

const noRole = (path: string): Problem => ({
  path: `${path}.roles`,
  found: 'an empty list',
  allowed: 'at least one of server, worker and storage',
  todo: 'name what the node does, or remove the key',
});
