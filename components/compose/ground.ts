/** What the components of every section stand on. */
import type { Provider } from '@pulumi/kubernetes';
import type { Output } from '@pulumi/pulumi';
import type { Providers } from '../cluster/providers.ts';
import type { Shelf } from '../config/shelf.ts';
import type { Disk } from '../config/shelf/inventory.ts';
import type { DiskPlace } from '../disk-pod.ts';
import type { DataNamespace } from '../volumes/data-namespace.ts';

export interface BuildArgs {
  readonly shelf: Shelf;
  readonly stack: string;
  readonly providers: Providers;
  /** UID of the cluster; undefined in a preview without one, before the first update. */
  readonly clusterUid: string | undefined;
  /** Names of the nodes that the cluster has; undefined when it could not be asked. */
  readonly liveNodes: ReadonlySet<string> | undefined;
  /** Names of the volumes that earlier updates made. */
  readonly knownVolumes: ReadonlySet<string>;
  /**
   * Namespaces of earlier updates: they stay, also when nothing in the stack needs them any more.
   */
  readonly earlierNamespaces: readonly string[];
  /** Values of Secrets that the cluster holds and the state has lost, by `namespace/secret`. */
  readonly secrets: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export interface Ground {
  readonly args: BuildArgs;
  /** Options of a component whose objects can be made again. */
  readonly apps: { readonly provider: Provider };
  readonly system: DataNamespace;
  /** Namespaces of volumes, by name. */
  readonly namespaces: ReadonlyMap<string, DataNamespace>;
}

/** From the tiers on: the classes exist. */
export interface TieredGround extends Ground {
  /** StorageClass of a tier, by the tier's name: the dependency is recorded with it. */
  readonly classNames: ReadonlyMap<string, Output<string>>;
}

export const diskPlace = (disk: Disk): DiskPlace => ({
  node: disk.node,
  mountPath: disk.mountPath,
  ...(disk.uuid === undefined ? {} : { uuid: disk.uuid }),
});
