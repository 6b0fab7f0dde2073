/** What engines want to see on a node: labels and annotations that follow from its disks. Pure. */
import type { EnginesConfig } from '../config/schema/engines.ts';
import type { Disk, ShelfNode } from '../config/shelf/inventory.ts';
import type { Tier } from '../config/shelf/tiers.ts';
import { zoneOf } from '../rules/engines.ts';

export interface NodeMarks {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The marks of one node. */
export function nodeMarks(
  node: ShelfNode,
  tiers: readonly Tier[],
  engines: EnginesConfig,
): NodeMarks {
  const longhorn = longhornDisks(node.name, tiers, engines);
  const zone = zoneOf('longhorn', tiers, node);
  const isMayastor = tiers.some(
    (tier) =>
      tier.engine === 'mayastor' && tier.devices.some((device) => device.node === node.name),
  );
  return {
    labels: {
      ...(longhorn.length === 0 ? {} : { 'node.longhorn.io/create-default-disk': 'config' }),
      ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
      ...(isMayastor ? { 'openebs.io/engine': 'mayastor' } : {}),
    },
    annotations:
      longhorn.length === 0
        ? {}
        : { 'node.longhorn.io/default-disks-config': JSON.stringify(longhorn) },
  };
}

/**
 * Longhorn reads them when it first sees the node; later disks are added in its own Node object.
 * Each disk is tagged with the tiers that it serves: their classes select by it.
 */
function longhornDisks(node: string, tiers: readonly Tier[], engines: EnginesConfig): object[] {
  const served = tiers.filter((tier) => tier.engine === 'longhorn');
  const disks = new Set(served.flatMap((tier) => tier.disks.filter((disk) => disk.node === node)));
  return [...disks].map((disk: Disk) => ({
    name: disk.name,
    path: `${disk.mountPath}/longhorn`,
    allowScheduling: true,
    storageReserved: engines.longhorn.reserved,
    tags: served.filter((tier) => tier.disks.includes(disk)).map((tier) => tier.name),
  }));
}
