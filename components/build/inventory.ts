/** The nodes as a component, with what the engines of the tiers want to see on them. */
import { NodeInventory } from '../inventory/node-inventory.ts';
import { nodeMarks } from '../tiers/node-marks.ts';
import type { Ground } from './ground.ts';

export function buildInventory(ground: Ground): void {
  const { nodes, tiers, engines } = ground.args.shelf;
  const marked = nodes.map((node) => ({ ...node, marks: nodeMarks(node.name, tiers, engines) }));
  new NodeInventory('nodes', { nodes: marked }, ground.apps);
}
