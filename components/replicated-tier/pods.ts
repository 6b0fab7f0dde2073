/** The pods of the data plane: one on every node, and the controllers with the CSI sidecars. */
import type * as pulumi from '@pulumi/pulumi';
import { managed } from '../names.ts';

export interface DataplaneImageArgs {
  /** Engine, replica server, CSI driver and controller. */
  readonly dataplane: pulumi.Input<string>;
  /** Sidecars of Kubernetes; each has its program at `/<name>`. */
  readonly csiProvisioner: string;
  readonly csiAttacher: string;
  readonly csiResizer: string;
  readonly csiSnapshotter: string;
}

const kubeletFolder = '/var/lib/kubelet';
/** In memory: sockets, keys and tokens of what is attached; empty after a boot. */
const runFolder = '/run/larder';
const peerPort = '7480';
/** Of node pods on the node's own address, of controllers on theirs. */
export const metricsPort = 7481;
const program = (file: string) => ['node', `/opt/larder/dataplane/main/${file}.js`];
/** For a Prometheus that finds pods by annotations; it needs a token that may GET /metrics. */
const scraped = {
  'prometheus.io/scrape': 'true',
  'prometheus.io/scheme': 'https',
  'prometheus.io/port': String(metricsPort),
  'prometheus.io/path': '/metrics',
};
const metricsEnv = { name: 'METRICS_PORT', value: String(metricsPort) };
const metricsPorts = [{ name: 'metrics', containerPort: metricsPort, protocol: 'TCP' }];
const field = (name: string, fieldPath: string) => ({
  name,
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
});

/** On all pods that show metrics. */
export const metricsLabels = { 'larder.dev/metrics': 'shown' };
export const nodeLabels = { 'app.kubernetes.io/name': 'larder-node' };
export const controllerLabels = { 'app.kubernetes.io/name': 'larder-controller' };

/**
 * The template of the DaemonSet.
 *
 * @param diskPaths where disks are mounted, on whichever node
 */
export function nodePod(images: DataplaneImageArgs, diskPaths: readonly string[]) {
  const disks = diskPaths.map((path, index) => ({ name: `disk-${index + 1}`, path }));
  return {
    metadata: { labels: { ...managed, ...nodeLabels, ...metricsLabels }, annotations: scraped },
    spec: {
      serviceAccountName: 'larder-node',
      priorityClassName: 'system-node-critical',
      // Peers reach a node by its own address, which outlives the pod.
      hostNetwork: true,
      dnsPolicy: 'ClusterFirstWithHostNet',
      // What attached volumes need leaves the pod's control groups for those of process 1.
      hostPID: true,
      // Storage is needed wherever pods run, also on nodes that take no new ones.
      tolerations: [{ operator: 'Exists' }],
      terminationGracePeriodSeconds: 30,
      containers: [storageContainer(images.dataplane, disks), csiContainer(images.dataplane)],
      volumes: [
        // On a node without this disk an empty folder, which the program tells from a mount.
        ...disks.map(({ name, path }) => ({ name, hostPath: { path } })),
        { name: 'kubelet', hostPath: { path: kubeletFolder, type: 'Directory' } },
        { name: 'run', hostPath: { path: runFolder, type: 'DirectoryOrCreate' } },
      ],
    },
  };
}

function storageContainer(
  image: pulumi.Input<string>,
  disks: readonly { readonly name: string; readonly path: string }[],
) {
  return {
    name: 'storage',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: program('storage-node'),
    env: [
      field('NODE_NAME', 'spec.nodeName'),
      field('NODE_ADDRESS', 'status.hostIP'),
      { name: 'PEER_PORT', value: peerPort },
      { name: 'HOST_ROOT', value: '/host' },
      { name: 'PEER_FOLDER', value: `${runFolder}/peer` },
      metricsEnv,
      { name: 'METRICS_FOLDER', value: `${runFolder}/metrics` },
    ],
    ports: metricsPorts,
    volumeMounts: [
      // A disk that is mounted later appears here too.
      ...disks.map(({ name, path }) => ({
        name,
        mountPath: `/host${path}`,
        mountPropagation: 'HostToContainer',
      })),
      { name: 'run', mountPath: runFolder },
    ],
    resources: { requests: { cpu: '50m', memory: '96Mi' } },
    securityContext: { runAsUser: 0, allowPrivilegeEscalation: false },
  };
}

