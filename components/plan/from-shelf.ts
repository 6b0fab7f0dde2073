/** What a plan needs of a shelf: where copies may be, and what each volume can be restored from. */
import type { Shelf } from '../config/shelf.ts';
import type { Database } from '../config/shelf/applications.ts';
import type { RawDevice, ShelfNode } from '../config/shelf/inventory.ts';
import { type Tier, tiersOf } from '../config/shelf/tiers.ts';
import { engineFacts } from '../rules/engines.ts';
import type {
  Placement,
  PlanBackup,
  PlanDisk,
  PlanNode,
  PlanSubject,
  PlanTier,
} from './subject.ts';

export function subjectOf(stack: string, shelf: Shelf): PlanSubject {
  const tiers = new Map(shelf.tiers.map((tier) => [tier, planTier(tier)]));
  const databases = new Map(shelf.databases.map((database) => [database.volume, database]));
  return {
    stack,
    nodes: shelf.nodes.map(planNode),
    servers: serversOf(shelf),
    tiers: [...tiers.values()],
    volumes: shelf.volumes.flatMap((volume) => {
      const { name, sizeBytes, disk } = volume;
      const tier = tiers.get(volume.tier);
      const database = databases.get(volume);
      const backups = database === undefined ? [] : dumpsOf(database);
      return tier === undefined ? [] : [{ name, tier, sizeBytes, disk, backups }];
    }),
  };
}

function planNode({ name, domains, disks, devices }: ShelfNode): PlanNode {
  const { circuit, switch: port, site } = domains;
  return {
    name,
    shared: {
      ...(circuit === undefined ? {} : { circuit }),
      ...(port === undefined ? {} : { switch: port }),
      ...(site === undefined ? {} : { site }),
    },
    disks: [...disks, ...devices.map(planDevice)],
  };
}

const planDevice = (device: RawDevice): PlanDisk => ({ ...device, mountPath: device.device });

function planTier({ name, engine, copies, config, disks, devices }: Tier): PlanTier {
  return {
    name,
    engine,
    placement: placementOf(engine),
    copies,
    disks: [...disks, ...devices.map(planDevice)],
    server: config.engine === 'nfs' ? config.server : undefined,
    isKept: engine !== 'scratch',
  };
}

function placementOf(engine: Tier['engine']): Placement {
  const { placedBy, on } = engineFacts[engine];
  if (on === 'server') return 'server';
  if (placedBy === 'stack') return 'placed';
  return placedBy === 'first pod' ? 'first-pod' : 'spread';
}

/** The servers that tiers name, once each. */
function serversOf({ tiers }: Shelf): PlanSubject['servers'] {
  const names = tiersOf(tiers, 'nfs').map(({ config }) => config.server);
  return [...new Set(names)].map((name) => ({ name, shared: {}, capacityBytes: undefined }));
}

function dumpsOf({ dumps }: Database): PlanBackup[] {
  if ('skip' in dumps) return [];
  return [{ what: 'newest dump', place: dumps.disk, recoveryPoint: pauseWords(dumps.schedule) }];
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
