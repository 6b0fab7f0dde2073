/** The tiers as components, and the provisioner behind those that place volumes themselves. */
import type { Tier } from '../config/shelf/tiers.ts';
import { dynamicDirectoryOf } from '../config/shelf/volumes.ts';
import { LocalPathProvisioner } from '../tiers/local-path-provisioner.ts';
import { LocalTier } from '../tiers/local-tier.ts';
import { ScratchTier } from '../tiers/scratch-tier.ts';
import type { Ground } from './ground.ts';

export type BuiltTier = LocalTier | ScratchTier;

/** One component a tier, in the order of the shelf's tiers. */
export function buildTiers(ground: Ground): BuiltTier[] {
  const { tiers } = ground.args.shelf;
  const provisioner = buildProvisioner(ground);
  // A class without its provisioner would leave claims waiting.
  const after = provisioner === undefined ? {} : { dependsOn: provisioner };
  return tiers.map(({ name, isDefault, reclaim, engine }) => {
    const opts = { ...ground.apps, ...(engine === 'static' ? {} : after) };
    return engine === 'scratch'
      ? new ScratchTier(name, { name, isDefault }, opts)
      : new LocalTier(name, { name, engine, isDefault, reclaim }, opts);
  });
}

function buildProvisioner({ args, apps, system }: Ground): LocalPathProvisioner | undefined {
  const { images, tiers } = args.shelf;
  const dynamic = tiers.filter((tier) => tier.engine !== 'static');
  if (dynamic.length === 0) return undefined;
  return new LocalPathProvisioner(
    'local-path',
    {
      namespace: system.namespaceName,
      image: images.localPathProvisioner,
      toolsImage: images.tools,
      tiers: dynamic.map((tier) => ({ className: tier.name, folders: foldersOf(tier) })),
    },
    apps,
  );
}

const foldersOf = (tier: Tier) =>
  tier.disks.map((disk) => ({ node: disk.node, path: dynamicDirectoryOf(disk) }));
