/** The nodes and disks that the shelf has. */
import type { DiskKind } from '../schema/inventory.ts';

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

export interface Inventory {
  readonly nodes: readonly ShelfNode[];
}
