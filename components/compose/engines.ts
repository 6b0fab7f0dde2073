/** The engines that tiers need, set up once each, before the classes that use them. */
import type { Resource } from '@pulumi/pulumi';
import type { Tier } from '../config/shelf/tiers.ts';
import { CephCluster } from '../tiers/ceph-cluster.ts';
import { type EngineSetup, engineSetups } from '../tiers/charts.ts';
import { EngineChart } from '../tiers/engine-chart.ts';
import { LonghornJobs } from '../tiers/longhorn-jobs.ts';
import { MayastorPools } from '../tiers/mayastor-pools.ts';
import type { Ground } from './ground.ts';

/** What must be there before the class of a tier, by tier; nothing for tiers without an engine. */
export function buildEngines(ground: Ground): ReadonlyMap<Tier, Resource> {
  const { tiers, engines } = ground.args.shelf;
  return new Map(
    engineSetups(tiers, engines).flatMap((setup) => {
      const built = buildEngine(setup, ground);
      return setup.tiers.map((tier) => [tier, built] as const);
    }),
  );
}

function buildEngine(setup: EngineSetup, ground: Ground): Resource {
  const { key, ownNamespace, chart } = setup;
  // Made with all others: an earlier update may have made it, and it is declared once.
  const own = ownNamespace === undefined ? undefined : ground.namespaces.get(ownNamespace);
  const namespace = (own ?? ground.system).namespaceName;
  const release = new EngineChart(key, { ...chart, namespace }, ground.apps);
  const { engines } = ground.args.shelf;
  const retire = engines[key].retire;
  const devices = [...new Set(setup.tiers.flatMap((tier) => tier.devices))];
  const after = { ...ground.apps, dependsOn: release };
  switch (key) {
    case 'longhorn':
      new LonghornJobs('longhorn-job', { namespace, jobs: engines.longhorn.jobs }, after);
      return release;
    case 'rookCeph':
      return new CephCluster(
        'ceph',
        { namespace, image: engines.rookCeph.image, devices, pools: setup.tiers, retire },
        after,
      );
    case 'mayastor':
      return new MayastorPools('mayastor-pool', { namespace, devices, retire }, after);
    case 'nfs':
    case 'openebs':
    case 'topolvm':
      return release;
  }
}
