/**
 * Every tool of the lab and the tests as data: its version, why it is needed, how its own version
 * is read, and where it may come from, in the order in which the places are tried.
 *
 * The Go programs are pinned twice: here, and with the hashes of all their sources in
 * `go/<module>/go.mod` and `go.sum`. Versions of one module are raised together:
 * `docs/decisions/0011-one-module-for-kubernetes.md`.
 */

import path from 'node:path';
import { repositoryRoot } from '../base/paths.ts';
import { type Archive, type Catalogue, type GoModule, type GoProgram, type Tool } from './tool.ts';

const goVersion = '1.26.8';
const kubernetesVersion = '1.36.2';
export const pulumiVersion = '3.257.0';

export type ToolName =
  | 'go'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kubelet'
  | 'kubectl'
  | 'kube-proxy'
  | 'etcd'
  | 'csi-provisioner'
  | 'csi-attacher'
  | 'csi-resizer'
  | 'csi-snapshotter'
  | 'snapshot-controller'
  | 'local-path-provisioner'
  | 'containerd'
  | 'containerd-shim-runc-v2'
  | 'ctr'
  | 'runc'
  | 'bridge'
  | 'loopback'
  | 'host-local'
  | 'portmap'
  | 'coredns'
  | 'csi-sanity'
  | 'pulumi'
  | 'versitygw'
  | 'gitea'
  | 'loki'
  | 'promtool';

/** After a blank, so that a number in the path of the program itself is not taken. */
const plainVersion = /(?:^|\s)v?(\d+\.\d+\.\d+)/m;

function built(
  module: string,
  version: string,
  neededFor: string,
  versionArguments: readonly string[] = ['--version'],
  versionPattern: RegExp = plainVersion,
): Tool {
  const origins = [{ kind: 'go' as const, module }];
  return { version, neededFor, versionArguments, versionPattern, origins };
}

const k8s = (neededFor: string, versionArguments?: readonly string[]) =>
  built('kubernetes', kubernetesVersion, neededFor, versionArguments);

const tools: Readonly<Record<ToolName, Tool>> = {
  go: {
    version: goVersion,
    neededFor: 'building the tools below that no package offers',
    versionArguments: ['version'],
    versionPattern: /go(\d+\.\d+(?:\.\d+)?)/,
    origins: [
      // From 1.21 on, Go fetches the exact version it is asked for by itself.
      {
        kind: 'path',
        atLeast: '1.21',
        folders: ['/usr/local/go/bin', '/usr/lib/go/bin', '/snap/bin'],
      },
      { kind: 'download', archive: 'go' },
    ],
  },
  'kube-apiserver': k8s('the API of the lab'),
  'kube-controller-manager': k8s('the controllers of the lab'),
  'kube-scheduler': k8s('placing pods in the lab'),
  kubelet: k8s('each node of the lab'),
  kubectl: k8s('looking into the lab', ['version', '--client']),
  'kube-proxy': k8s('services of the lab'),
  etcd: built('kubernetes', '3.6.8', 'the store behind the API of the lab'),
  'csi-provisioner': built('kubernetes', '6.3.0', 'volumes on demand'),
  'csi-attacher': built('kubernetes', '4.12.0', 'attaching volumes'),
  'csi-resizer': built('kubernetes', '2.2.0', 'growing volumes'),
  'csi-snapshotter': built('kubernetes', '8.6.0', 'snapshots of volumes'),
  'snapshot-controller': built('kubernetes', '8.6.0', 'snapshots of volumes'),
  'local-path-provisioner': built('kubernetes', '0.0.30', 'the dynamic form of local tiers'),
  containerd: built('containerd', '2.1.5', 'running containers in the lab'),
  'containerd-shim-runc-v2': built('containerd', '2.1.5', 'running containers in the lab', ['-v']),
  ctr: built('containerd', '2.1.5', 'bringing images into the lab'),
  runc: {
    version: '1.1',
    neededFor: 'running containers in the lab',
    versionArguments: ['--version'],
    versionPattern: /runc version (\d+\.\d+\.\d+)/,
    origins: [
      { kind: 'path', atLeast: '1.1' },
      { kind: 'package', packageName: 'runc' },
    ],
  },
  bridge: built('cni', '1.9.1', 'the network of pods'),
  loopback: built('cni', '1.9.1', 'the network of pods'),
  'host-local': built('cni', '1.9.1', 'the addresses of pods'),
  portmap: built('cni', '1.9.1', 'host ports of pods'),
  coredns: built(
    'coredns',
    '1.14.7',
    'names of services in the lab',
    ['--version'],
    /CoreDNS-(\S+)/,
  ),
  'csi-sanity': built('csi-sanity', '5.6.0', 'the conformance tests of the CSI driver'),
  pulumi: {
    version: pulumiVersion,
    neededFor: 'pulumi up and preview',
    versionArguments: ['version'],
    versionPattern: plainVersion,
    origins: [
      { kind: 'path' },
      { kind: 'download', archive: 'pulumi' },
      { kind: 'go', module: 'pulumi' },
    ],
  },
  versitygw: built('versitygw', '1.8.0', 'an S3 server for backup tests'),
  gitea: built('gitea', '1.26.0', 'the Gitea application tests'),
  loki: built('loki', '3.7.8', 'the Loki application tests'),
  promtool: built('promtool', '3.5.0', 'checking alert rules'),
};

