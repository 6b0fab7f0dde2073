/**
 * The files a node boots with: `files/` is copied over the node's root at every boot, `node.env`
 * tells node-init.sh the rest. Configuration is written as JSON, which the kubelet and kube-proxy
 * read as YAML.
 */
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { storeMountPoint } from '../images/node-store.ts';
import { addresses, nodeAddress, podRange } from './addresses.ts';

export interface NodeIdentity {
  readonly name: string;
  /** From 1, in the order of the lab's options. */
  readonly number: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface BootSettings {
  readonly bootId: string;
  /** Folders with the lab's programs and images, which a separate file system may hold. */
  readonly readOnlyFolders: readonly string[];
  readonly cgroupFiles: readonly string[];
  /** Image files relative to the node's folder, and where they are mounted. */
  readonly disks: readonly { readonly image: string; readonly path: string }[];
  readonly binFolder: string;
  /** Disk image with the container images. */
  readonly storeImage: string;
}

export const cniPlugins = ['bridge', 'host-local', 'loopback', 'portmap'] as const;

/** Writes `files/`; the keys among them are why the node's folder is not readable by others. */
export function writeNodeFiles(
  nodeFolder: string,
  node: NodeIdentity,
  lab: {
    readonly name: string;
    readonly pkiFolder: string;
    readonly binFolder: string;
    readonly fastNodeLoss: boolean;
  },
  runc: string,
): void {
  const files = path.join(nodeFolder, 'files');
  rmSync(files, { recursive: true, force: true });
  const at = (...names: string[]) => {
    const file = path.join(files, ...names);
    mkdirSync(path.dirname(file), { recursive: true });
    return file;
  };
  const json = (file: string, content: object) =>
    writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  const kubernetes = 'etc/kubernetes';
  for (const [from, to] of [
    ['ca.crt', 'ca.crt'],
    [`kubelet-${node.name}.crt`, 'kubelet.crt'],
    [`kubelet-${node.name}.key`, 'kubelet.key'],
    [`${node.name}.kubeconfig`, 'kubelet.kubeconfig'],
    ['kube-proxy.kubeconfig', 'kube-proxy.kubeconfig'],
  ] as const)
    copyFileSync(path.join(lab.pkiFolder, from), at(kubernetes, to));
  json(at(kubernetes, 'kubelet.json'), kubeletConfig(lab, node));
  json(at(kubernetes, 'kube-proxy.json'), kubeProxyConfig(node));
  writeFileSync(at(kubernetes, 'resolv.conf'), `nameserver ${addresses.api}\n`);
  // The first file by name is the one containerd takes; the machine may have some of its own.
  json(at('etc/cni/net.d/00-lab.conflist'), cniConfig(node));
  writeFileSync(at('etc/containerd/lab.toml'), containerdConfig(runc));
  for (const plugin of cniPlugins)
    symlinkSync(path.join(lab.binFolder, plugin), at('opt/cni/bin', plugin));
}

/** Text of `node.env`, which the shell reads: every value in single quotes, none can hold one. */
export function nodeEnvironment(node: NodeIdentity, boot: BootSettings): string {
  const labels = Object.entries(node.labels).map(([key, value]) => `${key}=${value}`);
  const values = {
    NODE_NAME: node.name,
    NODE_ADDRESS: nodeAddress(node.number),
    NODE_BOOT_ID: boot.bootId,
    NODE_MACHINE_ID: String(node.number).padStart(32, '0'),
    NODE_LABELS: labels.join(','),
    LAB_BIN: boot.binFolder,
    STORE: storeMountPoint,
    STORE_IMAGE: boot.storeImage,
    READ_ONLY_FOLDERS: boot.readOnlyFolders.join('\n'),
    CGROUP_FILES: boot.cgroupFiles.join('\n'),
    DISKS: boot.disks.map((disk) => `${disk.image} ${disk.path}`).join('\n'),
  };
  return Object.entries(values)
    .map(([key, value]) => `${key}=${shellQuote(value)}\n`)
    .join('');
}

function shellQuote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

function kubeletConfig(
  lab: { readonly name: string; readonly fastNodeLoss: boolean },
  node: NodeIdentity,
): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true, cacheTTL: '30s' },
      x509: { clientCAFile: '/etc/kubernetes/ca.crt' },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: '/etc/kubernetes/kubelet.crt',
    tlsPrivateKeyFile: '/etc/kubernetes/kubelet.key',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    // Must exist in every hierarchy before the kubelet starts.
    cgroupRoot: `/${lab.name}/${node.name}`,
    enforceNodeAllocatable: [],
    // Kubernetes refuses control groups of version 1 by default since 1.35.
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [addresses.dns],
    clusterDomain: 'cluster.local',
    resolvConf: '/etc/kubernetes/resolv.conf',
    evictionHard: {
      'memory.available': '64Mi',
      'nodefs.available': '1%',
      'nodefs.inodesFree': '1%',
      'imagefs.available': '1%',
    },
    // There is no registry to fetch an image from a second time: none is ever collected.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    maxPods: 60,
    // What crashes waits up to five minutes elsewhere: too long for a test of crashes.
    crashLoopBackOff: { maxContainerRestartPeriod: '2s' },
    // A pod waits up to this long after its volume was attached; the default of 10 s is a long
    // test.
    nodeStatusUpdateFrequency: '2s',
    // Renewed four times in this time: a node whose lease is 6 s old is missed (control-plane.ts).
    ...(lab.fastNodeLoss ? { nodeLeaseDurationSeconds: 8 } : {}),
    volumePluginDir: '/var/lib/kubelet/volumeplugins',
  };
}

function kubeProxyConfig(node: NodeIdentity): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: '/etc/kubernetes/kube-proxy.kubeconfig' },
    mode: 'nftables',
    clusterCIDR: addresses.pods,
    detectLocalMode: 'ClusterCIDR',
    bindAddress: nodeAddress(node.number),
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    // Zero leaves a setting alone: these belong to the whole machine.
    conntrack: {
      maxPerCore: 0,
      min: 0,
      tcpEstablishedTimeout: '0s',
      tcpCloseWaitTimeout: '0s',
    },
  };
}

function cniConfig(node: NodeIdentity): object {
  return {
    cniVersion: '1.0.0',
    name: 'lab',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        // Every node knows the way to every pod, so pods keep their addresses.
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: podRange(node.number) }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

function containerdConfig(runc: string): string {
  const runtime = "plugins.'io.containerd.cri.v1.runtime'";
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "localhost/lab/pause:1"
[${runtime}]
  # Containers ask for scores below their parent's, which needs CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
[${runtime}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [${runtime}.containerd.runtimes.runc.options]
    BinaryName = "${runc}"
    SystemdCgroup = false
`;
}
