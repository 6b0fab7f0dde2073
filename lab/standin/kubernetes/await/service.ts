/**
 * Services: ready when they lead somewhere. A load balancer needs an address, and every Service
 * that selects pods needs one ready pod. So a headless Service that a StatefulSet's pods stand
 * behind must not be waited for before the StatefulSet is made: a program that depends on it would
 * wait in vain (`pulumi.com/skipAwait` is the way out). That is the official provider's rule.
 *
 * Source: pulumi-kubernetes `await/service.go` (10 minutes).
 */
import { at, type KubeObject, listAt, mapAt, nameOf, namespaceOf, textAt } from '../object.ts';
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
    if (leadsElsewhere(service)) return ready;
    if (!hasReadyEndpoint(related)) {
      return waiting(`Waiting for a ready Pod behind ${what}`, [
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

/** A name elsewhere, or an empty headless Service whose endpoints somebody else writes. */
function leadsElsewhere(service: KubeObject): boolean {
  const isHeadless = at(service, 'spec', 'clusterIP') === 'None';
  const selectsNothing = Object.keys(mapAt(service, 'spec', 'selector')).length === 0;
  return textAt(service, 'spec', 'type') === 'ExternalName' || (isHeadless && selectsNothing);
}

function hasReadyEndpoint(related: Related): boolean {
  return (related['slices'] ?? []).some((slice) =>
    // An absent condition means ready (discovery.k8s.io/v1 EndpointConditions).
    listAt(slice, 'endpoints').some((endpoint) => at(endpoint, 'conditions', 'ready') !== false),
  );
}