const kubernetesStamps = [
  `k8s.io/component-base/version.gitVersion=v${kubernetesVersion}`,
  'k8s.io/component-base/version.gitMajor=1',
  'k8s.io/component-base/version.gitMinor=36',
];

function program(tool: ToolName, importPath: string, ...stamps: readonly string[]): GoProgram {
  return { tool, importPath, stamps };
}

function kubernetesProgram(tool: ToolName): GoProgram {
  return program(tool, `k8s.io/kubernetes/cmd/${tool}`, ...kubernetesStamps);
}

function sidecar(tool: ToolName, repository: string): GoProgram {
  const stamp = `main.version=v${tools[tool].version}`;
  return program(tool, `github.com/kubernetes-csi/${repository}/cmd/${tool}`, stamp);
}

function containerdProgram(tool: ToolName): GoProgram {
  const root = 'github.com/containerd/containerd/v2';
  return program(tool, `${root}/cmd/${tool}`, `${root}/version.Version=${tools[tool].version}`);
}

function cniPlugin(tool: ToolName, folder: string): GoProgram {
  const root = 'github.com/containernetworking/plugins';
  const stamp = `${root}/pkg/utils/buildversion.BuildVersion=v${tools[tool].version}`;
  return program(tool, `${root}/plugins/${folder}/${tool}`, stamp);
}

/** In the order in which they are built: the longest first, the others download meanwhile. */
const modules: Readonly<Record<string, Omit<GoModule, 'folder'>>> = {
  kubernetes: {
    version: kubernetesVersion,
    what: 'Kubernetes, etcd and the CSI sidecars',
    neededFor: "the lab's cluster",
    coldSeconds: 430,
    programs: [
      kubernetesProgram('kube-apiserver'),
      kubernetesProgram('kube-controller-manager'),
      kubernetesProgram('kube-scheduler'),
      kubernetesProgram('kubelet'),
      kubernetesProgram('kubectl'),
      kubernetesProgram('kube-proxy'),
      program('etcd', 'go.etcd.io/etcd/server/v3', 'go.etcd.io/etcd/api/v3/version.Version=3.6.8'),
      sidecar('csi-provisioner', 'external-provisioner/v6'),
      sidecar('csi-attacher', 'external-attacher/v4'),
      sidecar('csi-resizer', 'external-resizer/v2'),
      sidecar('csi-snapshotter', 'external-snapshotter/v8'),
      sidecar('snapshot-controller', 'external-snapshotter/v8'),
      {
        ...program(
          'local-path-provisioner',
          'github.com/rancher/local-path-provisioner',
          'main.VERSION=v0.0.30',
        ),
        builtApart:
          'it imports logrus by its old name with a capital letter, Kubernetes by the new',
      },
    ],
  },
  containerd: {
    version: '2.1.5',
    what: 'containerd',
    neededFor: 'running containers in the lab',
    coldSeconds: 125,
    programs: ['containerd', 'containerd-shim-runc-v2', 'ctr'].map((tool) =>
      containerdProgram(tool as ToolName),
    ),
  },
  cni: {
    version: '1.9.1',
    what: 'the CNI plugins',
    neededFor: 'the network of pods',
    coldSeconds: 15,
    programs: [
      cniPlugin('bridge', 'main'),
      cniPlugin('loopback', 'main'),
      cniPlugin('host-local', 'ipam'),
      cniPlugin('portmap', 'meta'),
    ],
  },
  coredns: {
    version: '1.14.7',
    what: 'CoreDNS',
    neededFor: 'names of services in the lab',
    coldSeconds: 150,
    programs: [program('coredns', 'github.com/coredns/coredns')],
  },
  pulumi: {
    version: pulumiVersion,
    what: 'the Pulumi CLI',
    neededFor: 'pulumi up and preview',
    coldSeconds: 225,
    programs: [
      program(
        'pulumi',
        'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi',
        `github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${pulumiVersion}`,
      ),
    ],
  },
  'csi-sanity': {
    version: '5.6.0',
    what: 'csi-sanity',
    neededFor: 'conformance tests of the CSI driver',
    coldSeconds: 25,
    programs: [
      program(
        'csi-sanity',
        'github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity',
        'main.VERSION=v5.6.0',
      ),
    ],
  },
  versitygw: {
    version: '1.8.0',
    what: 'versitygw',
    neededFor: 'backup tests against S3',
    coldSeconds: 95,
    programs: [
      program('versitygw', 'github.com/versity/versitygw/cmd/versitygw', 'main.Version=v1.8.0'),
    ],
  },
  promtool: {
    version: '3.5.0',
    what: 'promtool',
    neededFor: 'checking alert rules',
    coldSeconds: 240,
    programs: [
      program(
        'promtool',
        'github.com/prometheus/prometheus/cmd/promtool',
        'github.com/prometheus/common/version.Version=3.5.0',
      ),
    ],
  },
  gitea: {
    version: '1.26.0',
    what: 'Gitea',
    neededFor: 'the Gitea application tests',
    coldSeconds: 200,
    programs: [program('gitea', 'code.gitea.io/gitea', 'main.Version=1.26.0')],
  },
  loki: {
    version: '3.7.8',
    what: 'Loki',
    neededFor: 'the Loki application tests',
    coldSeconds: 390,
    programs: [
      program(
        'loki',
        'github.com/grafana/loki/v3/cmd/loki',
        'github.com/grafana/loki/v3/pkg/util/build.Version=3.7.8',
      ),
    ],
  },
};

