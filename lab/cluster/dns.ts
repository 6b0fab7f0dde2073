/**
 * Names in the cluster: the Service every pod asks, without a selector, and an EndpointSlice
 * written by hand that leads to CoreDNS in the lab network; and the rights CoreDNS needs.
 */
import {
  type KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
} from '@kubernetes/client-node';
import { addresses } from './addresses.ts';

/** Server-side apply: the same whether they are there or not. */
export async function ensureDns(config: KubeConfig): Promise<void> {
  const api = KubernetesObjectApi.makeApiClient(config);
  for (const object of objects)
    await api.patch(
      object,
      undefined,
      undefined,
      'larder-lab',
      true,
      PatchStrategy.ServerSideApply,
    );
}

const ports = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
];

const objects: readonly (KubernetesObject & Record<string, unknown>)[] = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'lab-coredns' },
    rules: [
      {
        apiGroups: [''],
        resources: ['endpoints', 'services', 'pods', 'namespaces'],
        verbs: ['list', 'watch'],
      },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'lab-coredns' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'lab-coredns' },
    subjects: [{ kind: 'User', name: 'lab-coredns', apiGroup: 'rbac.authorization.k8s.io' }],
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: { clusterIP: addresses.dns, ports },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'kube-dns-lab',
      namespace: 'kube-system',
      labels: { 'kubernetes.io/service-name': 'kube-dns' },
    },
    addressType: 'IPv4',
    ports,
    endpoints: [{ addresses: [addresses.api], conditions: { ready: true } }],
  },
];
