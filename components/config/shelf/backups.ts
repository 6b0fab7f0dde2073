/** What is copied, where to, how often and how many copies are kept. */
import type { BackupScheduleConfig, SnapshotsConfig, TargetConfig } from '../schema/backups.ts';
import type { Disk } from './inventory.ts';

/** A place off the cluster; of a drive, the disk behind it. */
export interface Target {
  readonly name: string;
  readonly config: TargetConfig;
  readonly disk: Disk | undefined;
  /** Where the stack file says so, for messages. */
  readonly path: string;
}

export interface Backups {
  readonly targets: readonly Target[];
  readonly backupSchedule: BackupScheduleConfig;
  readonly snapshots: SnapshotsConfig;
  /** Never shown. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Where a volume is backed up to, or why it is not. */
export type BackupPlan =
  | { readonly target: Target }
  | {
      readonly skip: string;
      /** Whether the owner said so; else there is no target at all. */
      readonly isMeant: boolean;
    };

export interface DumpPlan {
  readonly disk: Disk;
  readonly schedule: string;
  readonly timeZone: string;
  /** Verified dumps kept. */
  readonly keep: number;
}

/** The directory that holds the dumps of a database, on its node. */
export function dumpDirectoryOf(disk: Disk, database: string): string {
  return `${disk.mountPath}/larder/dumps/${database}`;
}
