/** Volumes and where they live. */
import type { AccessMode } from '../schema/volumes.ts';
import type { BackupPlan } from './backups.ts';
import type { Disk } from './inventory.ts';
import { nfsShare, type Tier } from './tiers.ts';

export interface Volume {
  /** Name of the claim, unique in the stack. */
  readonly name: string;
  readonly namespace: string;
  readonly sizeBytes: number;
  readonly accessMode: AccessMode;
  readonly tier: Tier;
  /** Where the data live; undefined on tiers that place volumes themselves. */
  readonly disk: Disk | undefined;
  readonly retire: boolean;
  /** What its owner expects of the tier; undefined: whatever the tier does. */
  readonly wantedReclaim: 'Retain' | 'Delete' | undefined;
  /** Folder of the disk, or of the share, that holds the data already. */
  readonly adopt: string | undefined;
  /** What fills it when it is new; undefined: nothing. */
  readonly restore: string | undefined;
  readonly backup: BackupPlan;
  /** Why its owner wants no snapshots of it; undefined: as its tier can. */
  readonly withoutSnapshots: string | undefined;
  /** Its owner's. */
  readonly labels: Readonly<Record<string, string>>;
  /** Where the stack file says so, for messages. */
  readonly path: string;
}

export interface Volumes {
  /** All volumes, those of applications included. */
  readonly volumes: readonly Volume[];
}

/** The directory of a static volume, on its node. */
export function directoryOf(disk: Disk, volume: Pick<Volume, 'name' | 'adopt'>): string {
  return `${disk.mountPath}/${volume.adopt ?? `larder/volumes/${volume.name}`}`;
}

/** A folder on a server that becomes a volume as it is. */
export interface RemoteFolder {
  readonly server: string;
  /** Absolute path on the server. */
  readonly folder: string;
  readonly mountOptions: readonly string[];
}

/** Undefined for a volume that its driver makes, or that is on a disk. */
export function remoteFolderOf({ tier, adopt }: Volume): RemoteFolder | undefined {
  const { config } = tier;
  if (config.engine !== 'nfs' || adopt === undefined) return undefined;
  const { server, mountOptions } = config;
  return { server, folder: `${nfsShare(config)}/${adopt}`, mountOptions };
}

/** The directory under which a dynamic tier puts its volumes, on every node that serves it. */
export function dynamicDirectoryOf(disk: Disk): string {
  return `${disk.mountPath}/larder-dynamic`;
}
