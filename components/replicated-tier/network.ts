/**
 * Where metrics are found: one Service without an address over all pods of the data plane. And who
 * may open connections to pods of the system Namespace: nobody, but for metrics of the controller,
 * which ask for a token themselves.
 *
 * Node pods are in the network of their node, where no policy of Kubernetes reaches; what they
 * listen on asks for a certificate (peers) or a token (metrics) whoever comes. Outgoing connections
 * are not limited: the address and port of the API server are the cluster's.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { managed } from '../names.ts';
import { controllerLabels, metricsLabels, metricsPort } from './pods.ts';

export function declareNetwork(
  name: string,
  namespace: pulumi.Input<string>,
  opts: pulumi.CustomResourceOptions,
): void {
  new k8s.core.v1.Service(
    `${name}-metrics-service`,
    {
      metadata: {
        name: 'larder-metrics',
        namespace,
        labels: { ...managed, 'app.kubernetes.io/name': 'larder-metrics' },
      },
      spec: {
        clusterIP: 'None',
        selector: metricsLabels,
        ports: [{ name: 'metrics', port: metricsPort, targetPort: 'metrics' }],
      },
    },
    opts,
  );
  new k8s.networking.v1.NetworkPolicy(
    `${name}-closed`,
    {
      metadata: { name: 'larder-closed', namespace, labels: managed },
      spec: { podSelector: {}, policyTypes: ['Ingress'] },
    },
    opts,
  );
  new k8s.networking.v1.NetworkPolicy(
    `${name}-metrics`,
    {
      metadata: { name: 'larder-metrics', namespace, labels: managed },
      spec: {
        podSelector: { matchLabels: controllerLabels },
        policyTypes: ['Ingress'],
        ingress: [{ ports: [{ protocol: 'TCP', port: metricsPort }] }],
      },
    },
    opts,
  );
}
