/**
 * What the official engine and Kubernetes provider were seen to do when a program is edited, edit
 * by edit (docs/stand-in-kubernetes.md, "Edits"). One row: an object, its edit, the step.
 */
import {
  app,
  claim,
  claimTemplate,
  cronJob,
  csiDriver,
  daemonSet,
  deployment,
  job,
  jobTemplate,
  onNode,
  type Place,
  podTemplate,
  priorityClass,
  role,
  roleBinding,
  service,
  skipAwait,
  statefulSet,
  storageClass,
  user,
  volume,
} from './edit-objects.ts';
import type { DeclaredObject, Values } from './kubernetes-stack.ts';

export type Step =
  | 'same'
  | 'update'
  /** The new object is made first, then the old one deleted. */
  | 'replace'
  /** The old object is deleted first: both have one name. */
  | 'delete-before-replace';

interface Row {
  /** Kind and field, as in the table. */
  readonly row: string;
  /** The resource's name in the program: names that the provider makes up begin with it. */
  readonly name: string;
  readonly kind: string;
  readonly args: Values;
  /** Merged over `args` at its top level. */
  readonly edit: Values;
}

export interface Edit extends Row {
  readonly step: Step;
}

/** A refusal by the API server, which the preview's dry run already meets. */
export interface Refusal extends Row {
  readonly message: RegExp;
}

/** What a row is, its kind, the object, the edit, and what comes of it. */
type Short<Outcome> = readonly (readonly [string, string, Values, Values, Outcome])[];

const pvc = 'core.v1.PersistentVolumeClaim';
const pv = 'core.v1.PersistentVolume';
const sc = 'storage.v1.StorageClass';
const sts = 'apps.v1.StatefulSet';
const ds = 'apps.v1.DaemonSet';
const batch = 'batch.v1.Job';
const config = 'core.v1.ConfigMap';
const secret = 'core.v1.Secret';
const binding = 'rbac.v1.ClusterRoleBinding';
const dbr = 'delete-before-replace';

export function edits(place: Place): readonly Edit[] {
  const all = [...storage(place), ...workloads(place), ...others(place)];
  return all.map(([row, kind, args, edit, step]) => ({ ...rowOf(row, kind, args, edit), step }));
}

function storage(at: Place): Short<Step> {
  const c = (name: string, spec?: Values) => claim(at, name, spec);
  const v = (name: string, spec?: Values) => volume(at, name, spec);
  const { namespace, unique } = at;
  const labelled = { name: 'c5', namespace, annotations: skipAwait, labels: app };
  const claimRef = { name: 'data', namespace };
  const many = { accessModes: ['ReadWriteMany'] };
  const removed = { persistentVolumeReclaimPolicy: 'Delete' };
  const other = (what: string) => ({ storageClassName: `${unique}-other-${what}` });
  return [
    ['PVC storageClassName', pvc, c('c1'), c('c1', other('claims')), dbr],
    ['PVC accessModes', pvc, c('c2'), c('c2', many), dbr],
    ['PVC volumeName', pvc, c('c3'), c('c3', { volumeName: 'v' }), dbr],
    ['PVC metadata.name', pvc, c('c4'), c('c4-new'), 'replace'],
    ['PVC labels', pvc, c('c5'), { metadata: labelled }, 'update'],
    ['PV local.path', pv, v('v1'), v('v1', { local: { path: '/mnt/nvme/two' } }), dbr],
    ['PV capacity', pv, v('v2'), v('v2', { capacity: { storage: '2Gi' } }), 'update'],
    ['PV persistentVolumeReclaimPolicy', pv, v('v3'), v('v3', removed), 'update'],
    ['PV storageClassName', pv, v('v4'), v('v4', other('volumes')), 'update'],
    ['PV claimRef', pv, v('v5'), v('v5', { claimRef }), 'update'],
    ['PV accessModes', pv, v('v6'), v('v6', many), 'update'],
    ['StorageClass parameters', sc, storageClass(at, 's1'), { parameters: { tier: 'two' } }, dbr],
    ['StorageClass provisioner', sc, storageClass(at, 's2'), { provisioner: 'e.test/x' }, dbr],
    [
      'StorageClass expansion',
      sc,
      storageClass(at, 's3'),
      { allowVolumeExpansion: true },
      'update',
    ],
    ['StorageClass mountOptions', sc, storageClass(at, 's4'), { mountOptions: ['ro'] }, 'update'],
  ];
}

