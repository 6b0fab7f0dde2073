/** What of the shelf the alerts watch: follows from everything else, nobody has to list it. */
import { dataplaneName } from '../../names.ts';
import type { StackConfig } from '../schema.ts';
import type { Applications } from '../shelf/applications.ts';
import type { Inventory } from '../shelf/inventory.ts';
import type { Monitored } from '../shelf/monitoring.ts';
import type { Tiers } from '../shelf/tiers.ts';
import type { Volumes } from '../shelf/volumes.ts';

export function resolveMonitoring(
  config: StackConfig,
  { nodes, databases, tiers, volumes }: Inventory & Tiers & Applications & Volumes,
): Monitored {
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
      ...databases.flatMap(({ name, dumps }) => ('skip' in dumps ? [] : [`dump-${name}`])),
      ...volumes.flatMap(({ name, backup }) =>
        'skip' in backup ? [] : [`backup-${name}`, `drill-${name}`],
      ),
    ],
    dataplane: tiers.some(({ engine }) => engine === 'larder') ? dataplaneName : undefined,
    hasLonghorn: tiers.some(({ engine }) => engine === 'longhorn'),
  };
  return { monitoring: { ...config.monitoring, watched } };
}
