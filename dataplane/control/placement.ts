/**
 * Where the copies of a volume go. Hard rules: no two copies in one failure domain, a disk that
 * works, carries the tags, takes new stores and has room beside its reserve. Among what is left:
 * the pod's node first, then the emptiest disk.
 *
 * Room is counted by what was promised, not by what is written: a volume can always be filled.
 */
import type { StorageNodeObject, VolumeObject } from './objects.ts';

export interface Wish {
  readonly sizeBytes: number;
  readonly copies: number;
  readonly diskTags: readonly string[];
  readonly spread: 'node' | 'zone';
  /** Nodes in the order in which they are wanted, as far as anybody cares. */
  readonly preferred?: readonly string[];
}

/** A disk of a node. */
export interface Spot {
  readonly node: string;
  readonly disk: string;
}

export type Placement =
  | { readonly kind: 'placed'; readonly spots: readonly Spot[] }
  /** Says of every node why it does not do. */
  | { readonly kind: 'impossible'; readonly why: string };

interface Candidate extends Spot {
  readonly domain: string;
  readonly leftBytes: number;
  readonly rank: number;
}

/**
 * Part of a disk that stays free, beside what its owner reserved: stores carry tables of their own.
 */
const headroom = 0.05;

/**
 * Chooses spots for the copies that are missing.
 *
 * @param kept spots that hold copies already: their domains are taken
 */
export function place(
  wish: Wish,
  nodes: readonly StorageNodeObject[],
  volumes: readonly VolumeObject[],
  kept: readonly Spot[] = [],
): Placement {
  const domains = new Map(nodes.map((node) => [node.metadata.name, domainOf(node, wish.spread)]));
  const taken = new Set(kept.map((spot) => domains.get(spot.node) ?? spot.node));
  const reasons: string[] = [];
  const candidates = nodes.flatMap((node) => {
    const domain = domainOf(node, wish.spread);
    if (taken.has(domain)) {
      reasons.push(`${node.metadata.name} holds a copy in this failure domain already`);
      return [];
    }
    const found = candidateOf(wish, node, volumes);
    if ('why' in found) reasons.push(found.why);
    return 'why' in found ? [] : [found];
  });
  const spots: Candidate[] = [];
  for (const candidate of candidates.toSorted(better)) {
    if (spots.length + kept.length >= wish.copies) break;
    if (!spots.some((spot) => spot.domain === candidate.domain)) spots.push(candidate);
  }
  if (spots.length + kept.length >= wish.copies) {
    return { kind: 'placed', spots: spots.map(({ node, disk }) => ({ node, disk })) };
  }
  const found = spots.length + kept.length;
  const short = `${wish.copies} copies need ${wish.copies} different ${wish.spread}s with ${shown(wish.sizeBytes)} each; ${found} can be had`;
  const detail = nodes.length === 0 ? 'no storage node is known' : reasons.join('; ');
  return { kind: 'impossible', why: detail === '' ? short : `${short} (${detail})` };
}

/** Size of the largest volume of these copies that could be placed now. */
export function roomFor(
  wish: Omit<Wish, 'sizeBytes'>,
  nodes: readonly StorageNodeObject[],
  volumes: readonly VolumeObject[],
): number {
  const perDomain = new Map<string, number>();
  for (const node of nodes) {
    const found = candidateOf({ ...wish, sizeBytes: 0 }, node, volumes);
    if ('why' in found) continue;
    const best = Math.max(perDomain.get(found.domain) ?? 0, found.leftBytes);
    perDomain.set(found.domain, best);
  }
  const rooms = [...perDomain.values()].toSorted((a, b) => b - a);
  const room = rooms[wish.copies - 1] ?? 0;
  return room - (room % 4096);
}

/** Bytes of a disk that may still be promised. */
export function leftOn(
  node: StorageNodeObject,
  disk: string,
  volumes: readonly VolumeObject[],
): number {
  const capacityBytes = node.status.disks.find((state) => state.name === disk)?.capacityBytes ?? 0;
  const reserveBytes = node.spec.disks.find((wanted) => wanted.name === disk)?.reserveBytes ?? 0;
  const promised = volumes
    .filter(({ status }) =>
      status.places.some((at) => at.node === node.metadata.name && at.disk === disk),
    )
    .reduce((sum, volume) => sum + volume.spec.sizeBytes, 0);
  return Math.floor(capacityBytes * (1 - headroom)) - reserveBytes - promised;
}

/** How full disks are with what was promised, 0 to 1 of what may be; 1 for one that is unknown. */
export function fillsOf(
  nodes: readonly StorageNodeObject[],
  volumes: readonly VolumeObject[],
): (node: string, disk: string, moreBytes?: number) => number {
  const room = new Map<string, number>();
  for (const { metadata, spec, status } of nodes) {
    for (const { name, reserveBytes } of spec.disks) {
      const { capacityBytes = 0 } = status.disks.find((state) => state.name === name) ?? {};
      const usable = Math.floor(capacityBytes * (1 - headroom)) - reserveBytes;
      room.set(`${metadata.name}/${name}`, usable);
    }
  }
  const promised = new Map<string, number>();
  for (const { spec, status } of volumes) {
    for (const { node, disk } of status.places) {
      const key = `${node}/${disk}`;
      promised.set(key, (promised.get(key) ?? 0) + spec.sizeBytes);
    }
  }
  return (node, disk, moreBytes = 0) => {
    const key = `${node}/${disk}`;
    const usable = room.get(key) ?? 0;
    return usable <= 0 ? 1 : ((promised.get(key) ?? 0) + moreBytes) / usable;
  };
}

