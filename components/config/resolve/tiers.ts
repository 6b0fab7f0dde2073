/** Tiers, each with the disks that serve it and what may be relied on. */
import { hardwareProblems } from '../../rules/hardware.ts';
import { engineFacts } from '../../rules/engines.ts';
import { engineProblems } from '../../rules/engine-settings.ts';
import type { Problem } from '../../rules/problem.ts';
import { tierProblems } from '../../rules/tiers.ts';
import type { StackConfig } from '../schema.ts';
import type { TierConfig } from '../schema/tiers.ts';
import type { Disk, Inventory, RawDevice } from '../shelf/inventory.ts';
import type { Tier, Tiers } from '../shelf/tiers.ts';
import { promiseOf } from './promise.ts';

export function resolveTiers(
  config: StackConfig,
  inventory: Inventory,
  problems: Problem[],
): Tiers {
  const tiers = config.tiers.map((tier, index) =>
    toTier(tier, `larder:tiers[${index}]`, inventory),
  );
  problems.push(
    ...tierProblems(tiers, inventory.nodes),
    ...engineProblems(config.engines, tiers, config.images),
    ...tiers.flatMap((tier) => hardwareProblems(tier, inventory.nodes)),
  );
  return { tiers, engines: config.engines };
}

function toTier(config: TierConfig, path: string, { nodes }: Inventory): Tier {
  const facts = engineFacts[config.engine];
  const disks = facts.on === 'disks' ? nodes.flatMap((node) => node.disks) : [];
  const devices = facts.on === 'devices' ? nodes.flatMap((node) => node.devices) : [];
  const tier = {
    name: config.name,
    engine: config.engine,
    isDefault: config.default,
    reclaim: config.reclaim ?? (config.engine === 'scratch' ? 'Delete' : 'Retain'),
    binding: bindingOf(config),
    canGrow: facts.grows && (!('expand' in config) || config.expand) && hasClass(config),
    accessModes: facts.accessModes,
    copies: 'copies' in config ? config.copies : 1,
    backupDuty: config.engine === 'scratch' ? scratchDuty : (config.backup ?? 'required'),
    hasClass: hasClass(config),
    disks: disks.filter((disk) => servesDisk(config, disk)),
    devices: devices.filter((device) => servesDevice(config, device)),
    config,
    path,
  } as const;
  return { ...tier, promise: promiseOf(tier) };
}

const scratchDuty = { skip: 'scratch: it may be lost at any time' } as const;

const hasClass = (config: TierConfig) => config.engine !== 'static' || config.class;

/** A volume on a node's own disk can only be made once it is known which node the pod runs on. */
function bindingOf(config: TierConfig): Tier['binding'] {
  const chosen = 'binding' in config ? config.binding : undefined;
  return chosen ?? (config.engine === 'nfs' ? 'Immediate' : 'WaitForFirstConsumer');
}

/**
 * The disk's owner has the first word, then the tier's list of names; without either, all but SD
 * cards. `media` narrows whatever is left.
 */
function servesDisk(config: TierConfig, disk: Disk): boolean {
  const named = 'disks' in config ? config.disks : undefined;
  const media = 'media' in config ? config.media : undefined;
  if (media !== undefined && !media.includes(disk.kind)) return false;
  if (disk.tiers !== undefined) return disk.tiers.includes(config.name);
  if (named !== undefined) return named.includes(disk.name);
  return disk.kind !== 'sd' || media !== undefined;
}

function servesDevice(config: TierConfig, device: RawDevice): boolean {
  if (config.engine === 'topolvm')
    return config.nodes === undefined || config.nodes.includes(device.node);
  const named = 'devices' in config ? config.devices : undefined;
  return named === undefined || named.includes(device.name);
}
