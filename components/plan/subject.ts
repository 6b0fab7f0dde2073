/**
 * What a plan is made of: computers with their disks and what they share, servers beside them,
 * tiers and volumes. Sizes are bytes; a size that the stack file does not give is undefined, never
 * guessed.
 */

/** What several computers share and lose together. */
export type SharedKind = 'switch' | 'circuit' | 'shelf' | 'site';

/**
 * Names of what a computer shares; a missing one is shared with all others that miss it, except a
 * shelf: nobody stands on one that nobody named.
 */
export type Shared = Readonly<Partial<Record<SharedKind, string | undefined>>>;

export interface PlanDisk {
  readonly node: string;
  readonly name: string;
  readonly kind: string;
  /** Where it is mounted, or the raw device. */
  readonly path: string;
  readonly capacityBytes: number | undefined;
}

export interface PlanNode {
  readonly name: string;
  readonly shared: Shared;
  readonly disks: readonly PlanDisk[];
}

/** A computer that stores and is no node: a NAS. Its disks are its own affair. */
interface PlanServer {
  readonly name: string;
  readonly shared: Shared;
  readonly capacityBytes: number | undefined;
}

/**
 * Where the copies of a tier's volumes may be.
 * - `placed`: one, on the disk that the stack file names;
 * - `first-pod`: one, on the disk of whichever node its first pod runs on;
 * - `spread`: each apart from the others (`PlanTier.spread`), and moved to a further node when one
 *   is gone;
 * - `server`: on a server beside the nodes, which answers over the network.
 */
export type Placement = 'placed' | 'first-pod' | 'spread' | 'server';

export interface PlanTier {
  readonly name: string;
  readonly engine: string;
  readonly placement: Placement;
  readonly copies: number;
  /** What two copies of a volume never share; `node` without the owner's word. */
  readonly spread: 'node' | SharedKind;
  /** Disks that may hold a copy; none for `server`. */
  readonly disks: readonly PlanDisk[];
  /** Name of the server, for `server` alone. */
  readonly server: string | undefined;
  /** False for scratch: what is there may be lost. */
  readonly isKept: boolean;
}

/** A place for backups that is no disk of a node. */
interface PlanPlace {
  /** As people know it: an address. */
  readonly name: string;
  /** The server that holds it, when it is one of `servers`. */
  readonly server: string | undefined;
  /** Whether it stands in another house; undefined when the stack file does not tell. */
  readonly isOffSite: boolean | undefined;
}

/** A copy apart from the volume, from which it can be restored. */
export interface PlanBackup {
  /** In words: `dump of every night`. */
  readonly what: string;
  readonly place: PlanDisk | PlanPlace;
  /** How much is lost at most, in words: `a day`. */
  readonly recoveryPoint: string;
}

export interface PlanVolume {
  readonly name: string;
  readonly tier: PlanTier;
  readonly sizeBytes: number;
  /** The disk that the stack file names, for `placed` alone. */
  readonly disk: PlanDisk | undefined;
  readonly backups: readonly PlanBackup[];
}

export interface PlanSubject {
  readonly stack: string;
  readonly nodes: readonly PlanNode[];
  readonly servers: readonly PlanServer[];
  readonly tiers: readonly PlanTier[];
  readonly volumes: readonly PlanVolume[];
}