/**
 * Spots beside the copies of the volume that it is made from, on the same disks: each store copies
 * what lies next to it. Fewer than were asked for, where that volume has fewer; the others are made
 * later like lost ones.
 */
export function placeBeside(
  wish: Wish,
  source: VolumeObject | undefined,
  nodes: readonly StorageNodeObject[],
  volumes: readonly VolumeObject[],
): Placement {
  const reasons: string[] = [];
  const spots = (source === undefined ? [] : goodPlacesOf(source)).flatMap((at): Spot[] => {
    const node = nodes.find(({ metadata }) => metadata.name === at.node);
    const disk = node?.spec.disks.find(({ name }) => name === at.disk);
    if (node === undefined || disk === undefined || node.status.health === 'Unknown') {
      reasons.push(`${at.node} is not heard of`);
      return [];
    }
    const leftBytes = leftOn(node, at.disk, volumes);
    if (leftBytes < wish.sizeBytes) {
      reasons.push(`${at.node}: disk ${at.disk} has room for ${shown(Math.max(0, leftBytes))}`);
      return [];
    }
    const missing = wish.diskTags.filter((tag) => !disk.tags.includes(tag));
    if (missing.length > 0) {
      reasons.push(`${at.node}: disk ${at.disk} has no tag ${missing.join(', ')}`);
      return [];
    }
    return [{ node: at.node, disk: at.disk }];
  });
  if (spots.length > 0) return { kind: 'placed', spots: spots.slice(0, wish.copies) };
  const detail = reasons.length === 0 ? 'the volume has no good copy' : reasons.join('; ');
  const why = `it begins beside the copies of the volume it is made from, with ${shown(wish.sizeBytes)} each (${detail})`;
  return { kind: 'impossible', why };
}

function goodPlacesOf({ status: { places, record } }: VolumeObject) {
  const inSync = new Set(record?.members.filter((each) => each.inSync).map(({ id }) => id));
  return places.filter(({ member, made, erase }) => made && !erase && inSync.has(member));
}

/** Why the copies of the volume cannot be so large where they are; empty when they can. */
export function noRoomToGrow(
  volume: VolumeObject,
  sizeBytes: number,
  nodes: readonly StorageNodeObject[],
  volumes: readonly VolumeObject[],
): string {
  const moreBytes = sizeBytes - volume.spec.sizeBytes;
  const short = volume.status.places.flatMap((at) => {
    const node = nodes.find(({ metadata }) => metadata.name === at.node);
    const leftBytes = node === undefined ? 0 : leftOn(node, at.disk, volumes);
    if (leftBytes >= moreBytes) return [];
    return [`${at.node} disk ${at.disk} has room for ${shown(Math.max(0, leftBytes))} more`];
  });
  if (short.length === 0) return '';
  return `each copy needs ${shown(moreBytes)} more, and ${short.join(', ')}: free some of it, or let a copy move to a larger disk`;
}

function candidateOf(
  wish: Wish,
  node: StorageNodeObject,
  volumes: readonly VolumeObject[],
): Candidate | { readonly why: string } {
  const { name } = node.metadata;
  if (!node.spec.schedulable) return { why: `${name} takes no new copies` };
  if (node.spec.evacuate) return { why: `${name} is being emptied` };
  if (node.status.address === '') return { why: `${name} has not reported itself` };
  if (node.status.health === 'Unknown') return { why: `${name} is not heard of` };
  const reasons: string[] = [];
  const disks = node.spec.disks.flatMap((disk) => {
    const state = node.status.disks.find((other) => other.name === disk.name);
    const leftBytes = leftOn(node, disk.name, volumes);
    const missing = wish.diskTags.filter((tag) => !disk.tags.includes(tag));
    const why = !disk.schedulable
      ? 'takes no new copies'
      : missing.length > 0
        ? `has no tag ${missing.join(', ')}`
        : state === undefined
          ? 'has not been reported'
          : state.problem !== ''
            ? `cannot be used: ${state.problem}`
            : leftBytes < wish.sizeBytes
              ? `has room for ${shown(Math.max(0, leftBytes))}`
              : '';
    if (why !== '') reasons.push(`${name}: disk ${disk.name} ${why}`);
    return why === '' ? [{ disk: disk.name, leftBytes }] : [];
  });
  const [best] = disks.toSorted((a, b) => b.leftBytes - a.leftBytes);
  if (best === undefined) {
    return { why: reasons.length > 0 ? reasons.join('; ') : `${name} has no disk` };
  }
  const rank = wish.preferred?.indexOf(name) ?? -1;
  return {
    node: name,
    ...best,
    domain: domainOf(node, wish.spread),
    rank: rank === -1 ? Infinity : rank,
  };
}

/** A node without a zone is a zone of its own. */
export function domainOf(node: StorageNodeObject, spread: 'node' | 'zone'): string {
  const { name } = node.metadata;
  return spread === 'zone' && node.spec.zone !== '' ? `zone ${node.spec.zone}` : `node ${name}`;
}

/** The same answer for the same question, whatever the order of the nodes. */
function better(a: Candidate, b: Candidate): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  if (a.leftBytes !== b.leftBytes) return b.leftBytes - a.leftBytes;
  return a.node < b.node ? -1 : 1;
}

function shown(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return mebibytes >= 1024
    ? `${(mebibytes / 1024).toFixed(1)} GiB`
    : `${Math.floor(mebibytes)} MiB`;
}