/** A provider plugin of Pulumi; its version is that of the npm package with the same name. */
export interface PulumiPlugin {
  readonly name: string;
  readonly version: string;
  /** Its official release among the catalogue's archives. */
  readonly archive: string;
}

export const pulumiPlugins: readonly PulumiPlugin[] = [
  { name: 'kubernetes', version: '4.34.2', archive: 'resource-kubernetes' },
  { name: 'random', version: '4.21.2', archive: 'resource-random' },
  { name: 'command', version: '1.2.1', archive: 'resource-command' },
];

function pulumiPluginArchive({ name, version }: PulumiPlugin): Archive {
  const release = `https://github.com/pulumi/pulumi-${name}/releases/download/v${version}`;
  const file = (goPlatform: string) =>
    `${release}/pulumi-resource-${name}-v${version}-${goPlatform}.tar.gz`;
  return {
    version,
    what: `the official ${name} provider`,
    urls: { 'linux-x64': file('linux-amd64'), 'linux-arm64': file('linux-arm64') },
    checksum: { kind: 'published', url: `${release}/pulumi-${name}_${version}_checksums.txt` },
    programs: {},
  };
}

const pulumiRelease = `https://github.com/pulumi/pulumi/releases/download/v${pulumiVersion}`;

const archives: Readonly<Record<string, Archive>> = {
  /**
   * Any Go from 1.21 on fetches the wanted one: this is the newest whose hashes could be checked.
   */
  go: {
    version: '1.26.1',
    what: 'Go',
    urls: {
      'linux-x64': 'https://dl.google.com/go/go1.26.1.linux-amd64.tar.gz',
      'linux-arm64': 'https://dl.google.com/go/go1.26.1.linux-arm64.tar.gz',
    },
    checksum: {
      kind: 'pinned',
      sha256: {
        'linux-x64': '031f088e5d955bab8657ede27ad4e3bc5b7c1ba281f05f245bcc304f327c987a',
        'linux-arm64': 'a290581cfe4fe28ddd737dde3095f3dbeb7f2e4065cab4eae44dfc53b760c2f7',
      },
    },
    programs: { go: 'go/bin/go' },
  },
  pulumi: {
    version: pulumiVersion,
    what: 'the Pulumi CLI',
    urls: {
      'linux-x64': `${pulumiRelease}/pulumi-v${pulumiVersion}-linux-x64.tar.gz`,
      'linux-arm64': `${pulumiRelease}/pulumi-v${pulumiVersion}-linux-arm64.tar.gz`,
    },
    checksum: {
      kind: 'published',
      url: `${pulumiRelease}/pulumi-${pulumiVersion}-checksums.txt`,
    },
    programs: { pulumi: 'pulumi/pulumi' },
  },
  ...Object.fromEntries(
    pulumiPlugins.map((plugin) => [plugin.archive, pulumiPluginArchive(plugin)]),
  ),
};

const moduleFolders = path.join(repositoryRoot, 'lab/toolchain/go');

export const catalogue: Catalogue = {
  goVersion,
  tools,
  modules: Object.fromEntries(
    Object.entries(modules).map(([name, module]) => [
      name,
      { ...module, folder: path.join(moduleFolders, name) },
    ]),
  ),
  archives,
};
