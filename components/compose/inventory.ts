/**
 * The nodes as components: what Kubernetes shall know of them, a watch over their disks, settings.
 */
import { DiskWatch } from '../inventory/disk-watch.ts';
import { NodeInventory } from '../inventory/node-inventory.ts';
import { NodeTuning } from '../inventory/node-tuning.ts';
import { nodeMarks } from '../tiers/node-marks.ts';
import type { Ground } from './ground.ts';

export function buildInventory({ args, apps, system }: Ground): void {
  const { nodes, tiers, engines, tuning, images } = args.shelf;
  // A node that has not joined yet cannot be labelled: the next update does.
  const joined = nodes.filter(({ name }) => args.liveNodes?.has(name) !== false);
  const marked = joined.map((node) => ({ ...node, marks: nodeMarks(node, tiers, engines) }));
  new NodeInventory('nodes', { nodes: marked }, apps);
  const disks = nodes.flatMap((node) => node.disks);
  const common = { namespace: system.namespaceName, toolsImage: images.tools };
  if (disks.length > 0) new DiskWatch('disk-watch', { disks, ...common }, apps);
  for (const profile of tuning)
    new NodeTuning(`tuning-${profile.name}`, { profile, ...common }, apps);
}
