/**
 * The control plane as plain processes in the lab network: each retries until the one below it
 * answers, so they are started together, CoreDNS after them. etcd listens on the loopback of the
 * lab network only: no pod and no node reaches it, which is why it needs no keys.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { addresses } from './addresses.ts';

export const controlPlaneNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const;

export type ControlPlaneName = (typeof controlPlaneNames)[number];

export interface ControlPlaneSettings {
  readonly stateFolder: string;
  readonly pkiFolder: string;
  readonly fastNodeLoss: boolean;
}

/** Command line arguments of each process. */
export function controlPlaneArgs(
  name: ControlPlaneName,
  settings: ControlPlaneSettings,
): readonly string[] {
  const pki = (file: string) => path.join(settings.pkiFolder, file);
  switch (name) {
    case 'etcd':
      return etcdArgs(path.join(settings.stateFolder, 'etcd'));
    case 'kube-apiserver':
      return apiServerArgs(pki);
    case 'kube-controller-manager':
      return controllerManagerArgs(pki, settings.fastNodeLoss);
    case 'kube-scheduler':
      return [...clientArgs(pki('scheduler.kubeconfig')), '--leader-elect=false'];
  }
}

/** CoreDNS answers for services and pods; the Service in front of it is made by `dns.ts`. */
export function writeCorefile(settings: ControlPlaneSettings): void {
  const lines = [
    '.:53 {',
    `  bind ${addresses.api}`,
    '  kubernetes cluster.local in-addr.arpa {',
    `    kubeconfig ${path.join(settings.pkiFolder, 'coredns.kubeconfig')} lab`,
    '    pods insecure',
    '  }',
    '  errors',
    '  cache 5',
    '}',
  ];
  writeFileSync(corefilePath(settings.stateFolder), `${lines.join('\n')}\n`);
}

/**
 * Started once its rights are there: refused at first, it would ask again only half a minute later.
 */
export function corednsArgs(stateFolder: string): readonly string[] {
  return ['-conf', corefilePath(stateFolder)];
}

function corefilePath(stateFolder: string): string {
  return path.join(stateFolder, 'Corefile');
}

function etcdArgs(dataFolder: string): string[] {
  return [
    '--name=lab',
    `--data-dir=${dataFolder}`,
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    '--initial-advertise-peer-urls=http://127.0.0.1:2380',
    '--initial-cluster=lab=http://127.0.0.1:2380',
    '--log-level=warn',
  ];
}

function apiServerArgs(pki: (file: string) => string): string[] {
  return [
    '--etcd-servers=http://127.0.0.1:2379',
    `--advertise-address=${addresses.api}`,
    '--bind-address=0.0.0.0',
    `--secure-port=${addresses.apiPort}`,
    `--service-cluster-ip-range=${addresses.services}`,
    '--allow-privileged=true',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--client-ca-file=${pki('ca.crt')}`,
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki('sa.pub')}`,
    `--service-account-signing-key-file=${pki('sa.key')}`,
    `--kubelet-certificate-authority=${pki('ca.crt')}`,
    `--kubelet-client-certificate=${pki('apiserver-kubelet-client.crt')}`,
    `--kubelet-client-key=${pki('apiserver-kubelet-client.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${pki('front-proxy-client.crt')}`,
    `--proxy-client-key-file=${pki('front-proxy-client.key')}`,
    '--profiling=false',
  ];
}

function controllerManagerArgs(pki: (file: string) => string, fastNodeLoss: boolean): string[] {
  return [
    ...clientArgs(pki('controller-manager.kubeconfig')),
    '--controllers=*',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${pki('sa.key')}`,
    `--root-ca-file=${pki('ca.crt')}`,
    `--client-ca-file=${pki('ca.crt')}`,
    `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`,
    `--cluster-signing-cert-file=${pki('ca.crt')}`,
    `--cluster-signing-key-file=${pki('ca.key')}`,
    '--leader-elect=false',
    // Its some forty controllers start one request after the other; the default of 20 a second
    // makes everybody wait four seconds for the first service account.
    '--kube-api-qps=300',
    '--kube-api-burst=600',
    ...(fastNodeLoss ? ['--node-monitor-grace-period=6s', '--node-monitor-period=1s'] : []),
  ];
}

function clientArgs(kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
  ];
}
