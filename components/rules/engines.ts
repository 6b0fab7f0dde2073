/**
 * What each engine of a tier can and cannot do, in one table: rules, plans and promises read it.
 * Facts and their sources: docs/components/tiers.md.
 */
import type { TierConfig, TierEngine } from '../config/schema/tiers.ts';
import type { AccessMode } from '../config/schema/volumes.ts';
import type { ShelfNode } from '../config/shelf/inventory.ts';
import { type Tier, tiersOf } from '../config/shelf/tiers.ts';

export interface EngineFacts {
  /** As people know it. */
  readonly title: string;
  /** Who decides where a volume lives: the stack file, the first pod, or the engine at any time. */
  readonly placedBy: 'stack' | 'first pod' | 'engine';
  readonly accessModes: readonly AccessMode[];
  /** Whether a claim can grow. */
  readonly grows: boolean;
  /** Whether a volume can be frozen as it is at one moment, for backups and read-only copies. */
  readonly snapshots: boolean;
  /** Whether the size of a volume is a limit, or a promise that nobody enforces. */
  readonly enforcesSize: boolean;
  /** What it keeps its data on. */
  readonly on: 'disks' | 'devices' | 'server';
  /** Whether a database may live on it: a flush must reach a disk, locks must hold. */
  readonly forDatabases: boolean;
}

const single: readonly AccessMode[] = ['ReadWriteOnce', 'ReadWriteOncePod'];
const shared: readonly AccessMode[] = [...single, 'ReadWriteMany', 'ReadOnlyMany'];

const folder = {
  accessModes: single,
  snapshots: false,
  enforcesSize: false,
  on: 'disks',
  forDatabases: true,
} as const;

const block = {
  placedBy: 'engine',
  accessModes: single,
  grows: true,
  snapshots: true,
  enforcesSize: true,
  forDatabases: true,
} as const;

export const engineFacts: Readonly<Record<TierEngine, EngineFacts>> = {
  static: { ...folder, title: 'a folder on one disk', placedBy: 'stack', grows: true },
  'local-path': { ...folder, title: 'local-path', placedBy: 'first pod', grows: false },
  'openebs-hostpath': { ...folder, title: 'OpenEBS LocalPV', placedBy: 'first pod', grows: false },
  scratch: {
    ...folder,
    title: 'scratch',
    placedBy: 'first pod',
    grows: false,
    forDatabases: false,
  },
  topolvm: { ...block, title: 'TopoLVM', placedBy: 'first pod', snapshots: false, on: 'devices' },
  nfs: {
    title: 'NFS',
    placedBy: 'engine',
    accessModes: shared,
    grows: true,
    snapshots: false,
    enforcesSize: false,
    on: 'server',
    forDatabases: false,
  },
  longhorn: { ...block, title: 'Longhorn', accessModes: [...single, 'ReadWriteMany'], on: 'disks' },
  'rook-ceph': { ...block, title: 'Rook-Ceph', on: 'devices' },
  mayastor: { ...block, title: 'Mayastor', on: 'devices' },
  // Snapshots where its owner wants them: rules/snapshots.ts.
  larder: { ...block, title: 'Larder', snapshots: false, on: 'disks' },
};

/** The driver that a class names; it tells which engine made the volumes of the class. */
export function provisionerOf(
  config: Pick<TierConfig, 'engine'> & { provisioner?: string },
): string {
  if (config.engine === 'local-path' && config.provisioner === 'k3s')
    return 'rancher.io/local-path';
  return provisioners[config.engine];
}

const provisioners: Readonly<Record<TierEngine, string>> = {
  static: 'kubernetes.io/no-provisioner',
  'local-path': 'larder.dev/local-path',
  scratch: 'larder.dev/local-path',
  'openebs-hostpath': 'openebs.io/local',
  nfs: 'nfs.csi.k8s.io',
  longhorn: 'driver.longhorn.io',
  'rook-ceph': 'rook-ceph.rbd.csi.ceph.com',
  mayastor: 'io.openebs.csi-mayastor',
  topolvm: 'topolvm.io',
  larder: 'csi.larder.dev',
};

/**
 * What an engine calls the zone of a node: its domain of the kind that the engine's tiers spread
 * over; undefined when they spread over nodes.
 */
export function zoneOf(
  engine: 'larder' | 'longhorn',
  tiers: readonly Tier[],
  node: ShelfNode,
): string | undefined {
  const kinds = tiersOf(tiers, engine).map(({ config }) => config.spread);
  const kind = kinds.find((spread) => spread !== 'node');
  return kind === undefined ? undefined : node.domains[kind];
}
