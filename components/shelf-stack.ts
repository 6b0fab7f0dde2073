/**
 * The shelf as components: one for each thing that the configuration names, wired together.
 * Decides nothing: what may be built was decided before (config/, rules/). One file a section in
 * build/.
 */
import { buildApplications, type BuiltApplications } from './compose/applications.ts';
import { buildClusterBackup, buildTargets } from './compose/backups.ts';
import type { BuildArgs, Ground } from './compose/ground.ts';
import { buildInventory } from './compose/inventory.ts';
import { buildMonitoring } from './compose/monitoring.ts';
import { buildSnapshots } from './compose/snapshots.ts';
import { buildTiers } from './compose/tiers.ts';
import { buildVolumes } from './compose/volumes.ts';
import { annotation, systemNamespace } from './names.ts';
import type { StorageTier } from './tiers/storage-tier.ts';
import { engineNamespaces, engineSetups } from './tiers/charts.ts';
import { DataNamespace } from './volumes/data-namespace.ts';

export interface BuiltShelf extends BuiltApplications {
  /** In the order of the shelf's tiers. */
  readonly tiers: readonly StorageTier[];
}

export function buildShelf(args: BuildArgs): BuiltShelf {
  const ground = buildGround(args);
  buildInventory(ground);
  const tiers = buildTiers(ground);
  const classNames = new Map(
    args.shelf.tiers.flatMap(({ name }, index) => {
      const className = tiers[index]?.className;
      return className === undefined ? [] : [[name, className] as const];
    }),
  );
  const backed = buildTargets({ ...ground, classNames });
  const volumes = buildVolumes(backed);
  buildSnapshots(ground, tiers);
  buildClusterBackup(backed);
  buildMonitoring(ground);
  return { tiers, ...buildApplications({ ...backed, volumes }) };
}

/** The Namespaces: the program's own, and one for each that holds volumes or ever did. */
function buildGround(args: BuildArgs): Ground {
  const { shelf, providers } = args;
  const data = { provider: providers.data };
  const system = new DataNamespace(
    'system',
    {
      name: systemNamespace,
      annotations: {
        [annotation.stack]: args.stack,
        ...(args.clusterUid === undefined ? {} : { [annotation.cluster]: args.clusterUid }),
      },
      // Jobs here work on the nodes' disks.
      labels: privileged,
    },
    data,
  );
  const names = [
    ...args.earlierNamespaces,
    ...shelf.volumes.map((volume) => volume.namespace),
    ...shelf.appPlans.map((plan) => plan.namespace),
    ...engineSetups(shelf.tiers, shelf.engines).flatMap(({ ownNamespace }) => ownNamespace ?? []),
  ];
  const namespaces = new Map(
    [...new Set(names)]
      .filter((name) => name !== systemNamespace)
      .map((name) => [name, new DataNamespace(name, { name, ...labelsOf(name) }, data)]),
  );
  return { args, apps: { provider: providers.apps }, system, namespaces };
}

const privileged = { 'pod-security.kubernetes.io/enforce': 'privileged' };
const labelsOf = (name: string) => (engineNamespaces.has(name) ? { labels: privileged } : {});
