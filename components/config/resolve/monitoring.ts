/** What of the shelf the alerts watch: follows from everything else, nobody has to list it. */
import { clusterBackup, dataplaneName, snapshotsName } from '../../names.ts';
import { snapshotsOf } from '../../rules/snapshots.ts';
import type { StackConfig } from '../schema.ts';
import type { Applications } from '../shelf/applications.ts';
import type { Backups } from '../shelf/backups.ts';
import type { Inventory } from '../shelf/inventory.ts';
import type { Monitored } from '../shelf/monitoring.ts';
import type { Tiers } from '../shelf/tiers.ts';
import type { Volumes } from '../shelf/volumes.ts';

export function resolveMonitoring(
  config: StackConfig,
  sections: Inventory & Tiers & Applications & Backups & Volumes,
): Monitored {
  const { nodes, tiers, databases } = sections;
  const dumps = databases.flatMap(({ name, dumps: plan }) => ('skip' in plan ? [] : [name]));
  const disks = nodes.flatMap((node) => node.disks);
  const paths = [...new Set(disks.map(({ mountPath }) => mountPath))];
  const watched = {
    nodes: nodes.map(({ name }) => name),
    mounts: paths.map((path) => ({
      path,
      nodes: disks.filter(({ mountPath }) => mountPath === path).map(({ node }) => node),
    })),
    // As build/backups.ts calls them.
    backups: [
      ...dumps.map((name) => `dump-${name}`),
      ...copiesOf(sections),
      ...snapshotJobs(sections),
    ],
    dataplane: tiers.some(({ engine }) => engine === 'larder') ? dataplaneName : undefined,
    hasLonghorn: tiers.some(({ engine }) => engine === 'longhorn'),
  };
  return { monitoring: { ...config.monitoring, watched } };
}

/** One job in each Namespace, all of one name. */
function snapshotJobs(sections: Tiers & Backups & Volumes): string[] {
  const isTaken = sections.volumes.some((volume) => snapshotsOf(volume, sections).by === 'program');
  return isTaken ? [snapshotsName] : [];
}

/** Jobs that bring copies elsewhere, or new versions of a dataset. */
function copiesOf({
  nodes,
  volumes,
  databases,
  gitea,
  datasets,
  backupSchedule,
}: Inventory & Applications & Backups & Volumes): string[] {
  // What goes off the cluster of a database are its dumps.
  const bare = databases.flatMap(({ volume, dumps }) => ('skip' in dumps ? [volume] : []));
  const backedUp = volumes.filter((volume) => 'target' in volume.backup && !bare.includes(volume));
  const servers = nodes.filter(({ roles }) => roles.includes('server'));
  const names = [
    ...backedUp.map(({ name }) => name),
    ...(backupSchedule.k3s === undefined ? [] : servers.map(({ name }) => clusterBackup(name))),
  ];
  return [
    ...names.flatMap((name) => [`backup-${name}`, `drill-${name}`]),
    ...gitea.flatMap(({ volume, config }) =>
      config.mirror === undefined ? [] : [`mirror-${volume.name}`],
    ),
    ...datasets.map(({ volume }) => `${volume.name}-writer`),
  ];
}
