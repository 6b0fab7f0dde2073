/** Nodes with their disks and devices, each by its name. */
import { diskName, inventoryProblems } from '../../rules/inventory.ts';
import type { Problem } from '../../rules/problem.ts';
import type { StackConfig } from '../schema.ts';
import type { NodeConfig } from '../schema/inventory.ts';
import type { Disk, Inventory, RawDevice, ShelfNode } from '../shelf/inventory.ts';

export function resolveInventory(config: StackConfig, problems: Problem[]): Inventory {
  problems.push(...inventoryProblems(config.nodes));
  return { nodes: config.nodes.map(toNode) };
}

function toNode(node: NodeConfig): ShelfNode {
  const { name, address, architecture, cores, domains, labels, taints } = node;
  return {
    name,
    address,
    architecture,
    roles: node.roles ?? (node.disks.length > 0 ? ['worker', 'storage'] : ['worker']),
    cores,
    memoryBytes: node.memory,
    domains,
    labels,
    taints,
    disks: node.disks.flatMap((disk) => toDisk(name, disk)),
    devices: node.disks.flatMap((disk) => toDevice(name, disk)),
  };
}

function toDisk(node: string, disk: NodeConfig['disks'][number]): Disk[] {
  const { kind, uuid, capacity: capacityBytes, tiers, endurance } = disk;
  if (disk.mount === undefined) return [];
  const place = { node, name: diskName(disk), mountPath: disk.mount };
  return [{ ...place, kind, uuid, capacityBytes, tiers, endurance }];
}

function toDevice(node: string, disk: NodeConfig['disks'][number]): RawDevice[] {
  const { kind, device, capacity: capacityBytes } = disk;
  return device === undefined ? [] : [{ node, name: diskName(disk), kind, device, capacityBytes }];
}
