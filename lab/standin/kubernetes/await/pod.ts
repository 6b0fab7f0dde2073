/**
 * Pods: ready when their condition `Ready` is true or they have done their work. Says of a pod that
 * is not why: where it cannot be placed, what its containers wait for, how they ended.
 *
 * Source: pulumi-kubernetes `await/pod.go` and `checker/pod` (5 minutes).
 */
import {
  conditionOf,
  type KubeObject,
  listAt,
  mapAt,
  nameOf,
  namespaceOf,
  numberAt,
  textAt,
} from '../object.ts';
import { warningsAbout, warningsQuery } from './events.ts';
import { failed, type ReadinessRule, ready, type RelatedQuery, waiting } from './judgement.ts';
import { labelSelectorText } from './selector.ts';

export const podRule: ReadinessRule = {
  timeoutSeconds: 300,
  queries: (pod) => ({ events: warningsQuery(namespaceOf(pod)) }),
  judge(pod, related) {
    const phase = textAt(pod, 'status', 'phase');
    if (phase === 'Succeeded' || isReady(pod)) return ready;
    const problems = [...podProblems(pod), ...warningsAbout(related['events'] ?? [], [pod])];
    if (phase === 'Failed') return failed(`Pod ${nameOf(pod)} failed`, problems);
    return waiting(`Waiting for Pod ${nameOf(pod)} to be ready`, problems);
  },
};

function isReady(pod: KubeObject): boolean {
  return conditionOf(pod, 'Ready')?.['status'] === 'True';
}

/** Lists the pods that a workload selects. */
export function podsQuery(workload: KubeObject): RelatedQuery {
  return {
    kind: { group: '', version: 'v1', kind: 'Pod' },
    namespace: namespaceOf(workload),
    labelSelector: labelSelectorText(mapAt(workload, 'spec', 'selector')),
  };
}

/** What keeps the pods of a workload from being ready, with the warnings about them. */
export function podsProblems(
  pods: readonly KubeObject[],
  events: readonly KubeObject[],
): readonly string[] {
  const unready = pods.filter((pod) => !isReady(pod));
  return [...unready.flatMap(podProblems), ...warningsAbout(events, unready)];
}

function podProblems(pod: KubeObject): readonly string[] {
  const subject = `[Pod ${nameOf(pod)}]`;
  const scheduled = conditionOf(pod, 'PodScheduled');
  if (scheduled?.['status'] === 'False') {
    return [`${subject} ${textAt(scheduled, 'reason')}: ${textAt(scheduled, 'message')}`];
  }
  const containers = [
    ...listAt(pod, 'status', 'initContainerStatuses').filter((status) => !hasSucceeded(status)),
    ...listAt(pod, 'status', 'containerStatuses').filter((status) => status['ready'] !== true),
  ];
  const lines = containers.flatMap((status) => {
    const problem = containerProblem(status);
    return problem === '' ? [] : [`${subject} container ${textAt(status, 'name')}: ${problem}`];
  });
  const reason = textAt(pod, 'status', 'reason');
  const evicted =
    reason === '' ? [] : [`${subject} ${reason}: ${textAt(pod, 'status', 'message')}`];
  return [...evicted, ...lines];
}

function hasSucceeded(status: KubeObject): boolean {
  return (
    textAt(status, 'state', 'terminated', 'reason') === 'Completed' || status['ready'] === true
  );
}

function containerProblem(status: KubeObject): string {
  const wait = mapAt(status, 'state', 'waiting');
  const reason = textAt(wait, 'reason');
  const last = mapAt(status, 'lastState', 'terminated');
  const ended = mapAt(status, 'state', 'terminated');
  if (Object.keys(ended).length > 0) return `ended with ${endText(ended)}`;
  // Every container is being created for a moment; that alone is no problem.
  if (reason === '' || reason === 'ContainerCreating' || reason === 'PodInitializing') {
    return Object.keys(last).length === 0 ? '' : `restarted after ${endText(last)}`;
  }
  const message = textAt(wait, 'message');
  const before = Object.keys(last).length === 0 ? '' : ` (last end: ${endText(last)})`;
  return `${reason}${message === '' ? '' : `: ${message}`}${before}`;
}

function endText(terminated: KubeObject): string {
  const message = textAt(terminated, 'message').trim();
  const code = `exit code ${numberAt(terminated, ['exitCode'])}`;
  const reason = textAt(terminated, 'reason');
  return [`${code}${reason === '' ? '' : ` (${reason})`}`, message].filter(Boolean).join(': ');
}
