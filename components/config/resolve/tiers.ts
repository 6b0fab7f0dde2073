/** Tiers, each with the disks that serve it. */
import type { Problem } from '../../rules/problem.ts';
import { tierProblems } from '../../rules/tiers.ts';
import type { StackConfig } from '../schema.ts';
import type { TierConfig } from '../schema/tiers.ts';
import type { Disk, Inventory } from '../shelf/inventory.ts';
import type { Tier, Tiers } from '../shelf/tiers.ts';

export function resolveTiers(
  config: StackConfig,
  inventory: Inventory,
  problems: Problem[],
): Tiers {
  problems.push(...tierProblems(config.tiers, config.nodes));
  return { tiers: config.tiers.map((tier) => toTier(tier, inventory)) };
}

function toTier(tier: TierConfig, { nodes }: Inventory): Tier {
  const serves = (disk: Disk) =>
    tier.disks === undefined ? disk.kind !== 'sd' : tier.disks.includes(disk.name);
  return {
    name: tier.name,
    engine: tier.engine,
    isDefault: tier.default,
    reclaim: tier.reclaim ?? (tier.engine === 'scratch' ? 'Delete' : 'Retain'),
    disks: nodes.flatMap((node) => node.disks.filter(serves)),
  };
}