function workloads(at: Place): Short<Step> {
  const s = (name: string, spec?: Values) => statefulSet(at, name, spec);
  const d = (name: string, spec?: Values) => daemonSet(at, name, spec);
  const f = (name: string, spec?: Values) => deployment(at, name, spec);
  const j = (name: string, spec?: Values) => job(at, name, spec);
  const template = podTemplate('other:1');
  const kept = { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain' } };
  const larger = { volumeClaimTemplates: [claimTemplate('2Gi')] };
  const both = { template: podTemplate('x:1', { ...app, tier: 'one' }) };
  const moved = { ...both, selector: { matchLabels: { tier: 'one' } } };
  const cron = cronJob(at, 'h1', jobTemplate('other:1'));
  const onDelete = { updateStrategy: { type: 'OnDelete' } };
  return [
    ['StatefulSet volumeClaimTemplates', sts, s('d1'), s('d1', larger), dbr],
    ['StatefulSet serviceName', sts, s('d2'), s('d2', { serviceName: 'other' }), dbr],
    ['StatefulSet podManagement', sts, s('d3'), s('d3', { podManagementPolicy: 'Parallel' }), dbr],
    ['StatefulSet image', sts, s('d4'), s('d4', { template }), 'update'],
    ['StatefulSet retention of claims', sts, s('d5'), s('d5', kept), 'update'],
    ['DaemonSet template', ds, d('e1'), d('e1', { template }), 'update'],
    ['DaemonSet updateStrategy', ds, d('e2'), d('e2', onDelete), 'update'],
    ['DaemonSet selector', ds, d('e3', both), d('e3', moved), dbr],
    ['Deployment template', 'apps.v1.Deployment', f('f1'), f('f1', { template }), 'update'],
    ['Job template', batch, j('g1'), j('g1', { template: jobTemplate('other:1') }), dbr],
    ['Job parallelism', batch, j('g2'), j('g2', { parallelism: 2 }), dbr],
    ['CronJob', 'batch.v1.CronJob', cronJob(at, 'h1'), cron, 'update'],
  ];
}

function others(at: Place): Short<Step> {
  const named = (name: string) => ({ metadata: { name, namespace: at.namespace } });
  const [old, fresh] = [{ key: 'old' }, { key: 'new' }];
  const madeUp = { metadata: { namespace: at.namespace }, data: old };
  const opaque = { ...named('i2'), type: 'Opaque' };
  const headless = service(at, 'k1', { clusterIP: 'None' });
  return [
    ['Secret data', secret, { ...named('i1'), stringData: old }, { stringData: fresh }, dbr],
    ['Secret type', secret, opaque, { type: 'example.test/other' }, dbr],
    ['ConfigMap, fixed name', config, { ...named('j1'), data: old }, { data: fresh }, dbr],
    ['ConfigMap, name made up', config, madeUp, { data: fresh }, 'replace'],
    ['Service clusterIP', 'core.v1.Service', service(at, 'k1'), headless, dbr],
    ['RoleBinding roleRef', binding, roleBinding(at, 'l1'), { roleRef: role('edit') }, dbr],
    ['RoleBinding subjects', binding, roleBinding(at, 'l2'), { subjects: [user('bob')] }, 'update'],
  ];
}

/** Edits that stay updates and that the API server forbids. */
export function refusals(at: Place): readonly Refusal[] {
  const forbidden = /spec: Forbidden: spec is immutable after creation except resources\.requests/;
  const immutable = (field: string) => new RegExp(`${field}: Invalid value[^]*field is immutable`);
  const c = (name: string, spec?: Values) => claim(at, name, spec);
  const sized = (storageSize: string) => ({ resources: { requests: { storage: storageSize } } });
  const moved = volume(at, 'r4', { nodeAffinity: onNode('kube02') });
  const late = { volumeBindingMode: 'WaitForFirstConsumer' };
  const mismatched = daemonSet(at, 'r9', { selector: { matchLabels: { app: 'other' } } });
  const csi = (attachRequired: boolean) => csiDriver(at, 'r7', { attachRequired });
  const all: Short<RegExp> = [
    ['PVC shrunk while Pending', pvc, c('r1'), c('r1', sized('1Gi')), forbidden],
    ['PVC grown while Pending', pvc, c('r2'), c('r2', sized('3Gi')), forbidden],
    ['PVC volumeMode', pvc, c('r3'), c('r3', { volumeMode: 'Block' }), forbidden],
    ['PV nodeAffinity', pv, volume(at, 'r4'), moved, immutable('nodeAffinity')],
    [
      'StorageClass reclaimPolicy',
      sc,
      storageClass(at, 'r5'),
      { reclaimPolicy: 'Retain' },
      /reclaimPolicy: Invalid value[^]*field is immutable|updates to reclaimPolicy are forbidden/,
    ],
    [
      'StorageClass volumeBindingMode',
      sc,
      storageClass(at, 'r6'),
      late,
      immutable('volumeBindingMode'),
    ],
    // Kubernetes itself spells the field "attachedRequired".
    [
      'CSIDriver attachRequired',
      'storage.v1.CSIDriver',
      csi(false),
      csi(true),
      immutable('quired'),
    ],
    [
      'PriorityClass value',
      'scheduling.v1.PriorityClass',
      priorityClass(at, 'r8'),
      { value: 20 },
      /value: Forbidden: may not be changed in an update|field is immutable/,
    ],
    [
      'DaemonSet selector that does not match the template',
      ds,
      daemonSet(at, 'r9'),
      mismatched,
      /`selector` does not match template `labels`/,
    ],
  ];
  return all.map(([row, kind, args, edit, message]) => ({
    ...rowOf(row, kind, args, edit),
    message,
  }));
}

export function declaredOf(row: Row, isEdited: boolean): DeclaredObject {
  return { kind: row.kind, args: isEdited ? { ...row.args, ...row.edit } : row.args };
}

function rowOf(row: string, kind: string, args: Values, edit: Values): Row {
  const name = row.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return { row, name, kind, args, edit };
}
