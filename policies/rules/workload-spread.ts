/** Copies of an application that may all stand on one node. */
import { claimsOfObject } from '../model/claim.ts';
import { type DeclaredObject, isKind } from '../model/declared.ts';
import {
  at,
  fieldsAt,
  isTrueAt,
  listAt,
  numberAt,
  textAt,
  textMapAt,
  UNKNOWN,
  type Value,
} from '../model/value.ts';
import { type Workload, workloadOf } from '../model/workload.ts';
import type { Finding, ObjectRule } from '../rule.ts';

export const workloadSpread: ObjectRule = {
  id: 'workload-spread',
  scope: 'object',
  description: 'Replicas of an application stand on different nodes.',
  severity: 'medium',
  level: 'mandatory',
  advises: true,
  why:
    'On a shelf of three nodes the scheduler often puts two replicas on one; the loss of that ' +
    'node then takes the application, or the majority of its database, with it.',
  waysOut: [
    'Add topologySpreadConstraints with topologyKey kubernetes.io/hostname',
    'Add a podAntiAffinity on kubernetes.io/hostname that selects its own labels',
    'Run one replica and rely on the volume to follow it',
  ],
  good: 'StatefulSet, 3 replicas, required podAntiAffinity on kubernetes.io/hostname',
  bad: 'StatefulSet, 3 replicas with a claim each, no affinity at all',
  check(object) {
    if (isKind(object, 'postgresql.cnpg.io', 'Cluster')) return cloudNativePg(object);
    const workload = workloadOf(object);
    const isReplicated =
      isKind(object, 'apps', 'Deployment', 'StatefulSet') && (workload?.replicas ?? 1) > 1;
    if (workload === undefined || !isReplicated || isSpread(workload)) return [];
    const holdsData = claimsOfObject(object).length > 0;
    const found = `${workload.replicas} replicas, and nothing keeps them apart`;
    const field = `${workload.podField}.topologySpreadConstraints`;
    return [{ object, field, found, level: holdsData ? 'violation' : 'advice' }];
  },
};

function isSpread(workload: Workload): boolean {
  const { pod } = workload;
  const constraints = at(pod, 'topologySpreadConstraints');
  const affinity = at(pod, 'affinity');
  if (constraints === UNKNOWN || affinity === UNKNOWN) return true;
  const byConstraint = listAt(constraints).some(
    (item) => isNodeLevel(textAt(item, 'topologyKey')) && selectsItself(workload, item),
  );
  if (byConstraint) return true;
  const rule = fieldsAt(affinity, 'podAntiAffinity');
  const preferred = listAt(rule, 'preferredDuringSchedulingIgnoredDuringExecution');
  return [
    ...listAt(rule, 'requiredDuringSchedulingIgnoredDuringExecution'),
    ...preferred.map((item) => fieldsAt(item, 'podAffinityTerm')),
  ].some((term) => isNodeLevel(textAt(term, 'topologyKey')) && selectsItself(workload, term));
}

function isNodeLevel(key: string | undefined): boolean {
  // Apart by zone is apart by node.
  return key === 'kubernetes.io/hostname' || key?.startsWith('topology.kubernetes.io/') === true;
}

/** True when the term's selector matches the pod's own labels; expressions are taken on trust. */
function selectsItself(workload: Workload, term: Value): boolean {
  const wanted = textMapAt(term, 'labelSelector', 'matchLabels');
  return [...wanted].every(([key, label]) => workload.podLabels.get(key) === label);
}

function cloudNativePg(object: DeclaredObject): readonly Finding[] {
  const instances = numberAt(object.fields, 'spec', 'instances') ?? 1;
  if (instances < 2) return [];
  const field = 'spec.affinity';
  const enabled = textAt(object.fields, 'spec', 'affinity', 'enablePodAntiAffinity');
  if (enabled !== undefined && !isTrueAt(enabled)) {
    const found = `${instances} instances with enablePodAntiAffinity: false`;
    return [{ object, field, found, waysOut: cnpgWays, level: 'violation' }];
  }
  if (textAt(object.fields, 'spec', 'affinity', 'podAntiAffinityType') === 'required') return [];
  const found = `${instances} instances are kept apart only by preference`;
  return [{ object, field, found, waysOut: cnpgWays, level: 'advice' }];
}

const cnpgWays = [
  'Set spec.affinity.podAntiAffinityType: required',
  'Set spec.affinity.topologyKey to the failure domain you mean',
  'Run one instance and rely on backups',
];
