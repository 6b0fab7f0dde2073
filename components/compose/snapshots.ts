/**
 * Snapshots as components: what understands them, a class for each tier, a job for each Namespace.
 */
import type * as pulumi from '@pulumi/pulumi';
import { SnapshotSchedule } from '../backups/snapshot-schedule.ts';
import { provisionerOf } from '../rules/engines.ts';
import { needsSnapshotController, snapshotsOf } from '../rules/snapshots.ts';
import { EngineChart } from '../tiers/engine-chart.ts';
import { SnapshotClass } from '../tiers/snapshot-class.ts';
import type { StorageTier } from '../tiers/storage-tier.ts';
import type { Ground } from './ground.ts';

/** @param tiers in the order of the shelf's tiers */
export function buildSnapshots(ground: Ground, tiers: readonly StorageTier[]): void {
  const { shelf } = ground.args;
  const taken = shelf.volumes.filter((volume) => snapshotsOf(volume, shelf).by === 'program');
  if (taken.length === 0) return;
  const controller = buildController(ground);
  const classes = [...new Set(taken.map(({ tier }) => tier))].map((tier) => {
    const { name, engine, config } = tier;
    const made = tiers[shelf.tiers.indexOf(tier)];
    const before = [controller, made].filter((each) => each !== undefined);
    return new SnapshotClass(
      `${name}-snapshots`,
      { name, engine, driver: provisionerOf(config) },
      { ...ground.apps, dependsOn: before },
    );
  });
  const { snapshots, images } = shelf;
  for (const name of new Set(taken.map(({ namespace }) => namespace)))
    new SnapshotSchedule(
      `snapshots-${name}`,
      {
        namespace: ground.namespaces.get(name)?.namespaceName ?? name,
        volumes: taken
          .filter(({ namespace }) => namespace === name)
          .map((volume) => ({ claim: volume.name, className: volume.tier.name })),
        schedule: snapshots.schedule,
        timeZone: snapshots.timeZone,
        keep: snapshots.keep,
        nodeImage: images.node,
        after: classes,
      },
      ground.apps,
    );
}

/** The kinds of snapshots and their controller, which many clusters do not have: k3s for one. */
function buildController(ground: Ground): pulumi.Resource | undefined {
  const { shelf } = ground.args;
  const { version, retire, install } = shelf.engines.snapshotController;
  if (!install || !needsSnapshotController(shelf)) return undefined;
  return new EngineChart(
    'snapshot-controller',
    {
      chart: 'snapshot-controller',
      repository: 'https://piraeus.io/helm-charts/',
      release: 'snapshot-controller',
      version,
      retire,
      namespace: ground.system.namespaceName,
      values: { replicaCount: 1 },
    },
    ground.apps,
  );
}
