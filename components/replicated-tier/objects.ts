/**
 * The objects that the data plane keeps its truth in: the CRDs and, for each node with disks, what
 * its owner declares. Protected and kept: with a CRD go all its objects, and with a Volume its
 * record.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { customResourceDefinitions } from '../../dataplane/control/crds.ts';
import { managed } from '../names.ts';

export interface StorageNodeArgs {
  /** The name Kubernetes knows the node by. */
  readonly name: string;
  /** What fails together with it; empty: the node alone. */
  readonly zone: string;
  readonly disks: readonly {
    readonly name: string;
    /** Where it is mounted on the node. */
    readonly path: string;
    /** Names of the tiers that it serves. */
    readonly tags: readonly string[];
    readonly reserveBytes: number;
  }[];
}

/** Kept by Pulumi whatever becomes of the program. */
const kept = { protect: true, retainOnDelete: true } as const;

/** @param opts `provider` must be the one that takes over existing objects */
export function declareObjects(
  name: string,
  nodes: readonly StorageNodeArgs[],
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const definitions = customResourceDefinitions().map(
    ({ metadata, spec }) =>
      new k8s.apiextensions.v1.CustomResourceDefinition(
        `${name}-${metadata.name}`,
        {
          metadata: { ...metadata, labels: managed },
          // Generated from the data plane's own schemas, and tried on a real API server by the
          // tests.
          spec: spec as unknown as k8s.types.input.apiextensions.v1.CustomResourceDefinitionSpec,
        },
        { ...opts, ...kept },
      ),
  );
  const declared = nodes.map(
    (node) =>
      new k8s.apiextensions.CustomResource(
        `${name}-${node.name}`,
        {
          apiVersion: 'larder.dev/v1alpha1',
          kind: 'StorageNode',
          metadata: { name: node.name, labels: managed },
          spec: {
            zone: node.zone,
            disks: node.disks.map((disk) => ({ ...disk, tags: [...disk.tags] })),
          },
        },
        { ...opts, ...kept, dependsOn: definitions },
      ),
  );
  return [...definitions, ...declared];
}
