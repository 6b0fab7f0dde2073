/** What must hold among tiers: names that are one thing each, disks that exist, one default. */
import type { NodeConfig } from '../config/schema/inventory.ts';
import type { TierConfig } from '../config/schema/tiers.ts';
import { diskName } from './inventory.ts';
import { oneOf, type Problem } from './problem.ts';
import { twins } from './twins.ts';

export function tierProblems(
  tiers: readonly TierConfig[],
  nodes: readonly NodeConfig[],
): Problem[] {
  const known = [...new Set(nodes.flatMap((node) => node.disks.map(diskName)))];
  const defaults = tiers.filter((tier) => tier.default).map((tier) => tier.name);
  const several: Problem = {
    path: 'larder:tiers',
    found: `${defaults.length} default tiers: ${defaults.join(', ')}`,
    allowed: 'at most one tier with `default: true`',
    todo: 'keep it on the tier that claims without a class shall get',
  };
  return [
    ...twins(
      tiers.map((tier) => tier.name),
      (index) => `larder:tiers[${index}].name`,
      'one tier for each name',
    ),
    ...(defaults.length > 1 ? [several] : []),
    ...tiers.flatMap((tier, index) =>
      (tier.disks ?? [])
        .filter((name) => !known.includes(name))
        .map((name) => ({
          path: `larder:tiers[${index}].disks`,
          found: `${name}, which is no disk of the inventory`,
          allowed: oneOf(known),
          todo: 'name a disk that stands under larder:nodes',
        })),
    ),
  ];
}
