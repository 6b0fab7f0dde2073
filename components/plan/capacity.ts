/**
 * How much fits: on each disk, in each tier, and after a node is gone.
 *
 * Pure arithmetic over bytes. Two simplifications, both stated to the reader: a copy is counted as
 * if it could be cut at any byte (real copies are whole volumes, so the last few may not fit), and
 * each tier is counted as if the room that nothing is placed on were its own (disks may serve
 * several tiers; `sharedOver` looks at them together).
 * Tested: test/property/components/plan.spec.ts against a placement block by block.
 */
import type { PlanDisk, PlanSubject, PlanTier, PlanVolume } from './subject.ts';

export interface DiskCapacity {
  readonly disk: PlanDisk;
  /** Volumes that the stack file places there. */
  readonly volumes: readonly PlanVolume[];
  readonly placedBytes: number;
  /** Undefined when the stack file gives no capacity. */
  readonly freeBytes: number | undefined;
}

interface TierCapacity {
  readonly tier: PlanTier;
  /** What volumes of this tier promise to their applications. */
  readonly promisedBytes: number;
  /** What that takes on the disks: every copy counted. */
  readonly takesBytes: number;
  /** The most that it can promise; undefined when a disk's capacity is not known. */
  readonly usableBytes: number | undefined;
  /** The same with the worst node gone, all copies made again; for `spread` alone. */
  readonly usableAfterNodeLossBytes: number | undefined;
}

export interface Capacity {
  readonly disks: readonly DiskCapacity[];
  readonly tiers: readonly TierCapacity[];
}

/**
 * The most bytes of which `copies` copies fit, no two on one node.
 *
 * For every number k of nodes: at most k copies are on the k largest, so the rest must hold all
 * others. The tightest of these conditions is the answer, and it can always be reached.
 */
export function spreadBytes(nodeBytes: readonly number[], copies: number): number {
  if (nodeBytes.length < copies) return 0;
  const descending = nodeBytes.toSorted((a, b) => b - a);
  const limits = Array.from({ length: copies }, (_, largest) => {
    const restBytes = descending.slice(largest).reduce((sum, bytes) => sum + bytes, 0);
    return Math.floor(restBytes / (copies - largest));
  });
  return Math.min(...limits);
}

export function capacityOf(subject: PlanSubject): Capacity {
  const disks = subject.nodes
    .flatMap((node) => node.disks)
    .map((disk): DiskCapacity => {
      const volumes = subject.volumes.filter((volume) => volume.disk === disk);
      const placedBytes = sumBytes(volumes);
      const freeBytes =
        disk.capacityBytes === undefined
          ? undefined
          : Math.max(0, disk.capacityBytes - placedBytes);
      return { disk, volumes, placedBytes, freeBytes };
    });
  const free = new Map(disks.map(({ disk, freeBytes }) => [disk, freeBytes]));
  return { disks, tiers: subject.tiers.map((tier) => tierCapacity(tier, subject, free)) };
}

const sumBytes = (volumes: readonly PlanVolume[]) =>
  volumes.reduce((sum, volume) => sum + volume.sizeBytes, 0);

type FreeBytes = ReadonlyMap<PlanDisk, number | undefined>;

function tierCapacity(tier: PlanTier, subject: PlanSubject, free: FreeBytes): TierCapacity {
  const promisedBytes = sumBytes(subject.volumes.filter((volume) => volume.tier === tier));
  const common = { tier, promisedBytes, takesBytes: promisedBytes * tier.copies };
  const none = { ...common, usableBytes: undefined, usableAfterNodeLossBytes: undefined };
  switch (tier.placement) {
    case 'server': {
      const server = subject.servers.find(({ name }) => name === tier.server);
      return { ...none, usableBytes: server?.capacityBytes };
    }
    case 'placed': {
      const placedBytes = (disk: PlanDisk) =>
        sumBytes(subject.volumes.filter((each) => each.disk === disk && each.tier === tier));
      const usable = tier.disks.map((disk) => plus(free.get(disk), placedBytes(disk)));
      return { ...none, usableBytes: sumKnown(usable) };
    }
    case 'first-pod':
      return { ...none, usableBytes: sumKnown(tier.disks.map((disk) => free.get(disk))) };
    case 'spread': {
      const nodes = nodeBytes(tier, free);
      if (nodes === undefined) return none;
      const losses = nodes.map((_, gone) => spreadBytes(nodes.toSpliced(gone, 1), tier.copies));
      return {
        ...common,
        usableBytes: spreadBytes(nodes, tier.copies),
        usableAfterNodeLossBytes: Math.min(...losses, spreadBytes(nodes, tier.copies)),
      };
    }
  }
}

/** Free bytes of each node that serves a tier; undefined when one is not known. */
function nodeBytes(tier: PlanTier, free: FreeBytes): number[] | undefined {
  const names = [...new Set(tier.disks.map(({ node }) => node))];
  const sums = names.map((name) =>
    sumKnown(tier.disks.filter(({ node }) => node === name).map((disk) => free.get(disk))),
  );
  return sums.every((bytes) => bytes !== undefined) ? sums : undefined;
}

const plus = (bytes: number | undefined, more: number) =>
  bytes === undefined ? undefined : bytes + more;

function sumKnown(parts: readonly (number | undefined)[]): number | undefined {
  return parts.reduce<number | undefined>(
    (sum, part) => (sum === undefined || part === undefined ? undefined : sum + part),
    0,
  );
}

/**
 * What all tiers together take from the disks, and what these have; undefined when a capacity is
 * not known.
 */
export function sharedOver(
  subject: PlanSubject,
): { readonly takesBytes: number; readonly hasBytes: number } | undefined {
  const onDisks = subject.tiers.filter((tier) => tier.placement !== 'server');
  const disks = new Set(onDisks.flatMap((tier) => tier.disks));
  const hasBytes = sumKnown([...disks].map((disk) => disk.capacityBytes));
  if (hasBytes === undefined) return undefined;
  const takesBytes = subject.volumes
    .filter((volume) => volume.tier.placement !== 'server')
    .reduce((sum, volume) => sum + volume.sizeBytes * volume.tier.copies, 0);
  return takesBytes > hasBytes ? { takesBytes, hasBytes } : undefined;
}
