/** The charts of the engines, and what they are told of the shelf. Pure. */
import type { EnginesConfig } from '../config/schema/engines.ts';
import { type Tier, tiersOf } from '../config/shelf/tiers.ts';
import type { EngineChartArgs } from './engine-chart.ts';

/** The key of an engine's set-up under `larder:engines`; our own data plane has no chart. */
type EngineKey = Exclude<keyof EnginesConfig, 'larder' | 'snapshotController'>;

export interface EngineSetup {
  readonly key: EngineKey;
  /** The tiers that need it. */
  readonly tiers: readonly Tier[];
  /** A Namespace of its own; undefined: the program's. */
  readonly ownNamespace: string | undefined;
  readonly chart: Omit<EngineChartArgs, 'namespace'>;
}

/**
 * Namespaces that engines have to themselves. Their pods work on disks and devices; they stay
 * declared as they are when their engine was let go of, for it still runs in them.
 */
export const engineNamespaces: ReadonlySet<string> = new Set([
  'longhorn-system',
  'rook-ceph',
  'mayastor',
  'topolvm-system',
]);

/** What tiers of the shelf need and nobody else sets up. */
export function engineSetups(tiers: readonly Tier[], engines: EnginesConfig): EngineSetup[] {
  const all = [
    longhorn(tiers, engines.longhorn),
    nfs(tiers, engines.nfs),
    openebs(tiers, engines.openebs),
    rookCeph(tiers, engines.rookCeph),
    mayastor(tiers, engines.mayastor),
    topolvm(tiers, engines.topolvm),
  ];
  return all.filter(({ key, tiers: needing }) => needing.length > 0 && engines[key].install);
}

const having = (tiers: readonly Tier[], engine: Tier['engine']) =>
  tiers.filter((tier) => tier.engine === engine);

function longhorn(tiers: readonly Tier[], config: EnginesConfig['longhorn']): EngineSetup {
  const own = tiersOf(tiers, 'longhorn');
  const { backupTarget: target } = config;
  return {
    key: 'longhorn',
    tiers: own.map(({ tier }) => tier),
    ownNamespace: 'longhorn-system',
    chart: {
      chart: 'longhorn',
      repository: 'https://charts.longhorn.io',
      release: 'longhorn',
      version: config.version,
      retire: config.retire,
      values: {
        // The classes are ours: one a tier.
        persistence: { defaultClass: false },
        defaultSettings: {
          ...config.settings,
          // Disks are those of the inventory (node-marks.ts), and no folder on a system disk.
          createDefaultDiskLabeledNodes: true,
          replicaSoftAntiAffinity: false,
          defaultReplicaCount: Math.max(0, ...own.map((each) => each.config.copies)),
        },
        ...(target === undefined
          ? {}
          : {
              defaultBackupStore: {
                backupTarget: target.url,
                backupTargetCredentialSecret: target.secret ?? '',
              },
            }),
        longhornUI: { replicas: 1 },
        // Upgrades are this program's: Longhorn's own checker job would fail the release.
        preUpgradeChecker: { jobEnabled: false },
      },
    },
  };
}

function nfs(tiers: readonly Tier[], { version, retire }: EnginesConfig['nfs']): EngineSetup {
  return {
    key: 'nfs',
    tiers: having(tiers, 'nfs'),
    ownNamespace: undefined,
    chart: {
      chart: 'csi-driver-nfs',
      repository: 'https://raw.githubusercontent.com/kubernetes-csi/csi-driver-nfs/master/charts',
      release: 'csi-driver-nfs',
      version,
      retire,
      values: { controller: { replicas: 1 }, externalSnapshotter: { enabled: false } },
    },
  };
}

function openebs(
  tiers: readonly Tier[],
  { version, retire }: EnginesConfig['openebs'],
): EngineSetup {
  return {
    key: 'openebs',
    tiers: having(tiers, 'openebs-hostpath'),
    ownNamespace: undefined,
    chart: {
      chart: 'localpv-provisioner',
      repository: 'https://openebs.github.io/dynamic-localpv-provisioner',
      release: 'openebs-localpv',
      version,
      retire,
      values: { hostpathClass: { enabled: false }, analytics: { enabled: false } },
    },
  };
}

function rookCeph(
  tiers: readonly Tier[],
  { version, retire }: EnginesConfig['rookCeph'],
): EngineSetup {
  return {
    key: 'rookCeph',
    tiers: having(tiers, 'rook-ceph'),
    ownNamespace: 'rook-ceph',
    chart: {
      chart: 'rook-ceph',
      repository: 'https://charts.rook.io/release',
      release: 'rook-ceph',
      version,
      retire,
      values: { crds: { enabled: true }, csi: { enableCephfsDriver: false } },
    },
  };
}

function mayastor(
  tiers: readonly Tier[],
  { version, retire }: EnginesConfig['mayastor'],
): EngineSetup {
  return {
    key: 'mayastor',
    tiers: having(tiers, 'mayastor'),
    ownNamespace: 'mayastor',
    chart: {
      chart: 'mayastor',
      repository: 'https://openebs.github.io/mayastor-extensions',
      release: 'mayastor',
      version,
      retire,
      values: {
        base: { metrics: { enabled: false } },
        eventing: { enabled: false },
        obs: { callhome: { enabled: false } },
        storageClass: { enabled: false },
      },
    },
  };
}

function topolvm(tiers: readonly Tier[], config: EnginesConfig['topolvm']): EngineSetup {
  const own = tiersOf(tiers, 'topolvm');
  return {
    key: 'topolvm',
    tiers: own.map(({ tier }) => tier),
    ownNamespace: 'topolvm-system',
    chart: {
      chart: 'topolvm',
      repository: 'https://topolvm.github.io/topolvm',
      release: 'topolvm',
      version: config.version,
      retire: config.retire,
      values: {
        controller: { replicaCount: 1 },
        // Kubernetes tracks the capacity itself; without the webhook, no cert-manager is needed.
        scheduler: { enabled: false },
        webhook: { podMutatingWebhook: { enabled: false } },
        lvmd: {
          deviceClasses: own.map(({ tier, config: { volumeGroup, spareGb } }) => ({
            name: tier.name,
            'volume-group': volumeGroup,
            'spare-gb': spareGb,
            default: false,
          })),
        },
        storageClasses: [],
      },
    },
  };
}
