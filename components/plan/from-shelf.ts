/** What a plan needs of a shelf: where copies may be, and what each volume can be restored from. */
import type { Shelf } from '../config/shelf.ts';
import type { Database } from '../config/shelf/applications.ts';
import type { Target } from '../config/shelf/backups.ts';
import type { Disk, RawDevice, ShelfNode } from '../config/shelf/inventory.ts';
import { type Tier, tiersOf } from '../config/shelf/tiers.ts';
import type { Volume } from '../config/shelf/volumes.ts';
import { engineFacts } from '../rules/engines.ts';
import type {
  Placement,
  PlanBackup,
  PlanDisk,
  PlanNode,
  PlanSubject,
  PlanTier,
} from './subject.ts';

/** One thing, one object: a plan compares disks by identity. */
type Disks = ReadonlyMap<Disk | RawDevice, PlanDisk>;

export function subjectOf(stack: string, shelf: Shelf): PlanSubject {
  const disks: Disks = new Map<Disk | RawDevice, PlanDisk>(
    shelf.nodes.flatMap((node): (readonly [Disk | RawDevice, PlanDisk])[] => [
      ...node.disks.map((disk) => [disk, { ...disk, path: disk.mountPath }] as const),
      ...node.devices.map((device) => [device, { ...device, path: device.device }] as const),
    ]),
  );
  const tiers = new Map(shelf.tiers.map((tier) => [tier, planTier(tier, disks)]));
  const databases = new Map(shelf.databases.map((database) => [database.volume, database]));
  const servers = new Set(tiersOf(shelf.tiers, 'nfs').map(({ config }) => config.server));
  return {
    stack,
    nodes: shelf.nodes.map((node) => planNode(node, disks)),
    servers: [...servers].map((name) => ({ name, shared: {}, capacityBytes: undefined })),
    tiers: [...tiers.values()],
    volumes: shelf.volumes.flatMap((volume) => {
      const { name, sizeBytes } = volume;
      const tier = tiers.get(volume.tier);
      const database = databases.get(volume);
      const backups = [
        ...backupsOf(volume, disks, shelf),
        ...(database === undefined ? [] : dumpsOf(database, disks)),
        ...longhornBackups(volume.tier, shelf),
      ];
      const disk = volume.disk === undefined ? undefined : disks.get(volume.disk);
      return tier === undefined ? [] : [{ name, tier, sizeBytes, disk, backups }];
    }),
  };
}

const known = (things: readonly (Disk | RawDevice)[], disks: Disks): PlanDisk[] =>
  things.flatMap((thing) => disks.get(thing) ?? []);

const planNode = (node: ShelfNode, disks: Disks): PlanNode => ({
  name: node.name,
  shared: node.domains,
  disks: known([...node.disks, ...node.devices], disks),
});

function planTier(tier: Tier, disks: Disks): PlanTier {
  const { name, engine, copies, config } = tier;
  return {
    name,
    engine,
    copies,
    spread: 'spread' in config ? config.spread : 'node',
    placement: placementOf(tier),
    disks: known([...tier.disks, ...tier.devices], disks),
    server: config.engine === 'nfs' ? config.server : undefined,
    isKept: engine !== 'scratch',
  };
}

function placementOf({ engine }: Tier): Placement {
  const { on, placedBy } = engineFacts[engine];
  if (on === 'server') return 'server';
  if (placedBy === 'stack') return 'placed';
  return placedBy === 'engine' ? 'spread' : 'first-pod';
}

function dumpsOf({ dumps }: Database, disks: Disks): PlanBackup[] {
  if ('skip' in dumps) return [];
  return known([dumps.disk], disks).map((place) => ({
    what: 'newest dump',
    place,
    recoveryPoint: pauseWords(dumps.schedule),
  }));
}

/** What the nightly backup sends off the cluster. */
function backupsOf({ backup }: Volume, disks: Disks, shelf: Shelf): PlanBackup[] {
  if ('skip' in backup) return [];
  const { target } = backup;
  const place = placeOfTarget(target, disks);
  const recoveryPoint = pauseWords(shelf.backupSchedule.schedule);
  return place === undefined ? [] : [{ what: 'newest backup', place, recoveryPoint }];
}

function placeOfTarget(
  { name, config, disk }: Target,
  disks: Disks,
): PlanBackup['place'] | undefined {
  switch (config.kind) {
    case 'drive':
      return disk === undefined ? undefined : disks.get(disk);
    case 'nfs':
      return { name, server: config.server, isOffSite: config.offSite };
    case 's3':
      return { name, server: undefined, isOffSite: config.offSite };
  }
}

/** What Longhorn's own jobs send away. Where that stands, its address does not tell. */
function longhornBackups({ engine }: Tier, { engines }: Shelf): PlanBackup[] {
  const { backupTarget, jobs } = engines.longhorn;
  const job = jobs.find(({ task }) => task === 'backup');
  if (engine !== 'longhorn' || backupTarget === undefined || job === undefined) return [];
  const server = /^nfs:\/\/([^:/]+)/.exec(backupTarget.url)?.[1];
  const place = { name: backupTarget.url, server, isOffSite: undefined };
  return [{ what: "newest of Longhorn's backups", place, recoveryPoint: pauseWords(job.schedule) }];
}

/** The longest pause of a cron schedule, in words; coarser where its fields are lists. */
function pauseWords(schedule: string): string {
  const [, hour = '*', dayOfMonth = '*', , dayOfWeek = '*'] = schedule.split(' ');
  if (dayOfMonth !== '*') return 'a month';
  if (dayOfWeek !== '*') return 'a week';
  const every = /^\*\/(\d+)$/.exec(hour)?.[1];
  if (every !== undefined) return `${every} hours`;
  return hour === '*' ? 'an hour' : 'a day';
}
