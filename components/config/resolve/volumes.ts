/** Volumes, each on its tier and, where the tier does not choose, on its disk. */
import { oneOf, type Problem } from '../../rules/problem.ts';
import type { VolumeConfig } from '../schema/volumes.ts';
import type { Disk, ShelfNode } from '../shelf/inventory.ts';
import type { Tier } from '../shelf/tiers.ts';
import type { Volume } from '../shelf/volumes.ts';
import { planBackup } from './backups.ts';
import { type Ground, keep, type Placed } from './ground.ts';

export function resolveVolumes(ground: Ground, problems: Problem[]): Volume[] {
  return ground.config.volumes.flatMap((volume, index) =>
    keep(placeVolume(volume, volume.name, `larder:volumes[${index}]`, ground), problems),
  );
}

export type Placeable = Pick<
  VolumeConfig,
  | 'size'
  | 'accessMode'
  | 'tier'
  | 'node'
  | 'disk'
  | 'namespace'
  | 'retire'
  | 'reclaim'
  | 'adopt'
  | 'restore'
  | 'backup'
  | 'snapshots'
  | 'labels'
>;

/**
 * A claim on a tier.
 *
 * @param name of the claim
 * @param path of its entry in the stack file, for messages
 */
export function placeVolume(
  wanted: Placeable,
  name: string,
  path: string,
  ground: Ground,
): Placed<Volume> {
  const { tiers, nodes } = ground;
  const tier =
    wanted.tier === undefined
      ? tiers.find((candidate) => candidate.engine === 'static')
      : tiers.find((candidate) => candidate.name === wanted.tier);
  if (tier === undefined)
    return {
      problem: {
        path: `${path}.tier`,
        found: wanted.tier ?? 'nothing, and no static tier to take instead',
        allowed: oneOf(tiers.map((candidate) => candidate.name)),
        todo: 'choose one of them, or declare the tier under larder:tiers',
      },
    };
  const backup = planBackup(wanted, tier, path, ground);
  if ('problem' in backup) return backup;
  const volume = {
    adopt: wanted.adopt,
    restore: wanted.restore === 'none' ? undefined : wanted.restore,
    backup: backup.value,
    withoutSnapshots: wanted.snapshots.skip,
    labels: wanted.labels,
    wantedReclaim: wanted.reclaim,
    name,
    namespace: wanted.namespace,
    sizeBytes: wanted.size,
    accessMode: wanted.accessMode,
    tier,
    retire: wanted.retire,
    path,
  };
  if (tier.engine !== 'static') return placeDynamic(volume, wanted, tier);
  const disk = chooseDisk(wanted, tier, path, nodes);
  return 'problem' in disk ? disk : { value: { ...volume, disk: disk.value } };
}

/**
 * Dynamic tiers follow the first pod: a node or disk in the file would be a promise nobody keeps.
 */
function placeDynamic(volume: Omit<Volume, 'disk'>, wanted: Placeable, tier: Tier): Placed<Volume> {
  const named = wanted.node === undefined ? wanted.disk : wanted.node;
  if (named === undefined) return { value: { ...volume, disk: undefined } };
  return {
    problem: {
      path: `${volume.path}.${wanted.node === undefined ? 'disk' : 'node'}`,
      found: named,
      allowed: `nothing: the tier ${tier.name} places a volume where its first pod runs`,
      todo: 'remove it, or choose a static tier',
    },
  };
}

function chooseDisk(
  wanted: Pick<VolumeConfig, 'node' | 'disk'>,
  tier: Tier,
  path: string,
  nodes: readonly ShelfNode[],
): Placed<Disk> {
  const names = nodes.map((node) => node.name);
  if (wanted.node !== undefined && !names.includes(wanted.node))
    return {
      problem: {
        path: `${path}.node`,
        found: wanted.node,
        allowed: oneOf(names),
        todo: 'choose one of them, or add the node under larder:nodes',
      },
    };
  const node = (disk: Disk) => wanted.node === undefined || disk.node === wanted.node;
  // Named outright, any disk will do: the rules say what may live on it.
  const pool =
    wanted.disk === undefined
      ? tier.disks
      : nodes.flatMap((each) => each.disks).filter((disk) => disk.name === wanted.disk);
  const candidates = pool.filter(node);
  const [only] = candidates;
  if (candidates.length === 1 && only !== undefined) return { value: only };
  return { problem: choiceProblem(wanted, tier, path, candidates, nodes) };
}

function choiceProblem(
  wanted: Pick<VolumeConfig, 'node' | 'disk'>,
  tier: Tier,
  path: string,
  candidates: readonly Disk[],
  nodes: readonly ShelfNode[],
): Problem {
  const show = (disks: readonly Disk[]) => oneOf(disks.map((disk) => `${disk.node}/${disk.name}`));
  if (candidates.length === 0)
    return {
      path: wanted.disk === undefined ? `${path}.node` : `${path}.disk`,
      found: `${wanted.disk ?? 'no disk'} on ${wanted.node ?? 'any node'} that could hold it`,
      allowed: show(wanted.disk === undefined ? tier.disks : nodes.flatMap((node) => node.disks)),
      todo: `place it on one of them, or let another disk serve the tier ${tier.name}`,
    };
  const severalNodes = new Set(candidates.map((disk) => disk.node)).size > 1;
  return {
    path,
    found: `${candidates.length} disks that could hold it: ${candidates.map((disk) => `${disk.node}/${disk.name}`).join(', ')}`,
    allowed: 'one place: the data will live there and do not move by themselves',
    todo: severalNodes ? 'add `node:`' : 'add `disk:`',
  };
}
