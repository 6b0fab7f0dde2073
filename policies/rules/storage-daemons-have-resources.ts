/** Requests and limits of the daemons that serve volumes. */
import { isStorageImage } from '../model/storage-project.ts';
import { at, UNKNOWN } from '../model/value.ts';
import { type Container, workloadOf } from '../model/workload.ts';
import type { Finding, ObjectRule } from '../rule.ts';

const wanted = [
  ['requests', 'cpu'],
  ['requests', 'memory'],
  ['limits', 'memory'],
] as const;

export const storageDaemonsHaveResources: ObjectRule = {
  id: 'storage-daemons-have-resources',
  scope: 'object',
  description: 'Storage daemons request CPU and memory, and have a memory limit.',
  severity: 'medium',
  level: 'advisory',
  advises: false,
  why:
    'A small node runs out of memory first; without a request the daemon is the one that the ' +
    'kernel kills or starves, and every volume on the node stalls with it. A leak without a limit ' +
    'takes the node.',
  waysOut: [
    'Set resources.requests.cpu, resources.requests.memory and resources.limits.memory',
    "Set them in the chart's values",
    'Measure first (kubectl top pod), then set the request to what it uses under load',
  ],
  good: 'requests: { cpu: 100m, memory: 256Mi }, limits: { memory: 512Mi }',
  bad: 'a DaemonSet of longhornio/longhorn-manager without resources',
  check(object) {
    const workload = workloadOf(object);
    if (object.kind === 'Job' || object.kind === 'CronJob') return [];
    return (workload?.containers ?? []).flatMap((container) => findingsOf(object, container));
  },
};

function findingsOf(object: Finding['object'], container: Container): readonly Finding[] {
  const { image } = container;
  if (container.isInit || image === undefined || image === UNKNOWN) return [];
  if (!isStorageImage(image)) return [];
  const missing = wanted.filter(
    ([part, name]) => at(container.fields, 'resources', part, name) === undefined,
  );
  if (missing.length === 0) return [];
  const names = missing.map((path) => path.join('.')).join(', ');
  return [
    {
      object,
      field: `${container.field}.resources`,
      found: `${container.name} sets no ${names}`,
      level: 'violation',
    },
  ];
}
