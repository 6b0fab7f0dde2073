/**
 * An application that runs once: a Deployment that stops the old pod before it starts the new one,
 * and a Service in front of it. Two pods never write one volume.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { label, managed } from '../names.ts';
import { applicationPod, type PodArgs, podLabels, spread } from './pod.ts';

export interface WorkloadArgs extends PodArgs {
  /** What it is, for labels: `gitea`. */
  readonly kind: string;
  /** Name of all its objects. */
  readonly objectName: string;
  readonly namespace: pulumi.Input<string>;
  /** What a policy would ask about, and why it is so: policy → reason. */
  readonly exempt?: Readonly<Record<string, string>>;
  /** Changes with what the pod reads at its start and the template does not show. */
  readonly checksums?: Readonly<Record<string, string>>;
  /** More than one is for pods that write nothing. Default: 1. */
  readonly replicas?: number;
  /** What must be ready before the first pod. */
  readonly after?: pulumi.Resource[];
  /** How long the first start may take, for images that are pulled and databases that are made. */
  readonly startMinutes?: number;
}

export interface Workload {
  readonly deployment: k8s.apps.v1.Deployment;
  /** Host name inside the cluster; undefined for an application without a port. */
  readonly host: pulumi.Output<string> | undefined;
}

export function workload(
  name: string,
  args: WorkloadArgs,
  opts: pulumi.CustomResourceOptions,
): Workload {
  const selector = podLabels(args.kind, args.objectName);
  const labels = { ...managed, [label.application]: args.objectName };
  const metadata = { name: args.objectName, namespace: args.namespace, labels };
  const replicas = args.replicas ?? 1;
  const pod = applicationPod(args);
  const deployment = new k8s.apps.v1.Deployment(
    `${name}-server`,
    {
      metadata: { ...metadata, ...exemptions(args) },
      spec: {
        replicas,
        strategy:
          replicas === 1
            ? { type: 'Recreate' }
            : { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        selector: { matchLabels: selector },
        template: {
          metadata: {
            labels: { ...labels, ...selector },
            ...(args.checksums === undefined ? {} : { annotations: { ...args.checksums } }),
          },
          spec: replicas === 1 ? pod : { ...pod, topologySpreadConstraints: spread(selector) },
        },
      },
    },
    {
      ...opts,
      ...(args.after === undefined ? {} : { dependsOn: args.after }),
      customTimeouts: { create: `${args.startMinutes ?? 10}m` },
    },
  );
  if (args.ports.length === 0) return { deployment, host: undefined };
  const service = new k8s.core.v1.Service(
    `${name}-service`,
    {
      metadata,
      spec: {
        selector,
        ports: args.ports.map(({ name: port, port: number }) => ({
          name: port,
          port: number,
          targetPort: port,
        })),
      },
    },
    // Pulumi waits for pods behind a Service: were the pods to wait for it, neither would come.
    { ...opts, dependsOn: deployment },
  );
  const host = pulumi.interpolate`${service.metadata.name}.${service.metadata.namespace}.svc`;
  return { deployment, host };
}

function exemptions({ exempt }: WorkloadArgs): { annotations?: Record<string, string> } {
  if (exempt === undefined) return {};
  return {
    annotations: Object.fromEntries(
      Object.entries(exempt).map(([policy, why]) => [`larder.dev/exempt.${policy}`, why]),
    ),
  };
}
