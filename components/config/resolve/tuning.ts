/** Settings of nodes, each with the nodes and disks that it is for. */
import type { Problem } from '../../rules/problem.ts';
import { tuningProblems } from '../../rules/tuning.ts';
import type { StackConfig } from '../schema.ts';
import type { TuningConfig } from '../schema/tuning.ts';
import type { Inventory } from '../shelf/inventory.ts';
import type { Tuning, TuningProfile } from '../shelf/tuning.ts';

export function resolveTuning(
  config: StackConfig,
  inventory: Inventory,
  problems: Problem[],
): Tuning {
  problems.push(...tuningProblems(config.tuning, inventory.nodes));
  return { tuning: config.tuning.map((profile) => toProfile(profile, inventory)) };
}

function toProfile(config: TuningConfig, { nodes }: Inventory): TuningProfile {
  const { name, sysctls, modules, disks } = config;
  const tuned = nodes.filter((node) => config.nodes?.includes(node.name) !== false);
  return {
    name,
    nodes: tuned.map((node) => node.name),
    sysctls,
    disks:
      disks === undefined
        ? []
        : tuned
            .flatMap((node) => node.disks)
            .filter((disk) => disks.kinds?.includes(disk.kind) !== false),
    scheduler: disks?.scheduler,
    readAheadKiB: disks?.readAheadKiB,
    modules,
  };
}
