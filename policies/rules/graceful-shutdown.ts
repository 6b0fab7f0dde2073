/** How long a pod that holds data may take to stop. */
import { databaseEngineOf } from '../model/database-engine.ts';
import { isStorageImage } from '../model/storage-project.ts';
import { listAt, numberAt, at, UNKNOWN } from '../model/value.ts';
import { type Container, type Workload, workloadOf } from '../model/workload.ts';
import type { Finding, ObjectRule } from '../rule.ts';

const kubernetesDefaultSeconds = 30;
const databaseSecondsMin = 60;
const databaseSeconds = 120;
const anySecondsMin = 10;

export const gracefulShutdown: ObjectRule = {
  id: 'graceful-shutdown',
  scope: 'object',
  description: 'What holds data has time to stop: databases and storage daemons a minute or more.',
  severity: 'medium',
  level: 'mandatory',
  advises: false,
  why:
    'After the grace period the process is killed. A database then starts with crash recovery, ' +
    'a storage daemon leaves its copies to be rebuilt, at every update and every drain.',
  waysOut: [
    `Set terminationGracePeriodSeconds to ${databaseSeconds}`,
    'Shorten what it does at the end (smaller buffers, a checkpoint before)',
    'Keep it with a reason, when its data may be lost',
  ],
  good: `terminationGracePeriodSeconds: ${databaseSeconds} on MariaDB`,
  bad: 'MariaDB without it (Kubernetes then gives 30 seconds)',
  check(object) {
    const workload = workloadOf(object);
    if (workload === undefined || at(workload.pod, 'terminationGracePeriodSeconds') === UNKNOWN) {
      return [];
    }
    if (object.kind === 'Job' || object.kind === 'CronJob') return [];
    return findingsOf(workload);
  },
  remedy: (object) => {
    const workload = workloadOf(object);
    if (workload === undefined) return [];
    const path = [...workload.podField.split('.'), 'terminationGracePeriodSeconds'];
    return [{ path, value: databaseSeconds }];
  },
};

function findingsOf(workload: Workload): readonly Finding[] {
  const { object, pod, podField } = workload;
  const field = `${podField}.terminationGracePeriodSeconds`;
  const given = numberAt(pod, 'terminationGracePeriodSeconds');
  const seconds = given ?? kubernetesDefaultSeconds;
  const shown = given === undefined ? 'it is not set, which means 30 seconds' : `${given} seconds`;
  const role = workload.containers.map(roleOf).find((found) => found !== undefined);
  if (role !== undefined && seconds < databaseSecondsMin) {
    return [{ object, field, found: `${shown}, for ${role}`, level: 'violation' }];
  }
  const hasClaim =
    listAt(object.fields, 'spec', 'volumeClaimTemplates').length > 0 ||
    listAt(pod, 'volumes').some((volume) => at(volume, 'persistentVolumeClaim') !== undefined);
  if (!hasClaim || seconds >= anySecondsMin) return [];
  return [{ object, field, found: `${shown}, for a pod with a claim`, level: 'violation' }];
}

function roleOf(container: Container): string | undefined {
  const engine = databaseEngineOf(container);
  if (engine?.duty === 'data') return engine.name;
  const { image } = container;
  const isDaemon = image !== undefined && image !== UNKNOWN && isStorageImage(image);
  return isDaemon &&
    !container.isInit &&
    /engine|replica|instance|osd|dataplane/.test(image.repository)
    ? 'a storage daemon'
    : undefined;
}
