/**
 * A pod on each of some nodes, with a file for each in a ConfigMap: what looks after nodes. Changed
 * files start the pods anew.
 */
import * as k8s from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';
import { digestOf } from '../digest.ts';
import { hostnameLabel, managed } from '../names.ts';

interface NodePodsArgs {
  /** Of the DaemonSet and its ConfigMap. */
  readonly objectName: string;
  /** The system Namespace; it admits pods that work on nodes. */
  readonly namespace: pulumi.Input<string>;
  readonly files: {
    /** Logical name of the ConfigMap. */
    readonly name: string;
    readonly data: Readonly<Record<string, string>>;
  };
  readonly pod: (files: pulumi.Input<string>) => k8s.types.input.core.v1.PodSpec;
}

export function nodePods(name: string, args: NodePodsArgs, parent: pulumi.Resource): void {
  const { objectName, files } = args;
  const appLabels = { 'app.kubernetes.io/name': objectName };
  const metadata = { name: objectName, namespace: args.namespace, labels: managed };
  const data = { ...files.data };
  const made = new k8s.core.v1.ConfigMap(files.name, { metadata, data }, { parent });
  new k8s.apps.v1.DaemonSet(
    `${name}-pods`,
    {
      // A node that is down must not hold an update.
      metadata: { ...metadata, annotations: { 'pulumi.com/skipAwait': 'true' } },
      spec: {
        selector: { matchLabels: appLabels },
        template: {
          metadata: {
            labels: { ...managed, ...appLabels },
            annotations: { 'larder.dev/files': digestOf(data) },
          },
          spec: args.pod(made.metadata.name),
        },
      },
    },
    { parent },
  );
}

/** Nowhere but on these nodes. */
export const onNodes = (nodes: readonly string[]): k8s.types.input.core.v1.Affinity => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [...nodes] }] },
      ],
    },
  },
});

/** The name of the node, for the script in the pod. */
export const ownNode: k8s.types.input.core.v1.EnvVar = {
  name: 'NODE',
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } },
};
