/**
 * Which backups may go, as a rule that can be proven. restic carries it out: its `--keep-*` flags
 * mean the same, which a test holds against the real one (test/process/backup/backup.spec.ts).
 *
 * Promises: the newest good copies stay, three at the least, however old they are; age alone
 * removes nothing; a copy that is not known to be good neither counts nor pushes a good one out;
 * while the clock is behind the newest copy nothing goes. Never: looks at a clock itself.
 */

/** With fewer, one bad night leaves nothing good. */
const goodCopiesMin = 3;

/** How many of the newest copies stay, of each kind. A copy may stay for several reasons. */
export interface KeepPolicy {
  /** The newest ones, whatever their age. Fewer than three count as three. */
  readonly last: number;
  /** The newest one of each of so many days (UTC) that have one. */
  readonly daily: number;
  /** Of so many weeks (ISO 8601). */
  readonly weekly: number;
  readonly monthly: number;
}

export interface Copy {
  readonly id: string;
  /** When it was taken, in milliseconds since 1970. */
  readonly takenMs: number;
  /** Verified complete. */
  readonly isGood: boolean;
}

const dayMs = 86_400_000;

/** The copies that may be removed now, oldest first. */
export function removable(
  copies: readonly Copy[],
  policy: KeepPolicy,
  nowMs: number,
): readonly Copy[] {
  const newestFirst = copies.toSorted((a, b) => b.takenMs - a.takenMs);
  const [newest] = newestFirst;
  // A clock that went back makes the newest copy look like the oldest.
  if (newest === undefined || nowMs < newest.takenMs) return [];
  const good = newestFirst.filter(({ isGood }) => isGood);
  const kept = keptOf(good, policy);
  const newestGoodMs = good[0]?.takenMs ?? Number.NEGATIVE_INFINITY;
  return newestFirst
    .filter((copy) => (copy.isGood ? !kept.has(copy) : copy.takenMs < newestGoodMs))
    .toReversed();
}

/** How far back the policy reaches when no run fails, in days. */
export function reachDays(policy: KeepPolicy, daysBetween: number): number {
  const last = (Math.max(policy.last, goodCopiesMin) - 1) * daysBetween;
  return Math.max(last, policy.daily - 1, (policy.weekly - 1) * 7, (policy.monthly - 1) * 30);
}

/** The same policy as flags of `restic forget`. */
export function forgetFlags(policy: KeepPolicy): readonly string[] {
  return [
    `--keep-last=${Math.max(policy.last, goodCopiesMin)}`,
    ...[
      ['--keep-daily', policy.daily] as const,
      ['--keep-weekly', policy.weekly] as const,
      ['--keep-monthly', policy.monthly] as const,
    ].flatMap(([flag, count]) => (count > 0 ? [`${flag}=${count}`] : [])),
  ];
}

function keptOf(newestFirst: readonly Copy[], policy: KeepPolicy): ReadonlySet<Copy> {
  return new Set([
    ...newestFirst.slice(0, Math.max(policy.last, goodCopiesMin)),
    ...newestOfEach(newestFirst, policy.daily, dayOf),
    ...newestOfEach(newestFirst, policy.weekly, weekOf),
    ...newestOfEach(newestFirst, policy.monthly, monthOf),
  ]);
}

/** The newest copy of each of the newest `count` periods that have one. */
function newestOfEach(
  newestFirst: readonly Copy[],
  count: number,
  periodOf: (takenMs: number) => string,
): readonly Copy[] {
  const seen = new Set<string>();
  return newestFirst.filter(({ takenMs }) => {
    const period = periodOf(takenMs);
    if (seen.has(period) || seen.size >= count) return false;
    seen.add(period);
    return true;
  });
}

const dayOf = (takenMs: number): string => new Date(takenMs).toISOString().slice(0, 10);
const monthOf = (takenMs: number): string => new Date(takenMs).toISOString().slice(0, 7);

/** A week belongs to the year of its Thursday (ISO 8601); the Thursday names it. */
function weekOf(takenMs: number): string {
  const weekday = (new Date(takenMs).getUTCDay() + 6) % 7;
  return dayOf(takenMs + (3 - weekday) * dayMs);
}
