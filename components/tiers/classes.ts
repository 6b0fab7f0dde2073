/** The StorageClass of a tier: which driver makes its volumes, and what the driver is told. */
import { nfsShare, type Tier } from '../config/shelf/tiers.ts';
import type { TierConfig } from '../config/schema/tiers.ts';
import { provisionerOf } from '../rules/engines.ts';
import type { ClassArgs } from './storage-tier.ts';

type Driver = Pick<ClassArgs, 'parameters' | 'annotations' | 'mountOptions'>;

/** Undefined for a tier that needs no class. */
export function classOfTier(tier: Tier): ClassArgs | undefined {
  if (!tier.hasClass) return undefined;
  const { reclaim, binding, canGrow } = tier;
  return { provisioner: provisionerOf(tier.config), ...driverOf(tier), reclaim, binding, canGrow };
}

function driverOf(tier: Tier): Driver {
  const { config } = tier;
  switch (config.engine) {
    case 'static':
    case 'scratch':
    case 'local-path':
      return {};
    case 'openebs-hostpath':
      return openebsDriver(config.path ?? tier.disks[0]?.mountPath ?? '');
    case 'nfs':
      return nfsDriver(config);
    case 'longhorn':
      return longhornDriver(config, tier);
    case 'rook-ceph':
      return rookDriver(tier.name);
    case 'mayastor':
      return {
        parameters: {
          protocol: 'nvmf',
          repl: String(config.copies),
          'csi.storage.k8s.io/fstype': config.fileSystem,
        },
      };
    case 'topolvm':
      return {
        parameters: {
          'csi.storage.k8s.io/fstype': config.fileSystem,
          'topolvm.io/device-class': tier.name,
        },
      };
    case 'larder':
      return {
        parameters: {
          copies: String(config.copies),
          // The disks that serve the tier carry its name (build/tiers.ts).
          diskTags: tier.name,
          ...(config.spread === 'node' ? {} : { spread: 'zone' }),
          'csi.storage.k8s.io/fstype': config.fileSystem,
        },
      };
  }
}

function nfsDriver(config: Extract<TierConfig, { engine: 'nfs' }>): Driver {
  return {
    parameters: {
      server: config.server,
      share: nfsShare(config),
      subDir: config.folder,
      onDelete: config.reclaim === 'Delete' ? config.onDelete : 'retain',
    },
    mountOptions: config.mountOptions,
  };
}

function longhornDriver(
  config: Extract<TierConfig, { engine: 'longhorn' }>,
  tier: Pick<Tier, 'name'>,
): Driver {
  return {
    parameters: {
      numberOfReplicas: String(config.copies),
      staleReplicaTimeout: String(config.staleReplicaTimeout),
      dataLocality: config.dataLocality,
      fsType: config.fileSystem,
      // Each disk carries the names of the tiers that it serves as tags (longhorn-disks.ts).
      diskSelector: tier.name,
      ...(config.spread === 'node' ? {} : { replicaZoneSoftAntiAffinity: 'disabled' }),
    },
  };
}

/** OpenEBS reads its parameters from annotations of the class. */
function openebsDriver(basePath: string): Driver {
  const settings = [
    { name: 'StorageType', value: 'hostpath' },
    { name: 'BasePath', value: basePath },
  ];
  return {
    annotations: {
      'openebs.io/cas-type': 'local',
      'cas.openebs.io/config': settings
        .map(({ name, value }) => `- name: ${name}\n  value: ${JSON.stringify(value)}\n`)
        .join(''),
    },
  };
}

function rookDriver(pool: string): Driver {
  const secret = (use: string, name: string) => ({
    [`csi.storage.k8s.io/${use}-secret-name`]: name,
    [`csi.storage.k8s.io/${use}-secret-namespace`]: 'rook-ceph',
  });
  return {
    parameters: {
      clusterID: 'rook-ceph',
      pool,
      imageFormat: '2',
      imageFeatures: 'layering',
      'csi.storage.k8s.io/fstype': 'ext4',
      ...secret('provisioner', 'rook-csi-rbd-provisioner'),
      ...secret('controller-expand', 'rook-csi-rbd-provisioner'),
      ...secret('controller-publish', 'rook-csi-rbd-provisioner'),
      ...secret('node-stage', 'rook-csi-rbd-node'),
    },
  };
}
