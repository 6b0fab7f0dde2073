/** What is copied, where to, how often and how many copies are kept. */
import type { Disk } from './inventory.ts';

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