function csiContainer(image: pulumi.Input<string>) {
  return {
    name: 'csi',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: program('csi-node'),
    env: [
      field('NODE_NAME', 'spec.nodeName'),
      { name: 'KUBELET_FOLDER', value: kubeletFolder },
      { name: 'RUN_FOLDER', value: runFolder },
      { name: 'VERSION', value: image },
    ],
    volumeMounts: [
      { name: 'kubelet', mountPath: kubeletFolder, mountPropagation: 'Bidirectional' },
      { name: 'run', mountPath: runFolder, mountPropagation: 'Bidirectional' },
    ],
    resources: { requests: { cpu: '50m', memory: '96Mi' } },
    // Mounts, loop devices and FUSE: the one privileged container of Larder.
    securityContext: { privileged: true, runAsUser: 0 },
  };
}

export interface ControllerArgs {
  readonly repairAfterMinutes: number;
  /** With csi-snapshotter, which does not live where snapshots are unknown. */
  readonly snapshots: boolean;
}

/** The template of the Deployment. The driver says on its socket whether it leads. */
export function controllerPod(images: DataplaneImageArgs, args: ControllerArgs) {
  const away = (key: string) => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 20,
  });
  return {
    metadata: {
      labels: { ...managed, ...controllerLabels, ...metricsLabels },
      annotations: scraped,
    },
    spec: {
      serviceAccountName: 'larder-controller',
      priorityClassName: 'system-cluster-critical',
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65_532,
        runAsGroup: 65_532,
        fsGroup: 65_532,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      // Volumes of a lost node can move when the controller has moved.
      tolerations: [away('node.kubernetes.io/not-ready'), away('node.kubernetes.io/unreachable')],
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: controllerLabels },
        },
      ],
      containers: controllerContainers(images, args),
      volumes: [{ name: 'socket', emptyDir: { medium: 'Memory' } }],
    },
  };
}

const socket = { name: 'socket', mountPath: '/csi' };

function controllerContainers(
  images: DataplaneImageArgs,
  { repairAfterMinutes, snapshots }: ControllerArgs,
) {
  const snapshotter = sidecar('csi-snapshotter', images.csiSnapshotter, [
    '--extra-create-metadata',
    '--timeout=30s',
    '--retry-interval-start=1s',
    '--retry-interval-max=30s',
  ]);
  return [
    {
      name: 'controller',
      image: images.dataplane,
      imagePullPolicy: 'IfNotPresent',
      command: program('controller'),
      env: [
        { name: 'CSI_SOCKET', value: '/csi/csi.sock' },
        field('POD_NAMESPACE', 'metadata.namespace'),
        field('POD_NAME', 'metadata.name'),
        { name: 'REPAIR_AFTER_SECONDS', value: String(Math.round(repairAfterMinutes * 60)) },
        metricsEnv,
      ],
      ports: metricsPorts,
      volumeMounts: [socket],
      resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '384Mi' } },
      securityContext: restricted,
    },
    sidecar('csi-provisioner', images.csiProvisioner, [
      '--extra-create-metadata',
      '--feature-gates=Topology=true',
      '--default-fstype=ext4',
      '--timeout=30s',
      '--retry-interval-start=1s',
      '--retry-interval-max=30s',
    ]),
    sidecar('csi-attacher', images.csiAttacher, [
      '--timeout=30s',
      '--retry-interval-start=500ms',
      '--retry-interval-max=10s',
    ]),
    sidecar('csi-resizer', images.csiResizer, [
      '--timeout=30s',
      '--retry-interval-start=1s',
      '--retry-interval-max=30s',
      // A volume grows while it is in use; whether it is, is nobody's question.
      '--handle-volume-inuse-error=false',
    ]),
    ...(snapshots ? [snapshotter] : []),
  ];
}

function sidecar(name: string, image: string, args: readonly string[]) {
  return {
    name,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: [`/${name}`],
    args: ['--csi-address=/csi/csi.sock', '--v=2', ...args],
    volumeMounts: [socket],
    resources: { requests: { cpu: '10m', memory: '48Mi' }, limits: { memory: '256Mi' } },
    securityContext: restricted,
  };
}

const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
};
