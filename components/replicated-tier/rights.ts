/**
 * What the data plane's pods may do in the cluster: the nodes no more than reading volumes and
 * saying how things are; the controller what it and the CSI sidecars beside it need.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { managed } from '../names.ts';

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly verbs: string[];
  readonly resourceNames?: string[];
}

const read = ['get', 'list', 'watch'];
const ours = ['larder.dev'];
const storage = ['storage.k8s.io'];

/** Whether somebody who asks for metrics may have them. */
const readerRules: Rule[] = [
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
];

const nodeRules: Rule[] = [
  ...readerRules,
  { apiGroups: ours, resources: ['volumes', 'storagenodes'], verbs: read },
  {
    apiGroups: ours,
    resources: ['volumes/status', 'storagenodes/status'],
    verbs: ['update', 'patch'],
  },
  // Its UID tells this cluster's disks from those of others.
  { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
  // Its own certificate: the controller looks at which node asked.
  {
    apiGroups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests'],
    verbs: ['create', 'get'],
  },
];

const controllerRules: Rule[] = [
  ...readerRules,
  { apiGroups: ours, resources: ['volumes'], verbs: [...read, 'create', 'update', 'delete'] },
  { apiGroups: ours, resources: ['storagenodes'], verbs: read },
  { apiGroups: ours, resources: ['snapshots'], verbs: [...read, 'create', 'delete'] },
  { apiGroups: ours, resources: ['snapshots/status'], verbs: ['update'] },
  {
    apiGroups: ours,
    resources: ['volumes/status', 'storagenodes/status'],
    verbs: ['update', 'patch'],
  },
  // Of nodes that are lost: pods that Kubernetes has given up, and which volumes they said to use.
  { apiGroups: [''], resources: ['pods'], verbs: ['list', 'delete'] },
  { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
  {
    apiGroups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests'],
    verbs: read,
  },
  {
    apiGroups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests/approval', 'certificatesigningrequests/status'],
    verbs: ['update'],
  },
  {
    apiGroups: ['certificates.k8s.io'],
    resources: ['signers'],
    resourceNames: ['larder.dev/peer'],
    verbs: ['approve', 'sign'],
  },
];

/** As the manifests of the sidecars' own repositories have it, without what is not used here. */
const sidecarRules: Rule[] = [
  {
    apiGroups: [''],
    resources: ['persistentvolumes'],
    verbs: [...read, 'create', 'patch', 'delete'],
  },
  { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: [...read, 'update'] },
  { apiGroups: [''], resources: ['persistentvolumeclaims/status'], verbs: ['patch'] },
  { apiGroups: [''], resources: ['events'], verbs: [...read, 'create', 'update', 'patch'] },
  { apiGroups: [''], resources: ['nodes'], verbs: read },
  {
    apiGroups: ['snapshot.storage.k8s.io'],
    resources: ['volumesnapshotclasses', 'volumesnapshots'],
    verbs: read,
  },
  {
    apiGroups: ['snapshot.storage.k8s.io'],
    resources: ['volumesnapshotcontents'],
    verbs: [...read, 'update', 'patch'],
  },
  {
    apiGroups: ['snapshot.storage.k8s.io'],
    resources: ['volumesnapshotcontents/status'],
    verbs: ['update', 'patch'],
  },
  { apiGroups: storage, resources: ['storageclasses', 'csinodes'], verbs: read },
  { apiGroups: storage, resources: ['volumeattachments'], verbs: [...read, 'patch'] },
  { apiGroups: storage, resources: ['volumeattachments/status'], verbs: ['patch'] },
];

const namespaceRules: Rule[] = [
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: [...read, 'create', 'update', 'patch'],
  },
  // The authority of the peers' certificates: made, followed by another in time, and read by the
  // controller alone.
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  {
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: ['larder-peer-authority'],
    verbs: ['get', 'update'],
  },
];

export interface Accounts {
  readonly node: k8s.core.v1.ServiceAccount;
  readonly controller: k8s.core.v1.ServiceAccount;
  /** Bindings that have to be there before a pod starts. */
  readonly bindings: readonly pulumi.Resource[];
}

export function declareRights(
  name: string,
  namespace: pulumi.Input<string>,
  opts: pulumi.CustomResourceOptions,
): Accounts {
  const account = (accountName: string) =>
    new k8s.core.v1.ServiceAccount(
      `${name}-${accountName}`,
      { metadata: { name: accountName, namespace, labels: managed } },
      opts,
    );
  const node = account('larder-node');
  const controller = account('larder-controller');
  const apiGroup = 'rbac.authorization.k8s.io';
  const bind = (roleName: string, to: k8s.core.v1.ServiceAccount, rules: Rule[]) => {
    const metadata = { name: roleName, labels: managed };
    const role = new k8s.rbac.v1.ClusterRole(`${name}-${roleName}`, { metadata, rules }, opts);
    return new k8s.rbac.v1.ClusterRoleBinding(
      `${name}-${roleName}-binding`,
      {
        metadata,
        roleRef: { apiGroup, kind: 'ClusterRole', name: role.metadata.name },
        subjects: [{ kind: 'ServiceAccount', name: to.metadata.name, namespace }],
      },
      opts,
    );
  };
  // For the owner to bind to a Prometheus that may not GET /metrics yet.
  new k8s.rbac.v1.ClusterRole(
    `${name}-metrics-reader`,
    {
      metadata: { name: 'larder-metrics-reader', labels: managed },
      rules: [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }],
    },
    opts,
  );
  const metadata = { name: 'larder-controller', namespace, labels: managed };
  const role = new k8s.rbac.v1.Role(`${name}-role`, { metadata, rules: namespaceRules }, opts);
  const binding = new k8s.rbac.v1.RoleBinding(
    `${name}-role-binding`,
    {
      metadata,
      roleRef: { apiGroup, kind: 'Role', name: role.metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: controller.metadata.name, namespace }],
    },
    opts,
  );
  return {
    node,
    controller,
    bindings: [
      bind('larder-node', node, nodeRules),
      bind('larder-controller', controller, [...controllerRules, ...sidecarRules]),
      binding,
    ],
  };
}
