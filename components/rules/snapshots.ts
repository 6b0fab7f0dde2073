/**
 * Who takes snapshots of a volume, how often, and why nobody does where nobody does. A snapshot is
 * on the disks of the volume: it brings back what was deleted, not what burned down.
 */
import type { Backups } from '../config/shelf/backups.ts';
import type { Tiers } from '../config/shelf/tiers.ts';
import type { Volume, Volumes } from '../config/shelf/volumes.ts';
import { engineFacts } from './engines.ts';

export type SnapshotPlan =
  | {
      /** `program`: a job of this program; `engine`: the engine's own. */
      readonly by: 'program' | 'engine';
      readonly schedule: string;
      readonly keep: number;
    }
  | {
      readonly by: undefined;
      readonly why: string;
      /** Whether the owner said so; else nobody can. */
      readonly isMeant: boolean;
    };

export function snapshotsOf(
  { tier, withoutSnapshots }: Pick<Volume, 'tier' | 'withoutSnapshots'>,
  { engines, snapshots }: Pick<Tiers, 'engines'> & Pick<Backups, 'snapshots'>,
): SnapshotPlan {
  const { title, snapshots: canAlways } = engineFacts[tier.engine];
  const canFreeze = canAlways || (tier.engine === 'larder' && engines.larder.snapshots);
  if (withoutSnapshots !== undefined)
    return { by: undefined, why: withoutSnapshots, isMeant: true };
  if (tier.engine === 'longhorn') {
    const job = engines.longhorn.jobs.find(({ task }) => task === 'snapshot');
    return job === undefined
      ? { by: undefined, why: 'no job of Longhorn takes any', isMeant: true }
      : { by: 'engine', schedule: job.schedule, keep: job.retain };
  }
  if (!canFreeze) {
    const how = tier.engine === 'larder' ? ' without larder:engines.larder.snapshots' : '';
    return { by: undefined, why: `${title} takes none${how}`, isMeant: false };
  }
  return { by: 'program', schedule: snapshots.schedule, keep: snapshots.keep };
}

/**
 * Whether the kinds of snapshots and their controller are needed and nobody else brings them:
 * Mayastor's chart does.
 */
export function needsSnapshotController(
  shelf: Pick<Tiers, 'tiers' | 'engines'> & Pick<Backups, 'snapshots'> & Volumes,
): boolean {
  const { tiers, engines, volumes } = shelf;
  const isBrought = engines.mayastor.install && tiers.some(({ engine }) => engine === 'mayastor');
  return !isBrought && volumes.some((volume) => snapshotsOf(volume, shelf).by === 'program');
}

/** For people who read what a volume has; empty where its engine takes none anyway. */
export function describeSnapshots(plan: SnapshotPlan): string {
  if (plan.by !== undefined) return `; snapshots at "${plan.schedule}", the newest ${plan.keep}`;
  return plan.isMeant ? `; no snapshots: ${plan.why}` : '';
}
