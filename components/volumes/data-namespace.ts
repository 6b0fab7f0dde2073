/**
 * A Namespace made for volumes: protected and kept, because deleting it deletes every claim in it.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { label, managed } from '../names.ts';

export interface DataNamespaceArgs {
  /** Name of the Namespace. */
  readonly name: string;
  /** Further annotations. Default: none. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Further labels. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
}

export class DataNamespace extends pulumi.ComponentResource {
  /** Name of the Namespace, known once it exists: use it, so that the dependency is recorded. */
  readonly namespaceName: pulumi.Output<string>;

  /** @param opts `provider` must be the one that takes over existing objects. */
  constructor(name: string, args: DataNamespaceArgs, opts: pulumi.ComponentResourceOptions) {
    super('larder:index:DataNamespace', name, { name: args.name }, opts);
    const namespace = new k8s.core.v1.Namespace(
      `${name}-namespace`,
      {
        metadata: {
          name: args.name,
          labels: { ...managed, [label.holds]: 'data', ...args.labels },
          ...(args.annotations === undefined ? {} : { annotations: args.annotations }),
        },
      },
      { parent: this, protect: true, retainOnDelete: true },
    );
    this.namespaceName = namespace.metadata.name;
    this.registerOutputs({ namespaceName: this.namespaceName });
  }
}
