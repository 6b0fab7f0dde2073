/**
 * What the official engine and Kubernetes provider were seen to do when a program is edited, edit by
 * edit (docs/stand-in-kubernetes.md, "Edits"). One row: an object, its edit, the step.
 */
import type { DeclaredObject, Values } from './kubernetes-stack.ts';

export type Step =
  | 'same'
  | 'update'
  /** The new object is made first, then the old one deleted. */
  | 'replace'
  /** The old object is deleted first: both have one name. */
  | 'delete-before-replace';

export interface Edit {
  /** Kind and field, as in the table. */
  readonly row: string;
  /** The resource's name in the program: names that the provider makes up begin with it. */
  readonly name: string;
  readonly kind: string;
  readonly args: Values;
  /** Merged over `args` at its top level. */
  readonly edit: Values;
  readonly step: Step;
  readonly options?: Values;
}

/** A refusal by the API server, which the preview's dry run already meets. */
export interface Refusal extends Omit<Edit, 'step'> {
  readonly message: RegExp;
}

const skipAwait = { 'pulumi.com/skipAwait': 'true' };
const app = { app: 'shelf' };
const pause = 'localhost/lab/pause:1';

const podTemplate = (image = pause, labels: Values = app) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'main', image, env: [{ name: 'A', value: '1' }] }] },
});

const named = (name: string) => ({ name });

