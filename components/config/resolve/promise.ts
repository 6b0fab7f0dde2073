/** What the owner of a volume may rely on, tier by tier, in words that need no manual. */
import { engineFacts } from '../../rules/engines.ts';
import type { TierConfig } from '../schema/tiers.ts';
import type { Tier } from '../shelf/tiers.ts';

export function promiseOf(tier: Omit<Tier, 'promise'>): string {
  const { config } = tier;
  if (config.engine === 'scratch')
    return 'No promise at all: deleted with its claim or pod, never backed up.';
  return [
    placeWords(config),
    ...flushWords(config),
    tier.reclaim === 'Retain' ? 'Kept when the claim is deleted.' : deletionWords(config),
    growthWords(tier),
    ...(engineFacts[tier.engine].enforcesSize ? [] : ['Has no quota: watch the disk.']),
    ...(engineFacts[tier.engine].forDatabases ? [] : ['Not for databases.']),
  ].join(' ');
}

function placeWords(config: TierConfig): string {
  switch (config.engine) {
    case 'static':
    case 'local-path':
    case 'openebs-hostpath':
    case 'scratch':
    case 'topolvm':
      return 'One copy on one disk: fast; lost with that disk, away while its node is down.';
    case 'nfs':
      return `One copy on the server ${config.server}, for many nodes at once: as safe as its pool, away while the server or the network is.`;
    case 'longhorn':
    case 'rook-ceph':
    case 'mayastor':
    case 'larder':
      return copyWords(config.copies, 'spread' in config ? config.spread : 'node');
  }
}

/** The arithmetic of copies: n of them survive n - 1 failures at n times the space. */
function copyWords(copies: number, spread: string): string {
  if (copies === 1)
    return 'One copy on some node: survives no failure of it, but can move to another node.';
  const each = spread === 'node' ? 'node' : `${spread}, node`;
  const several = spread === 'node' ? 'nodes' : `${plural(spread)}, nodes`;
  const failures =
    copies === 2 ? `any one ${each} or disk` : `any ${copies - 1} ${several} or disks`;
  return `${copies} copies on different ${plural(spread)}: survives ${failures}, takes ${copies} times the space.`;
}

const plural = (domain: string) =>
  ({ switch: 'switches', shelf: 'shelves' })[domain] ?? `${domain}s`;

/** What a flush means: it decides what a power cut costs. */
function flushWords(config: TierConfig): string[] {
  if (config.engine === 'larder')
    return ['A flush is answered when it is on the disks of all copies that are in sync.'];
  if (config.engine === 'longhorn')
    return [
      'Longhorn answers flushes before the data are on the disks: a power cut that takes all copies at once can cost the newest writes.',
    ];
  return [];
}

function deletionWords(config: TierConfig): string {
  return config.engine === 'nfs' && config.onDelete === 'archive'
    ? 'Renamed on the server when the claim is deleted.'
    : 'Deleted with its claim.';
}

const growthWords = (tier: Pick<Tier, 'canGrow'>) =>
  tier.canGrow ? 'Grows in place.' : 'Does not grow.';
