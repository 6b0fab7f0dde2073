/**
 * The two providers of the program. Both are explicit: the ambient kubeconfig is never used (the
 * default provider is disabled in Pulumi.yaml).
 *
 * `apps` makes what can be made again; it refuses to touch an object that exists, so that a name
 * taken by someone else is an error. `data` makes what holds data; it takes over an object that
 * exists, so that data survive a lost state. Never by `import`: that loses the inputs and plans a
 * replacement. Facts: docs/decisions/0033-two-providers.md.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';

export interface Providers {
  readonly apps: k8s.Provider;
  readonly data: k8s.Provider;
}

export interface ConnectArgs {
  readonly kubeconfig: string;
  readonly context: string;
  /** The stack's name: it identifies the cluster to the provider, whatever its address or keys. */
  readonly stack: string;
  readonly adopt: boolean;
}

export function connect(args: ConnectArgs): Providers {
  const settings = {
    // Without this, every preview prints the tokens in it.
    kubeconfig: pulumi.secret(args.kubeconfig),
    context: args.context,
    // A constant: were it to change, the provider would replace everything it owns. That the
    // cluster is the right one is checked by its own identity (rules/cluster.ts).
    clusterIdentifier: `larder/${args.stack}`,
    enableConfigMapMutable: true,
    enableSecretMutable: true,
  };
  return {
    apps: new k8s.Provider('cluster', { ...settings, upsertExistingObjects: args.adopt }),
    data: new k8s.Provider('cluster-data', { ...settings, upsertExistingObjects: true }),
  };
}