/** Names are completed with the row's number, so that all rows fit into one cluster. */
export function rows(namespace: string, unique: string): readonly Edit[] {
  const inNamespace = (name: string) => ({ ...named(name), namespace });
  // No pod uses these claims and no volume is there for them: nobody waits for them to be bound.
  const claim = (name: string, spec: Values = {}) => ({
    metadata: { ...inNamespace(name), annotations: skipAwait },
    spec: {
      storageClassName: `${unique}-late`,
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
  });
  const volume = (name: string, spec: Values = {}) => ({
    metadata: named(`${unique}-${name}`),
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: 'manual',
      local: { path: '/mnt/nvme/one' },
      nodeAffinity: onNode('kube01'),
      ...spec,
    },
  });
  const set = (name: string, spec: Values = {}) => ({
    metadata: inNamespace(name),
    spec: {
      replicas: 0,
      serviceName: 'db',
      selector: { matchLabels: app },
      template: podTemplate(),
      volumeClaimTemplates: [claimTemplate('1Gi')],
      ...spec,
    },
  });
  const daemons = (name: string, spec: Values = {}) => ({
    metadata: inNamespace(name),
    spec: { selector: { matchLabels: app }, template: podTemplate(), ...spec },
  });
  const deployment = (name: string, spec: Values = {}) => daemons(name, { replicas: 0, ...spec });
  const job = (name: string, spec: Values = {}) => ({
    metadata: { ...inNamespace(name), annotations: skipAwait },
    spec: {
      parallelism: 1,
      template: { spec: { ...podTemplate().spec, restartPolicy: 'Never' } },
      ...spec,
    },
  });
  const cron = (name: string, image = pause) => ({
    metadata: inNamespace(name),
    spec: {
      schedule: '0 3 * * *',
      suspend: true,
      jobTemplate: {
        spec: { template: { spec: { ...podTemplate(image).spec, restartPolicy: 'Never' } } },
      },
    },
  });
  const storageClass = (name: string, more: Values = {}) => ({
    metadata: named(`${unique}-${name}`),
    provisioner: 'example.test/none',
    parameters: { tier: 'one' },
    ...more,
  });
  const binding = (name: string, more: Values = {}) => ({
    metadata: named(`${unique}-${name}`),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' }],
    ...more,
  });
  const service = (name: string, spec: Values = {}) => ({
    metadata: { ...inNamespace(name), annotations: skipAwait },
    spec: { selector: app, ports: [{ name: 'sql', port: 5432 }], ...spec },
  });
  const bindingRole = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' };
  const pvc = 'core.v1.PersistentVolumeClaim';
  const pv = 'core.v1.PersistentVolume';
  const sc = 'storage.v1.StorageClass';
  const sts = 'apps.v1.StatefulSet';
  const ds = 'apps.v1.DaemonSet';
  const dep = 'apps.v1.Deployment';
  const batch = 'batch.v1.Job';
  const dbr = 'delete-before-replace';

  const edits: readonly (readonly [string, string, Values, Values, Step])[] = [
    ['PVC storageClassName', pvc, claim('c1'), claim('c1', { storageClassName: 'other' }), dbr],
    ['PVC accessModes', pvc, claim('c2'), claim('c2', { accessModes: ['ReadWriteMany'] }), dbr],
    ['PVC volumeName', pvc, claim('c3'), claim('c3', { volumeName: 'v' }), dbr],
    ['PVC metadata.name', pvc, claim('c4'), claim('c4-new'), 'replace'],
    [
      'PVC labels',
      pvc,
      claim('c5'),
      { metadata: { ...inNamespace('c5'), annotations: skipAwait, labels: app } },
      'update',
    ],
    ['PV local.path', pv, volume('v1'), volume('v1', { local: { path: '/mnt/nvme/two' } }), dbr],
    ['PV capacity', pv, volume('v2'), volume('v2', { capacity: { storage: '2Gi' } }), 'update'],
    [
      'PV persistentVolumeReclaimPolicy',
      pv,
      volume('v3'),
      volume('v3', { persistentVolumeReclaimPolicy: 'Delete' }),
      'update',
    ],
    [
      'PV storageClassName',
      pv,
      volume('v4'),
      volume('v4', { storageClassName: 'other' }),
      'update',
    ],
    [
      'PV claimRef',
      pv,
      volume('v5'),
      volume('v5', { claimRef: { name: 'data', namespace } }),
      'update',
    ],
    [
      'PV accessModes',
      pv,
      volume('v6'),
      volume('v6', { accessModes: ['ReadWriteMany'] }),
      'update',
    ],
    ['StorageClass parameters', sc, storageClass('s1'), { parameters: { tier: 'two' } }, dbr],
    ['StorageClass provisioner', sc, storageClass('s2'), { provisioner: 'example.test/x' }, dbr],
    [
      'StorageClass allowVolumeExpansion',
      sc,
      storageClass('s3'),
      { allowVolumeExpansion: true },
      'update',
    ],
    ['StorageClass mountOptions', sc, storageClass('s4'), { mountOptions: ['noatime'] }, 'update'],
    [
      'StatefulSet volumeClaimTemplates',
      sts,
      set('d1'),
      set('d1', { volumeClaimTemplates: [claimTemplate('2Gi')] }),
      dbr,
    ],
    ['StatefulSet serviceName', sts, set('d2'), set('d2', { serviceName: 'other' }), dbr],
    [
      'StatefulSet podManagementPolicy',
      sts,
      set('d3'),
      set('d3', { podManagementPolicy: 'Parallel' }),
      dbr,
    ],
    [
      'StatefulSet image',
      sts,
      set('d4'),
      set('d4', { template: podTemplate('other:1') }),
      'update',
    ],
    [
      'StatefulSet persistentVolumeClaimRetentionPolicy',
      sts,
      set('d5'),
      set('d5', { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain' } }),
      'update',
    ],
    [
      'DaemonSet template',
      ds,
      daemons('e1'),
      daemons('e1', { template: podTemplate('other:1') }),
      'update',
    ],
    [
      'DaemonSet updateStrategy',
      ds,
      daemons('e2'),
      daemons('e2', { updateStrategy: { type: 'OnDelete' } }),
      'update',
    ],
    [
      'DaemonSet selector',
      ds,
      daemons('e3', { template: podTemplate(pause, { app: 'shelf', tier: 'one' }) }),
      daemons('e3', {
        selector: { matchLabels: { tier: 'one' } },
        template: podTemplate(pause, { app: 'shelf', tier: 'one' }),
      }),
      dbr,
    ],
    [
      'Deployment template',
      dep,
      deployment('f1'),
      deployment('f1', { template: podTemplate('other:1') }),
      'update',
    ],
    [
      'Job template',
      batch,
      job('g1'),
      job('g1', {
        template: { spec: { ...podTemplate('other:1').spec, restartPolicy: 'Never' } },
      }),
      dbr,
    ],
    ['Job parallelism', batch, job('g2'), job('g2', { parallelism: 2 }), dbr],
    ['CronJob', 'batch.v1.CronJob', cron('h1'), cron('h1', 'other:1'), 'update'],
    [
      'Secret data',
      'core.v1.Secret',
      { metadata: inNamespace('i1'), stringData: { key: 'old' } },
      { stringData: { key: 'new' } },
      dbr,
    ],
    [
      'Secret type',
      'core.v1.Secret',
      { metadata: inNamespace('i2'), type: 'Opaque' },
      { type: 'example.test/other' },
      dbr,
    ],
    [
      'ConfigMap data, fixed name',
      'core.v1.ConfigMap',
      { metadata: inNamespace('j1'), data: { key: 'old' } },
      { data: { key: 'new' } },
      dbr,
    ],
    [
      'ConfigMap data, name made up',
      'core.v1.ConfigMap',
      { metadata: { namespace }, data: { key: 'old' } },
      { data: { key: 'new' } },
      'replace',
    ],
    [
      'Service clusterIP',
      'core.v1.Service',
      service('k1'),
      service('k1', { clusterIP: 'None' }),
      dbr,
    ],
    [
      'ClusterRoleBinding roleRef',
      'rbac.v1.ClusterRoleBinding',
      binding('l1'),
      { roleRef: bindingRole },
      dbr,
    ],
    [
      'ClusterRoleBinding subjects',
      'rbac.v1.ClusterRoleBinding',
      binding('l2'),
      { subjects: [{ kind: 'User', name: 'bob', apiGroup: 'rbac.authorization.k8s.io' }] },
      'update',
    ],
  ];
  return edits.map(([row, kind, args, edit, step]) => ({
    row,
    name: nameOf(row),
    kind,
    args,
    edit,
    step,
  }));
}

/** Edits that stay updates and that the API server forbids. */
export function refusals(namespace: string, unique: string): readonly Refusal[] {
  const inNamespace = (name: string) => ({ ...named(name), namespace });
  const claim = (name: string, spec: Values = {}) => ({
    metadata: inNamespace(name),
    spec: {
      storageClassName: `${unique}-late`,
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '2Gi' } },
      ...spec,
    },
  });
  const pvc = 'core.v1.PersistentVolumeClaim';
  const forbidden = /spec: Forbidden: spec is immutable after creation except resources\.requests/;
  const shrunk = { resources: { requests: { storage: '1Gi' } } };
  const grown = { resources: { requests: { storage: '3Gi' } } };
  const set = (matchLabels: Values) => ({
    metadata: inNamespace('r9'),
    spec: { selector: { matchLabels }, template: podTemplate() },
  });
  const driver = { metadata: named(`${unique}.example.test`), spec: { attachRequired: false } };
  const refused: readonly (readonly [string, string, Values, Values, RegExp])[] = [
    ['PVC shrunk while Pending', pvc, claim('r1'), claim('r1', shrunk), forbidden],
    ['PVC grown while Pending', pvc, claim('r2'), claim('r2', grown), forbidden],
    ['PVC volumeMode', pvc, claim('r3'), claim('r3', { volumeMode: 'Block' }), forbidden],
    [
      'PV nodeAffinity',
      'core.v1.PersistentVolume',
      {
        metadata: named(`${unique}-r4`),
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          local: { path: '/mnt/nvme/one' },
          nodeAffinity: onNode('kube01'),
        },
      },
      {
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          local: { path: '/mnt/nvme/one' },
          nodeAffinity: onNode('kube02'),
        },
      },
      /nodeAffinity: Invalid value.*field is immutable/s,
    ],
    [
      'StorageClass reclaimPolicy',
      'storage.v1.StorageClass',
      { metadata: named(`${unique}-r5`), provisioner: 'example.test/none' },
      { reclaimPolicy: 'Retain' },
      /reclaimPolicy: Invalid value.*field is immutable|updates to reclaimPolicy are forbidden/s,
    ],
    [
      'StorageClass volumeBindingMode',
      'storage.v1.StorageClass',
      { metadata: named(`${unique}-r6`), provisioner: 'example.test/none' },
      { volumeBindingMode: 'WaitForFirstConsumer' },
      /volumeBindingMode: Invalid value.*field is immutable/s,
    ],
    [
      'CSIDriver attachRequired',
      'storage.v1.CSIDriver',
      driver,
      { spec: { attachRequired: true } },
      // Kubernetes itself spells the field so.
      /attach(ed)?Required: Invalid value.*field is immutable/s,
    ],
    [
      'PriorityClass value',
      'scheduling.v1.PriorityClass',
      { metadata: named(`${unique}-r8`), value: 10 },
      { value: 20 },
      /value: Forbidden: may not be changed in an update|field is immutable/,
    ],
    [
      'DaemonSet selector that does not match the template',
      'apps.v1.DaemonSet',
      set(app),
      set({ app: 'other' }),
      /`selector` does not match template `labels`/,
    ],
  ];
  return refused.map(([row, kind, args, edit, message]) => ({
    row,
    name: nameOf(row),
    kind,
    args,
    edit,
    message,
  }));
}

export function declaredOf(edit: Omit<Edit, 'step'>, isEdited: boolean): DeclaredObject {
  return {
    kind: edit.kind,
    args: isEdited ? { ...edit.args, ...edit.edit } : edit.args,
    ...(edit.options === undefined ? {} : { options: edit.options }),
  };
}

function nameOf(row: string): string {
  return row.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}

function onNode(name: string): Values {
  const expression = { key: 'kubernetes.io/hostname', operator: 'In', values: [name] };
  return { required: { nodeSelectorTerms: [{ matchExpressions: [expression] }] } };
}

function claimTemplate(storage: string): Values {
  return {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
  };
}
