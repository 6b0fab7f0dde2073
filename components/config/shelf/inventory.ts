/** The nodes and disks that the shelf has. */
import type { Architecture, DiskKind, NodeConfig, NodeRole } from '../schema/inventory.ts';

/** A disk with a file system, mounted on its node. */
export interface Disk {
  readonly node: string;
  readonly name: string;
  readonly kind: DiskKind;
  readonly mountPath: string;
  readonly uuid: string | undefined;
  readonly capacityBytes: number | undefined;
  /** The tiers that it serves, when its owner says so. */
  readonly tiers: readonly string[] | undefined;
  readonly endurance: string | undefined;
}

/** A disk that an engine takes whole. */
export interface RawDevice {
  readonly node: string;
  readonly name: string;
  readonly kind: DiskKind;
  /** `/dev/disk/by-id/…` */
  readonly device: string;
  readonly capacityBytes: number | undefined;
}

/** What fails together; two nodes with one name in a domain are lost at once. */
type Domains = NodeConfig['domains'];

export interface ShelfNode {
  readonly name: string;
  readonly address: string | undefined;
  readonly architecture: Architecture | undefined;
  readonly roles: readonly NodeRole[];
  readonly cores: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly domains: Domains;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: NodeConfig['taints'];
  readonly disks: readonly Disk[];
  readonly devices: readonly RawDevice[];
}

export interface Inventory {
  readonly nodes: readonly ShelfNode[];
}
