/**
 * The plan of a shelf: what fits, what copies cost, what each single failure does, what deserves
 * attention. Made from the stack file alone, before anything exists and without a cluster.
 *
 * Pure. Printed by `npm run plan` (render.ts), and summarised in the stack's outputs.
 */
import { attentionTo } from './attention.ts';
import { type Capacity, capacityOf } from './capacity.ts';
import { type FailureReport, failuresOf, reportOf } from './failures.ts';
import type { PlanSubject } from './subject.ts';
import { describeEffects, failureTitle, sizeWords, survivesWords } from './words.ts';

export interface Plan {
  readonly subject: PlanSubject;
  readonly capacity: Capacity;
  readonly failures: readonly FailureReport[];
  /** Sentences, the gravest first. */
  readonly attention: readonly string[];
}

export function planOf(subject: PlanSubject): Plan {
  const capacity = capacityOf(subject);
  const failures = failuresOf(subject).map((failure) => reportOf(subject, failure));
  return { subject, capacity, failures, attention: attentionTo(subject, capacity, failures) };
}

/** The plan as stack outputs: sentences, by tier and by failure. */
export interface PlanOutputs {
  readonly capacity: Readonly<Record<string, string>>;
  readonly failures: Readonly<Record<string, string>>;
  readonly attention: readonly string[];
}

export function planOutputs(plan: Plan): PlanOutputs {
  const { subject, capacity, failures, attention } = plan;
  return {
    capacity: Object.fromEntries(
      capacity.tiers.map(({ tier, promisedBytes, takesBytes, usableBytes }) => [
        tier.name,
        `${sizeWords(promisedBytes)} promised, ${sizeWords(takesBytes)} taken, room for ${sizeWords(usableBytes)}; survives ${survivesWords(tier)}`,
      ]),
    ),
    failures: Object.fromEntries(
      failures.map((report) => [
        failureTitle(report.failure),
        describeEffects(report, subject.volumes.length).join('; '),
      ]),
    ),
    attention,
  };
}
