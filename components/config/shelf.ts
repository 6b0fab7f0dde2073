/**
 * The shelf: the configuration with every default filled in and every name resolved. Components are
 * built from it and edits are judged by it; nothing below this file asks "which node did they
 * mean".
 */
import type { AccessMode, DiskKind, StackConfig } from './schema.ts';

export interface Disk {
  readonly node: string;
  readonly name: string;
  readonly kind: DiskKind;
  readonly mountPath: string;
  readonly uuid: string | undefined;
  readonly capacityBytes: number | undefined;
}

export interface ShelfNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly disks: readonly Disk[];
}

export interface Tier {
  /** Also the name of the StorageClass. */
  readonly name: string;
  readonly engine: StackConfig['tiers'][number]['engine'];
  readonly isDefault: boolean;
  readonly reclaim: 'Retain' | 'Delete';
  readonly disks: readonly Disk[];
}

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
  /** Where the stack file says so, for messages. */
  readonly path: string;
}

export interface DumpPlan {
  readonly disk: Disk;
  readonly schedule: string;
  readonly timeZone: string;
  /** Verified dumps kept. */
  readonly keep: number;
}

export interface Database {
  readonly name: string;
  readonly volume: Volume;
  readonly image: string;
  readonly user: string;
  readonly database: string;
  readonly resources: StackConfig['postgres'][number]['resources'];
  /** Where the dumps go, or why there are none. */
  readonly dumps: DumpPlan | { readonly skip: string };
}

export interface Shelf {
  readonly cluster: StackConfig['cluster'];
  readonly nodes: readonly ShelfNode[];
  readonly tiers: readonly Tier[];
  /** All volumes, those of databases included. */
  readonly volumes: readonly Volume[];
  readonly databases: readonly Database[];
  readonly images: StackConfig['images'];
}

/** The directory of a static volume, on its node. */
export function directoryOf(disk: Disk, volume: string): string {
  return `${disk.mountPath}/larder/volumes/${volume}`;
}

/** The directory that holds the dumps of a database, on its node. */
export function dumpDirectoryOf(disk: Disk, database: string): string {
  return `${disk.mountPath}/larder/dumps/${database}`;
}

/** The directory under which a dynamic tier puts its volumes, on every node that serves it. */
export function dynamicDirectoryOf(disk: Disk): string {
  return `${disk.mountPath}/larder-dynamic`;
}
