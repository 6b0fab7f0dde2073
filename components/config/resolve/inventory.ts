/** Nodes and disks, each disk with its name. */
import { diskName, inventoryProblems } from '../../rules/inventory.ts';
import type { Problem } from '../../rules/problem.ts';
import type { StackConfig } from '../schema.ts';
import type { Inventory } from '../shelf/inventory.ts';

export function resolveInventory(config: StackConfig, problems: Problem[]): Inventory {
  problems.push(...inventoryProblems(config.nodes));
  return {
    nodes: config.nodes.map((node) => ({
      name: node.name,
      labels: node.labels,
      disks: node.disks.map((disk) => ({
        node: node.name,
        name: diskName(disk),
        kind: disk.kind,
        mountPath: disk.mount,
        uuid: disk.uuid,
        capacityBytes: disk.capacity,
      })),
    })),
  };
}
