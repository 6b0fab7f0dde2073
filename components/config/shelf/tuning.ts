/** Settings of nodes, with the nodes and disks that they are for. */
import type { Disk } from './inventory.ts';

export interface TuningProfile {
  readonly name: string;
  readonly nodes: readonly string[];
  /** Dotted name → value. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Disks that are tuned, on these nodes. */
  readonly disks: readonly Disk[];
  readonly scheduler: string | undefined;
  readonly readAheadKiB: number | undefined;
  /** Module → option → value. */
  readonly modules: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface Tuning {
  readonly tuning: readonly TuningProfile[];
}
