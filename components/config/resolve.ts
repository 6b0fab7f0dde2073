/**
 * From the parsed configuration to the shelf: fills in what can be derived and finds every name
 * that leads nowhere. Derives only what cannot silently move data later: with two possible nodes it
 * asks.
 *
 * Pure. Promises all problems at once. Tested: test/unit/components/config/resolve.spec.ts.
 */
import { databaseProblems } from '../rules/databases.ts';
import { diskName, inventoryProblems, tierProblems } from '../rules/inventory.ts';
import { oneOf, type Problem } from '../rules/problem.ts';
import { volumeProblems } from '../rules/volumes.ts';
import type { PostgresConfig, StackConfig, TierConfig, VolumeConfig } from './schema.ts';
import type { Database, Disk, DumpPlan, Shelf, ShelfNode, Tier, Volume } from './shelf.ts';

export type ResolvedShelf =
  | { readonly ok: true; readonly shelf: Shelf }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Either the thing or what is wrong with its place. */
type Placed<T> = { readonly value: T } | { readonly problem: Problem };

export function resolveShelf(config: StackConfig): ResolvedShelf {
  const problems = [
    ...inventoryProblems(config.nodes),
    ...tierProblems(config.tiers, config.nodes),
  ];
  const nodes = config.nodes.map(
    (node): ShelfNode => ({
      name: node.name,
      labels: node.labels,
      disks: node.disks.map((disk) => ({
        node: node.name,
        name: diskName(disk),
        kind: disk.kind,
        mountPath: disk.mount,
        uuid: disk.uuid,
        capacityBytes: disk.capacity,
      })),
    }),
  );
  const tiers = config.tiers.map((tier) => toTier(tier, nodes));
  const keep = <T>(placed: Placed<T>): T[] => {
    if ('value' in placed) return [placed.value];
    problems.push(placed.problem);
    return [];
  };
  const volumes = config.volumes.flatMap((volume, index) =>
    keep(placeVolume(volume, volume.name, `larder:volumes[${index}]`, tiers, nodes)),
  );
  const databases = config.postgres.flatMap((database, index) => {
    const path = `larder:postgres[${index}]`;
    return keep(
      placeVolume(
        { ...database, accessMode: 'ReadWriteOnce' },
        `postgres-${database.name}`,
        path,
        tiers,
        nodes,
      ),
    ).flatMap((volume) =>
      keep(placeDumps(database, volume, config, nodes)).map((dumps) =>
        toDatabase(database, volume, dumps, config),
      ),
    );
  });
  const all = [...volumes, ...databases.map((database) => database.volume)];
  problems.push(...volumeProblems(all), ...databases.flatMap(databaseProblems));
  if (problems.length > 0) return { ok: false, problems };
  const { cluster, images } = config;
  return { ok: true, shelf: { cluster, nodes, tiers, volumes: all, databases, images } };
}

function toTier(tier: TierConfig, nodes: readonly ShelfNode[]): Tier {
  const serves = (disk: Disk) =>
    tier.disks === undefined ? disk.kind !== 'sd' : tier.disks.includes(disk.name);
  return {
    name: tier.name,
    engine: tier.engine,
    isDefault: tier.default,
    reclaim: tier.reclaim ?? (tier.engine === 'scratch' ? 'Delete' : 'Retain'),
    disks: nodes.flatMap((node) => node.disks.filter(serves)),
  };
}

type Placeable = Pick<
  VolumeConfig,
  'size' | 'accessMode' | 'tier' | 'node' | 'disk' | 'namespace' | 'retire'
>;

function placeVolume(
  wanted: Placeable,
  name: string,
  path: string,
  tiers: readonly Tier[],
  nodes: readonly ShelfNode[],
): Placed<Volume> {
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
  const volume = {
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

/**
 * Database first, then `larder:backup`, then the first other node with a disk that is no SD card.
 */
function placeDumps(
  database: PostgresConfig,
  volume: Volume,
  config: StackConfig,
  nodes: readonly ShelfNode[],
): Placed<DumpPlan | { readonly skip: string }> {
  const { dumps } = database;
  if (dumps.skip !== undefined) return { value: { skip: dumps.skip } };
  const timing = {
    schedule: dumps.schedule ?? config.backup.schedule,
    timeZone: dumps.timeZone ?? config.backup.timeZone,
    keep: dumps.keep ?? config.backup.keep,
  };
  const own = dumps.node !== undefined || dumps.disk !== undefined;
  const named = own ? dumps : config.backup;
  const home = volume.disk?.node;
  const isNamed = named.node !== undefined || named.disk !== undefined;
  const disk = nodes
    .flatMap((node) => node.disks)
    .find(
      (candidate) =>
        (named.node === undefined || candidate.node === named.node) &&
        (named.disk === undefined ? candidate.kind !== 'sd' : candidate.name === named.disk) &&
        (isNamed || candidate.node !== home),
    );
  if (disk !== undefined) return { value: { disk, ...timing } };
  const wanted = [named.node, named.disk].filter((part) => part !== undefined).join('/');
  return {
    problem: {
      path: isNamed && !own ? 'larder:backup' : `${volume.path}.dumps`,
      found: isNamed ? `${wanted}, which is no disk of the inventory` : 'no disk on another node',
      allowed: oneOf(
        nodes
          .flatMap((node) => node.disks)
          .filter((candidate) => candidate.node !== home)
          .map((candidate) => `${candidate.node}/${candidate.name}`),
      ),
      todo: 'name `node:` and `disk:` of another node or of an external drive, or `skip: <reason>` to go without',
    },
  };
}

function toDatabase(
  database: PostgresConfig,
  volume: Volume,
  dumps: Database['dumps'],
  config: StackConfig,
): Database {
  return {
    name: database.name,
    volume,
    image: database.image ?? config.images.postgres,
    user: database.user,
    database: database.database,
    resources: database.resources,
    dumps,
  };
}
