/**
 * Services: ready when they lead somewhere. A load balancer needs an address, and a Service with an
 * address of its own needs a pod behind it, ready or not; a headless Service is only a name. The
 * official provider waits ten more seconds for endpoints to settle, this one does not.
 *
 * Source: pulumi-kubernetes `await/service.go` (10 minutes).
 */
import { at, type KubeObject, listAt, nameOf, namespaceOf, textAt } from '../object.ts';
import { type ReadinessRule, ready, type Related, waiting } from './judgement.ts';

export const serviceRule: ReadinessRule = {
  timeoutSeconds: 600,
  queries: (service) => ({
    slices: {
      kind: { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice' },
      namespace: namespaceOf(service),
      labelSelector: `kubernetes.io/service-name=${nameOf(service)}`,
    },
  }),
  judge(service, related) {
    const what = `Service ${nameOf(service)}`;
    if (isOnlyName(service)) return ready;
    if (!hasEndpoint(related)) {
      return waiting(`Waiting for a Pod behind ${what}`, [
        `[${what}] does not target any Pods: selected Pods may not be ready, or spec.selector ` +
          'may not match the labels of any Pod',
      ]);
    }
    const isBalanced = textAt(service, 'spec', 'type') === 'LoadBalancer';
    if (isBalanced && listAt(service, 'status', 'loadBalancer', 'ingress').length === 0) {
      return waiting(`Waiting for the address of ${what}`, [
        `[${what}] was not given an address by the load balancer`,
      ]);
    }
    return ready;
  },
};

function isOnlyName(service: KubeObject): boolean {
  return (
    textAt(service, 'spec', 'type') === 'ExternalName' ||
    at(service, 'spec', 'clusterIP') === 'None'
  );
}

function hasEndpoint(related: Related): boolean {
  return (related['slices'] ?? []).some((slice) => listAt(slice, 'endpoints').length > 0);
}
