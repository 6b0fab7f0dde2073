/**
 * The cluster that a provider works with, or the reason why it has none. A cluster that does not
 * answer is no failure of the provider: previews work without it, and everything that needs it says
 * why it cannot be done.
 *
 * Source: pulumi-kubernetes `provider.go` `Configure` (`clusterUnreachable`).
 */
import { ApiClient } from './api-client.ts';
import { ApiFailure } from './api-failure.ts';
import { Cluster } from './cluster.ts';
import { Discovery } from './discovery.ts';
import { loadKubeconfig } from './kubeconfig.ts';
import type { Settings } from './settings.ts';

export type Connection =
  | {
      readonly state: 'reachable';
      readonly cluster: Cluster;
      /** For objects that name none. */
      readonly namespace: string;
    }
  | { readonly state: 'unreachable'; readonly reason: string; readonly namespace: string };

/** A silent address (a cable pulled, a firewall that drops) must not hold up a preview for long. */
const reachabilityTimeoutMs = 5_000;

export async function connect(settings: Settings): Promise<Connection> {
  const fallback = settings.namespace === '' ? 'default' : settings.namespace;
  try {
    const config = loadKubeconfig(settings);
    const context = config.getContextObject(config.getCurrentContext());
    const namespace = settings.namespace || (context?.namespace ?? '') || 'default';
    try {
      const probe = new ApiClient(config, { timeoutMs: reachabilityTimeoutMs });
      await probe.send({ method: 'GET', path: '/version' });
      probe.close();
    } catch (error) {
      const what = 'unable to load schema information from the API server';
      return { state: 'unreachable', reason: `${what}: ${explain(error)}`, namespace };
    }
    const { timeoutMs } = settings;
    const client = new ApiClient(config, timeoutMs === undefined ? {} : { timeoutMs });
    return { state: 'reachable', cluster: new Cluster(client, new Discovery(client)), namespace };
  } catch (error) {
    const what = 'unable to load Kubernetes client configuration from kubeconfig';
    return { state: 'unreachable', reason: `${what}: ${explain(error)}`, namespace: fallback };
  }
}

function explain(error: unknown): string {
  if (error instanceof ApiFailure && error.code === 401) {
    return `${error.message} (the server does not accept the kubeconfig's credentials)`;
  }
  return error instanceof Error ? error.message : String(error);
}
