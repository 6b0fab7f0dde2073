/** The objects of the table of edits, each with everything that the API server demands of it. */
import type { Values } from './kubernetes-stack.ts';

export const skipAwait = { 'pulumi.com/skipAwait': 'true' };
export const app = { app: 'shelf' };
const pause = 'localhost/lab/pause:1';

/** Where the objects go: one namespace, and a word in front of names without one. */
export interface Place {
  readonly namespace: string;
  readonly unique: string;
}

type Build = (place: Place, name: string, more?: Values) => Values;

const inNamespace = ({ namespace }: Place, name: string) => ({ name, namespace });
const clusterWide = ({ unique }: Place, name: string) => ({ name: `${unique}-${name}` });

/** No pod uses these claims and no volume is there for them: nobody waits for them to be bound. */
export const claim: Build = (place, name, spec = {}) => ({
  metadata: { ...inNamespace(place, name), annotations: skipAwait },
  spec: {
    storageClassName: `${place.unique}-late`,
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '2Gi' } },
    ...spec,
  },
});

export const volume: Build = (place, name, spec = {}) => ({
  metadata: clusterWide(place, name),
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    persistentVolumeReclaimPolicy: 'Retain',
    // A class of its own: a bound volume cannot be deleted, and other tests leave claims behind.
    storageClassName: `${place.unique}-manual`,
    local: { path: '/mnt/nvme/one' },
    nodeAffinity: onNode('kube01'),
    ...spec,
  },
});

export const storageClass: Build = (place, name) => ({
  metadata: clusterWide(place, name),
  provisioner: 'example.test/none',
  parameters: { tier: 'one' },
});

export const daemonSet: Build = (place, name, spec = {}) => ({
  metadata: inNamespace(place, name),
  spec: { selector: { matchLabels: app }, template: podTemplate(), ...spec },
});

export const deployment: Build = (place, name, spec = {}) =>
  daemonSet(place, name, { replicas: 0, ...spec });

export const statefulSet: Build = (place, name, spec = {}) =>
  deployment(place, name, {
    serviceName: 'db',
    volumeClaimTemplates: [claimTemplate('1Gi')],
    ...spec,
  });

export const job: Build = (place, name, spec = {}) => ({
  metadata: { ...inNamespace(place, name), annotations: skipAwait },
  spec: { parallelism: 1, template: jobTemplate(), ...spec },
});

export const cronJob: Build = (place, name, template = jobTemplate()) => ({
  metadata: inNamespace(place, name),
  spec: { schedule: '0 3 * * *', suspend: true, jobTemplate: { spec: { template } } },
});

export const service: Build = (place, name, spec = {}) => ({
  metadata: { ...inNamespace(place, name), annotations: skipAwait },
  spec: { selector: app, ports: [{ name: 'sql', port: 5432 }], ...spec },
});

export const roleBinding: Build = (place, name) => ({
  metadata: clusterWide(place, name),
  roleRef: role('view'),
  subjects: [user('ann')],
});

export const csiDriver: Build = ({ unique }, name, spec = {}) => ({
  metadata: { name: `${name}.${unique}.example.test` },
  spec,
});

export const priorityClass: Build = (place, name) => ({
  metadata: clusterWide(place, name),
  value: 10,
});

export function podTemplate(image = pause, labels: Values = app): Values {
  return {
    metadata: { labels },
    spec: { containers: [{ name: 'main', image, env: [{ name: 'A', value: '1' }] }] },
  };
}

export function jobTemplate(image = pause): Values {
  const spec = podTemplate(image)['spec'] as Values;
  return { spec: { ...spec, restartPolicy: 'Never' } };
}

export function claimTemplate(storage: string): Values {
  return {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
  };
}

export function onNode(name: string): Values {
  const expression = { key: 'kubernetes.io/hostname', operator: 'In', values: [name] };
  return { required: { nodeSelectorTerms: [{ matchExpressions: [expression] }] } };
}

const rbac = 'rbac.authorization.k8s.io';

export function role(name: string): Values {
  return { apiGroup: rbac, kind: 'ClusterRole', name };
}

export function user(name: string): Values {
  return { apiGroup: rbac, kind: 'User', name };
}
