/** The kinds of storage that the shelf offers. */
import type { TierConfig } from '../schema/tiers.ts';
import type { Disk } from './inventory.ts';

export interface Tier {
  /** Also the name of the StorageClass. */
  readonly name: string;
  readonly engine: TierConfig['engine'];
  readonly isDefault: boolean;
  readonly reclaim: 'Retain' | 'Delete';
  readonly disks: readonly Disk[];
}

export interface Tiers {
  readonly tiers: readonly Tier[];
}
