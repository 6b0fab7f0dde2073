/**
 * Which changed properties force the replacement of an object, one row a rule. This is data, taken
 * over from the official provider so that a program meets the same edits here and there; nothing in
 * it is our opinion. A row's `source` says where the rule was read or seen:
 * P = pulumi-kubernetes `provider/pkg/provider/diff.go` (`forceNew`), F = observed on the official
 * provider edit by edit (docs/stand-in-kubernetes.md, table of edits).
 */
import type { GroupVersionKind } from './kind.ts';

export interface ReplacementRule {
  /** `group/version/Kind` with an empty group for core kinds; `*` for every object. */
  readonly kind: string;
  /** Keys from the root; `*` stands for every entry of a list. What lies below is included. */
  readonly path: readonly string[];
  /** A provider setting that switches the rule off, unless the object says `immutable: true`. */
  readonly unless?: 'enableConfigMapMutable' | 'enableSecretMutable';
  readonly source: string;
}

export type MutableSettings = Readonly<
  Record<'enableConfigMapMutable' | 'enableSecretMutable', boolean>
>;

const rules = (
  kinds: readonly string[],
  source: string,
  paths: readonly string[],
  unless?: ReplacementRule['unless'],
): readonly ReplacementRule[] =>
  kinds.flatMap((kind) =>
    paths.map((path) => ({
      kind,
      path: path.split('.'),
      source,
      ...(unless === undefined ? {} : { unless }),
    })),
  );

const volumeSources = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'csi',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'glusterfs',
  'hostPath',
  'iscsi',
  'local',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
] as const;

const podFields = [
  'affinity',
  'automountServiceAccountToken',
  'dnsConfig',
  'dnsPolicy',
  'enableServiceLinks',
  'hostAliases',
  'hostIPC',
  'hostNetwork',
  'hostPID',
  'hostname',
  'imagePullSecrets',
  'nodeName',
  'nodeSelector',
  'overhead',
  'preemptionPolicy',
  'priority',
  'priorityClassName',
  'readinessGates',
  'restartPolicy',
  'runtimeClassName',
  'schedulerName',
  'securityContext',
  'serviceAccount',
  'serviceAccountName',
  'shareProcessNamespace',
  'subdomain',
  'terminationGracePeriodSeconds',
  'volumes',
] as const;

const containerFields = [
  'args',
  'command',
  'env',
  'image',
  'imagePullPolicy',
  'lifecycle',
  'livenessProbe',
  'ports',
  'readinessProbe',
  'resources',
  'securityContext',
  'stdin',
  'stdinOnce',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'tty',
  'volumeDevices',
  'volumeMounts',
  'workingDir',
] as const;

const jobKinds = ['batch/v1/Job', 'batch/v1beta1/Job', 'batch/v2alpha1/Job'];
const bindingKinds = ['v1', 'v1alpha1', 'v1beta1'].flatMap((version) => [
  `rbac.authorization.k8s.io/${version}/ClusterRoleBinding`,
  `rbac.authorization.k8s.io/${version}/RoleBinding`,
]);

export const replacementTable: readonly ReplacementRule[] = [
  ...rules(['*'], 'P metadataForceNewProperties; F PVC, NodePatch, CustomResource name', [
    'metadata.name',
    'metadata.namespace',
  ]),
  ...rules(['/v1/PersistentVolumeClaim'], 'P core.v1; F PVC class, modes, volume', [
    'spec.accessModes',
    'spec.selector',
    'spec.storageClassName',
    'spec.volumeName',
  ]),
  ...rules(
    ['/v1/PersistentVolume'],
    'P core.v1; F PV any field of the volume source',
    volumeSources.map((source) => `spec.${source}`),
  ),
  ...rules(['storage.k8s.io/v1/StorageClass'], 'P storage; F StorageClass', [
    'parameters',
    'provisioner',
  ]),
  ...rules(
    ['apps/v1/StatefulSet', 'apps/v1beta1/StatefulSet', 'apps/v1beta2/StatefulSet'],
    'P statefulSet; F StatefulSet templates, service, policy, selector',
    [
      'spec.podManagementPolicy',
      'spec.revisionHistoryLimit',
      'spec.selector',
      'spec.serviceName',
      'spec.volumeClaimTemplates',
    ],
  ),
  ...rules(
    [
      'apps/v1/Deployment',
      'apps/v1beta2/Deployment',
      'apps/v1/DaemonSet',
      'apps/v1beta2/DaemonSet',
    ],
    'P deployment, daemonset; F selector alone replaces',
    ['spec.selector'],
  ),
  ...rules(jobKinds, 'P job; F Job template, parallelism', [
    'spec.completions',
    'spec.parallelism',
    'spec.selector',
    'spec.template',
  ]),
  ...rules(
    ['/v1/ConfigMap'],
    'P forceNewProperties; F ConfigMap data',
    ['binaryData', 'data'],
    'enableConfigMapMutable',
  ),
  ...rules(
    ['/v1/Secret'],
    'P forceNewProperties; F Secret data',
    ['data', 'stringData'],
    'enableSecretMutable',
  ),
  ...rules(['/v1/Secret'], 'P core.v1; F Secret type', ['type']),
  ...rules(['/v1/Service'], 'P core.v1; F Service clusterIP', ['spec.clusterIP']),
  ...rules(['/v1/ResourceQuota'], 'P core.v1', ['spec.scopes']),
  ...rules(['policy/v1beta1/PodDisruptionBudget'], 'P podDisruptionBudget', ['spec']),
  ...rules(bindingKinds, 'P roleBinding; F ClusterRoleBinding roleRef', ['roleRef']),
  ...rules(
    ['/v1/Pod'],
    'P core.v1',
    podFields.map((field) => `spec.${field}`),
  ),
  ...rules(
    ['/v1/Pod'],
    'P containerForceNewProperties',
    ['containers', 'initContainers'].flatMap((list) =>
      containerFields.map((field) => `spec.${list}.*.${field}`),
    ),
  ),
];

/**
 * The rules for one object.
 *
 * @param isPatch patches can change everything but their identity in place
 * @param isImmutable the object declares `immutable: true`
 */
export function replacementRules(
  kind: GroupVersionKind,
  about: {
    readonly isPatch: boolean;
    readonly isImmutable: boolean;
    readonly settings: MutableSettings;
  },
): readonly ReplacementRule[] {
  const text = `${kind.group}/${kind.version}/${kind.kind}`;
  return replacementTable.filter((rule) => {
    if (rule.kind === '*') return true;
    if (about.isPatch || rule.kind !== text) return false;
    return rule.unless === undefined || about.isImmutable || !about.settings[rule.unless];
  });
}
