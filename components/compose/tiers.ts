/** The tiers as components, and what makes the volumes of those that make them themselves. */
import path from 'node:path';
import type { Tier } from '../config/shelf/tiers.ts';
import { dynamicDirectoryOf } from '../config/shelf/volumes.ts';
import { Dataplane } from '../replicated-tier/dataplane.ts';
import { builtImage } from '../replicated-tier/image.ts';
import type { StorageNodeArgs } from '../replicated-tier/objects.ts';
import { classOfTier } from '../tiers/classes.ts';
import { LocalPathProvisioner } from '../tiers/local-path-provisioner.ts';
import { zoneOf } from '../rules/engines.ts';
import { StorageTier } from '../tiers/storage-tier.ts';
import { buildEngines } from './engines.ts';
import type { Ground } from './ground.ts';

/** One component a tier, in the order of the shelf's tiers. */
export function buildTiers(ground: Ground): StorageTier[] {
  const { tiers } = ground.args.shelf;
  const local = tiers.filter(isOnLocalPath);
  const provisioner = local.length === 0 ? undefined : buildProvisioner(local, ground);
  const replicated = tiers.filter(({ engine }) => engine === 'larder');
  const dataplane = replicated.length === 0 ? undefined : buildDataplane(replicated, ground);
  const engines = buildEngines(ground);
  return tiers.map((tier) => {
    const { name, isDefault, promise } = tier;
    const storageClass = classOfTier(tier);
    // A class without what makes its volumes would leave claims waiting.
    const makers = [
      local.includes(tier) ? provisioner : undefined,
      replicated.includes(tier) ? dataplane : undefined,
      engines.get(tier),
    ];
    const after = makers.filter((maker) => maker !== undefined);
    return new StorageTier(
      name,
      { name, isDefault, promise, ...(storageClass === undefined ? {} : { storageClass }) },
      { ...ground.apps, dependsOn: after },
    );
  });
}

/** Whether our own local-path-provisioner makes its volumes. */
function isOnLocalPath(tier: Tier): boolean {
  const { config } = tier;
  return (
    config.engine === 'scratch' ||
    (config.engine === 'local-path' && config.provisioner === 'larder')
  );
}

function buildProvisioner(
  tiers: readonly Tier[],
  { args, apps, system }: Ground,
): LocalPathProvisioner {
  const { images } = args.shelf;
  return new LocalPathProvisioner(
    'local-path',
    {
      namespace: system.namespaceName,
      image: images.localPathProvisioner,
      toolsImage: images.tools,
      tiers: tiers.map((tier) => ({ className: tier.name, folders: foldersOf(tier) })),
    },
    apps,
  );
}

const foldersOf = (tier: Tier) =>
  tier.disks.map((disk) => ({ node: disk.node, path: dynamicDirectoryOf(disk) }));

/** Each disk carries the names of the tiers that it serves as tags; the classes ask for them. */
function buildDataplane(tiers: readonly Tier[], { args, apps, system }: Ground): Dataplane {
  const { engines, images, nodes } = args.shelf;
  const {
    dataplane,
    dataplaneRepository,
    csiProvisioner,
    csiAttacher,
    csiResizer,
    csiSnapshotter,
  } = images;
  // The rules have asked for it (rules/engine-settings.ts).
  if (dataplane === undefined && dataplaneRepository === undefined)
    throw new Error('larder:images.dataplane is missing');
  const root = path.resolve(import.meta.dirname, '../..');
  const image =
    dataplane ?? builtImage('dataplane', { repository: dataplaneRepository ?? '', root }, {});
  const serving = (disk: Tier['disks'][number]) =>
    tiers.filter((tier) => tier.disks.includes(disk)).map(({ name }) => name);
  const declared = nodes.map(
    (node): StorageNodeArgs => ({
      name: node.name,
      zone: zoneOf('larder', tiers, node) ?? '',
      disks: node.disks
        .filter((disk) => serving(disk).length > 0)
        .map((disk) => ({
          name: disk.name,
          path: disk.mountPath,
          tags: serving(disk),
          reserveBytes: 0,
        })),
    }),
  );
  return new Dataplane(
    'dataplane',
    {
      namespace: system.namespaceName,
      images: { dataplane: image, csiProvisioner, csiAttacher, csiResizer, csiSnapshotter },
      snapshots: engines.larder.snapshots,
      nodes: declared.filter(({ disks }) => disks.length > 0),
      repairAfterMinutes: engines.larder.repairAfterMinutes,
      dataProvider: args.providers.data,
    },
    apps,
  );
}
