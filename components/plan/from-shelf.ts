/** What a plan needs of a shelf: where copies may be, and what each volume can be restored from. */
import type { Shelf } from '../config/shelf.ts';
import type { Database } from '../config/shelf/applications.ts';
import type { Tier } from '../config/shelf/tiers.ts';
import type { Placement, PlanBackup, PlanSubject, PlanTier } from './subject.ts';

const placements: Readonly<Record<Tier['engine'], Placement>> = {
  static: 'placed',
  'local-path': 'first-pod',
  scratch: 'first-pod',
};

export function subjectOf(stack: string, shelf: Shelf): PlanSubject {
  const tiers = new Map(shelf.tiers.map((tier) => [tier, planTier(tier)]));
  const databases = new Map(shelf.databases.map((database) => [database.volume, database]));
  return {
    stack,
    nodes: shelf.nodes.map(({ name, disks }) => ({ name, shared: {}, disks })),
    servers: [],
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

function planTier({ name, engine, disks }: Tier): PlanTier {
  const isKept = engine !== 'scratch';
  const placement = placements[engine];
  return { name, engine, placement, copies: 1, disks, server: undefined, isKept };
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
