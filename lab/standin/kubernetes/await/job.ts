/**
 * Jobs: ready when complete. A failed job is an error at once; a suspended one is left alone.
 *
 * Source: pulumi-kubernetes `await/job.go` and `checker/job` (10 minutes).
 */
import {
  at,
  conditionOf,
  type KubeObject,
  nameOf,
  namespaceOf,
  numberAt,
  textAt,
} from '../object.ts';
import { warningsAbout, warningsQuery } from './events.ts';
import { failed, type ReadinessRule, ready, waiting } from './judgement.ts';
import { podsProblems, podsQuery } from './pod.ts';

export const jobRule: ReadinessRule = {
  timeoutSeconds: 600,
  queries: (job) => ({ pods: podsQuery(job), events: warningsQuery(namespaceOf(job)) }),
  judge(job, related) {
    if (isComplete(job) || at(job, 'spec', 'suspend') === true) return ready;
    const [pods, events] = [related['pods'] ?? [], related['events'] ?? []];
    const problems = [...podsProblems(pods, events), ...warningsAbout(events, [job])];
    const failure = conditionOf(job, 'Failed');
    if (failure?.['status'] === 'True') {
      const reason = `${textAt(failure, 'reason')}: ${textAt(failure, 'message')}`;
      return failed(`Job ${nameOf(job)} failed: ${reason}`, problems);
    }
    const [active, bad] = ['active', 'failed'].map((field) => numberAt(job, ['status', field]));
    const state = `${active} Pod(s) running, ${bad} failed`;
    return waiting(`Waiting for Job ${nameOf(job)} to succeed: ${state}`, problems);
  },
};

export function isComplete(job: KubeObject): boolean {
  return conditionOf(job, 'Complete')?.['status'] === 'True';
}
