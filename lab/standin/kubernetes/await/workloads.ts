/**
 * Deployments, StatefulSets and DaemonSets: ready when the controller has seen the declaration,
 * every pod is of the declared revision and enough of them are ready.
 *
 * Source: pulumi-kubernetes `await/{deployment,statefulset,daemonset}.go` (10 minutes each).
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
import {
  isObserved,
  type Judgement,
  type ReadinessRule,
  ready,
  type Related,
  waiting,
} from './judgement.ts';
import { podsProblems, podsQuery } from './pod.ts';

const timeoutSeconds = 600;

const queries = (workload: KubeObject) => ({
  pods: podsQuery(workload),
  events: warningsQuery(namespaceOf(workload)),
});

function notYet(workload: KubeObject, related: Related, message: string): Judgement {
  const [pods, events] = [related['pods'] ?? [], related['events'] ?? []];
  return waiting(message, [...podsProblems(pods, events), ...warningsAbout(events, [workload])]);
}

const status = (workload: KubeObject, field: string) => numberAt(workload, ['status', field]);

export const deploymentRule: ReadinessRule = {
  timeoutSeconds,
  queries,
  judge(deployment, related) {
    const wanted = numberAt(deployment, ['spec', 'replicas'], 1);
    const what = `Deployment ${nameOf(deployment)}`;
    if (!isObserved(deployment)) return waiting(`Waiting for the controller to see ${what}`);
    if (at(deployment, 'spec', 'paused') === true) return ready;
    const updated = status(deployment, 'updatedReplicas');
    const total = status(deployment, 'replicas');
    const available = status(deployment, 'availableReplicas');
    const progressing = conditionOf(deployment, 'Progressing');
    const isRolledOut = updated >= wanted && total <= updated && available >= wanted;
    const isSettled =
      progressing === undefined || textAt(progressing, 'reason') === 'NewReplicaSetAvailable';
    if (isRolledOut && (isSettled || wanted === 0)) return ready;
    const message =
      total > updated && updated >= wanted
        ? `Waiting for ${total - updated} old Pod(s) of ${what} to end`
        : `Waiting for ${what}: ${updated}/${wanted} Pods of the new revision, ${available} available`;
    const judgement = notYet(deployment, related, message);
    const conditions = ['Progressing', 'ReplicaFailure'].flatMap((type) => {
      const condition = conditionOf(deployment, type);
      const isBad = condition?.['status'] === (type === 'Progressing' ? 'False' : 'True');
      if (condition === undefined || !isBad) return [];
      return [`[${what}] ${textAt(condition, 'reason')}: ${textAt(condition, 'message')}`];
    });
    return waiting(message, [...conditions, ...judgement.problems]);
  },
};

export const statefulSetRule: ReadinessRule = {
  timeoutSeconds,
  queries,
  judge(set, related) {
    const wanted = numberAt(set, ['spec', 'replicas'], 1);
    const what = `StatefulSet ${nameOf(set)}`;
    if (!isObserved(set)) return waiting(`Waiting for the controller to see ${what}`);
    const partition = numberAt(set, ['spec', 'updateStrategy', 'rollingUpdate', 'partition']);
    const isOnDelete = textAt(set, 'spec', 'updateStrategy', 'type') === 'OnDelete';
    const isNew =
      textAt(set, 'status', 'currentRevision') === textAt(set, 'status', 'updateRevision');
    const updated = isNew ? status(set, 'replicas') : status(set, 'updatedReplicas');
    const mustBeUpdated = isOnDelete ? 0 : Math.max(wanted - partition, 0);
    const readyPods = status(set, 'readyReplicas');
    if (updated >= mustBeUpdated && readyPods >= wanted && status(set, 'replicas') === wanted) {
      return ready;
    }
    return notYet(
      set,
      related,
      `Waiting for ${what}: ${readyPods}/${wanted} Pods ready, ${updated} of the new revision`,
    );
  },
};

export const daemonSetRule: ReadinessRule = {
  timeoutSeconds,
  queries,
  judge(set, related) {
    const what = `DaemonSet ${nameOf(set)}`;
    if (!isObserved(set)) return waiting(`Waiting for the controller to see ${what}`);
    const wanted = status(set, 'desiredNumberScheduled');
    const updated = status(set, 'updatedNumberScheduled');
    const available = status(set, 'numberAvailable');
    if (updated >= wanted && available >= wanted) return ready;
    return notYet(
      set,
      related,
      `Waiting for ${what}: ${available}/${wanted} Pods available, ${updated} of the new revision`,
    );
  },
};
