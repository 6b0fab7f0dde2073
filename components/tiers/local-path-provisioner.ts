/**
 * rancher's local-path-provisioner, declared here: it makes a folder for each claim of a dynamic
 * tier, on the disks of the inventory that serve the tier and on no other.
 *
 * Beside k3s' own instance it lives under another provisioner name. Its set-up script refuses a
 * bare mount point (scripts/local-path-setup.sh): upstream's would fill the node's system disk.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { digestOf } from '../digest.ts';
import { managed } from '../names.ts';
import { provisionerOf } from '../rules/engines.ts';
import { script } from '../script.ts';

interface DynamicTier {
  /** The StorageClass. */
  readonly className: string;
  /** Folders for new volumes, by node. */
  readonly folders: readonly { readonly node: string; readonly path: string }[];
}

export interface LocalPathProvisionerArgs {
  /** The system Namespace; it admits privileged pods. */
  readonly namespace: pulumi.Input<string>;
  readonly image: string;
  /** Image of the pods that make and remove folders; needs a shell. */
  readonly toolsImage: string;
  readonly tiers: readonly DynamicTier[];
}

const objectName = 'larder-local-path';
const appLabels = { 'app.kubernetes.io/name': objectName };

export class LocalPathProvisioner extends pulumi.ComponentResource {
  constructor(name: string, args: LocalPathProvisionerArgs, opts: pulumi.ComponentResourceOptions) {
    super(
      'larder:index:LocalPathProvisioner',
      name,
      { image: args.image, tiers: args.tiers.map((tier) => tier.className) },
      opts,
    );
    const metadata = { name: objectName, namespace: args.namespace, labels: managed };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata },
      { parent: this },
    );
    const rights = this.#rights(name, metadata, account);
    const data = provisionerFiles(args);
    const files = new k8s.core.v1.ConfigMap(`${name}-files`, { metadata, data }, { parent: this });
    new k8s.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata,
        spec: {
          replicas: 1,
          selector: { matchLabels: appLabels },
          strategy: { type: 'Recreate' },
          template: {
            metadata: {
              labels: { ...managed, ...appLabels },
              // The provisioner reads its helper pod only when it starts.
              annotations: { 'larder.dev/files': digestOf(data) },
            },
            spec: {
              serviceAccountName: account.metadata.name,
              containers: [provisionerContainer(args.image)],
              volumes: [{ name: 'files', configMap: { name: files.metadata.name } }],
            },
          },
        },
      },
      { parent: this, dependsOn: rights },
    );
    this.registerOutputs({});
  }

  /** What upstream's deployment manifest grants, no more. */
  #rights(
    name: string,
    metadata: { name: string; namespace: pulumi.Input<string>; labels: Record<string, string> },
    account: k8s.core.v1.ServiceAccount,
  ): pulumi.Resource[] {
    const read = ['get', 'list', 'watch'];
    const change = [...read, 'create', 'patch', 'update', 'delete'];
    const subjects = [
      {
        kind: 'ServiceAccount',
        name: account.metadata.name,
        namespace: account.metadata.namespace,
      },
    ];
    const wide = { name: metadata.name, labels: metadata.labels };
    const role = new k8s.rbac.v1.Role(
      `${name}-role`,
      { metadata, rules: [{ apiGroups: [''], resources: ['pods'], verbs: change }] },
      { parent: this },
    );
    const clusterRole = new k8s.rbac.v1.ClusterRole(
      `${name}-cluster-role`,
      {
        metadata: wide,
        rules: [
          {
            apiGroups: [''],
            resources: ['nodes', 'persistentvolumeclaims', 'configmaps', 'pods', 'pods/log'],
            verbs: read,
          },
          { apiGroups: [''], resources: ['persistentvolumes'], verbs: change },
          { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
          { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: read },
        ],
      },
      { parent: this },
    );
    const apiGroup = 'rbac.authorization.k8s.io';
    return [
      new k8s.rbac.v1.RoleBinding(
        `${name}-binding`,
        { metadata, roleRef: { apiGroup, kind: 'Role', name: role.metadata.name }, subjects },
        { parent: this },
      ),
      new k8s.rbac.v1.ClusterRoleBinding(
        `${name}-cluster-binding`,
        {
          metadata: wide,
          roleRef: { apiGroup, kind: 'ClusterRole', name: clusterRole.metadata.name },
          subjects,
        },
        { parent: this },
      ),
    ];
  }
}

function provisionerContainer(image: string) {
  return {
    name: 'provisioner',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['local-path-provisioner', 'start', '--config', '/etc/config/config.json'],
    args: [
      '--provisioner-name',
      provisionerOf({ engine: 'local-path' }),
      '--configmap-name',
      objectName,
    ],
    env: [
      // The version is the default, and part of an indivisible field: left out, taking the object
      // over after a lost state would conflict with what the server filled in.
      {
        name: 'POD_NAMESPACE',
        valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
      },
      { name: 'SERVICE_ACCOUNT_NAME', value: objectName },
      { name: 'CONFIG_MOUNT_PATH', value: '/etc/config/' },
    ],
    volumeMounts: [{ name: 'files', mountPath: '/etc/config' }],
    resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    },
  };
}

/** The files that the provisioner reads; nodes that are not named get no volumes. */
function provisionerFiles(
  args: Pick<LocalPathProvisionerArgs, 'tiers' | 'toolsImage'>,
): Record<string, string> {
  const storageClassConfigs = Object.fromEntries(
    args.tiers.map((tier) => [tier.className, { nodePathMap: nodePathMap(tier) }]),
  );
  const helperPod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'helper-pod' },
    spec: {
      priorityClassName: 'system-node-critical',
      containers: [{ name: 'helper-pod', image: args.toolsImage, imagePullPolicy: 'IfNotPresent' }],
    },
  };
  return {
    'config.json': JSON.stringify({ storageClassConfigs }, undefined, 2),
    'helperPod.yaml': JSON.stringify(helperPod, undefined, 2),
    setup: script('local-path-setup'),
    teardown: script('local-path-teardown'),
  };
}

function nodePathMap(tier: DynamicTier) {
  const nodes = [...new Set(tier.folders.map((folder) => folder.node))];
  return nodes.map((node) => ({
    node,
    paths: tier.folders.filter((folder) => folder.node === node).map((folder) => folder.path),
  }));
}
