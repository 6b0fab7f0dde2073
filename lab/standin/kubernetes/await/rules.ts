/** Which readiness rule an object has: its own (`pulumi.com/waitFor`), its kind's, or none. */
import { annotation, isTrue } from '../annotations.ts';
import { kindOf, kindText } from '../kind.ts';
import type { KubeObject } from '../object.ts';
import { jobRule } from './job.ts';
import type { ReadinessRule } from './judgement.ts';
import { customResourceDefinitionRule, namespaceRule, secretRule } from './others.ts';
import { podRule } from './pod.ts';
import { serviceRule } from './service.ts';
import { claimRule, volumeRule } from './storage.ts';
import { waitForRule } from './wait-for.ts';
import { daemonSetRule, deploymentRule, statefulSetRule } from './workloads.ts';

const byKind: Readonly<Record<string, ReadinessRule>> = {
  'apiextensions.k8s.io/v1/CustomResourceDefinition': customResourceDefinitionRule,
  'apps/v1/DaemonSet': daemonSetRule,
  'apps/v1/Deployment': deploymentRule,
  'apps/v1/StatefulSet': statefulSetRule,
  'batch/v1/Job': jobRule,
  'v1/Namespace': namespaceRule,
  'v1/PersistentVolume': volumeRule,
  'v1/PersistentVolumeClaim': claimRule,
  'v1/Pod': podRule,
  'v1/Secret': secretRule,
  'v1/Service': serviceRule,
};

/**
 * Undefined: the object is ready as soon as it exists. Declared inputs decide, not the live object.
 */
export function readinessRule(declared: KubeObject): ReadinessRule | undefined {
  if (isTrue(declared, annotation.skipAwait)) return undefined;
  return waitForRule(declared) ?? byKind[kindText(kindOf(declared))];
}
