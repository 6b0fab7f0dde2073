/** The kinds of storage that the shelf offers. */
import type { EnginesConfig } from '../schema/engines.ts';
import type { TierConfig, TierEngine } from '../schema/tiers.ts';
import type { AccessMode } from '../schema/volumes.ts';
import type { Disk, RawDevice } from './inventory.ts';

export interface Tier {
  /** Also the name of the StorageClass. */
  readonly name: string;
  readonly engine: TierEngine;
  readonly isDefault: boolean;
  readonly reclaim: 'Retain' | 'Delete';
  readonly binding: 'Immediate' | 'WaitForFirstConsumer';
  /** Whether claims may grow. */
  readonly canGrow: boolean;
  /** Modes that a claim on it may ask for. */
  readonly accessModes: readonly AccessMode[];
  /** Copies of each volume on different nodes; 1 for tiers on one disk or one server. */
  readonly copies: number;
  /** Whether each volume needs a backup, or why none does. */
  readonly backupDuty: 'required' | { readonly skip: string };
  /** Whether it has a StorageClass object. */
  readonly hasClass: boolean;
  /** The mounted disks that serve it; none for a server or for raw devices. */
  readonly disks: readonly Disk[];
  /** The raw devices that serve it. */
  readonly devices: readonly RawDevice[];
  /** What its owner may rely on, in words. */
  readonly promise: string;
  /** What only its engine knows. */
  readonly config: TierConfig;
  /** Where the stack file says so, for messages. */
  readonly path: string;
}

/** The settings of a tier whose engine is known. */
export type ConfigOf<E extends TierEngine> = Extract<TierConfig, { engine: E }>;

/** The tiers of one engine, each with the engine's own settings. */
export function tiersOf<E extends TierEngine>(
  tiers: readonly Tier[],
  engine: E,
): { readonly tier: Tier; readonly config: ConfigOf<E> }[] {
  return tiers.flatMap((tier) => {
    const { config } = tier;
    return isOf(config, engine) ? [{ tier, config }] : [];
  });
}

function isOf<E extends TierEngine>(config: TierConfig, engine: E): config is ConfigOf<E> {
  return config.engine === engine;
}

/** The exported folder; a TrueNAS mounts its pools under /mnt. */
export function nfsShare({ share, truenas }: ConfigOf<'nfs'>): string {
  return truenas === undefined ? (share ?? '/') : `/mnt/${truenas.pool}/${truenas.dataset}`;
}

export interface Tiers {
  readonly tiers: readonly Tier[];
  readonly engines: EnginesConfig;
}
