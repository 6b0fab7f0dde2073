/**
 * Any image with volumes: what an application of one's own needs, with the same care as the known
 * ones. It writes its volumes alone; several copies are for those that only read datasets.
 */
import type * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import type { DatasetReader } from './dataset-reader.ts';
import type { Mount, Port, Resources } from './pod.ts';
import { workload } from './workload.ts';

export interface AppArgs {
  /** Name of all its objects. */
  readonly name: string;
  readonly namespace: pulumi.Input<string>;
  readonly image: string;
  readonly toolsImage: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  /** Plain settings; secret ones are in `secretName`. */
  readonly env: Readonly<Record<string, string>>;
  /** Environment variables whose values stand in this Secret, under their own names. */
  readonly secret?: { readonly name: pulumi.Input<string>; readonly keys: readonly string[] };
  readonly mounts: readonly Mount[];
  readonly readers: readonly DatasetReader[];
  readonly ports: readonly Port[];
  /** Path on the first port that answers when it is well. Default: the port accepts. */
  readonly healthPath?: string;
  readonly resources: Resources;
  readonly user?: number;
  readonly replicas: number;
  readonly after?: pulumi.Resource[];
}

export class App extends pulumi.ComponentResource {
  /** Host name inside the cluster; undefined without a port. */
  readonly host: pulumi.Output<string> | undefined;
  readonly server: k8s.apps.v1.Deployment;

  constructor(name: string, args: AppArgs, opts: pulumi.ComponentResourceOptions) {
    super(
      'larder:index:App',
      name,
      { name: args.name, image: args.image, replicas: args.replicas },
      opts,
    );
    const { readers, secret } = args;
    const built = workload(
      name,
      {
        kind: 'app',
        ...(readers.length > 0 && args.replicas > 1
          ? { exempt: { 'no-multi-attach-trap': 'they read a dataset and write nothing' } }
          : {}),
        objectName: args.name,
        namespace: args.namespace,
        name: 'app',
        image: args.image,
        toolsImage: args.toolsImage,
        ...(args.command === undefined ? {} : { command: args.command }),
        ...(args.args === undefined ? {} : { args: args.args }),
        env: [
          ...Object.entries(args.env).map(([key, value]) => ({ name: key, value })),
          ...(secret?.keys ?? []).map((key) => ({
            name: key,
            valueFrom: { secretKeyRef: { name: secret?.name ?? '', key } },
          })),
        ],
        mounts: args.mounts,
        init: readers.map((reader) => reader.keeper),
        moreVolumes: readers.flatMap((reader) => reader.volumes),
        moreMounts: readers.flatMap((reader) => reader.mounts),
        groups: readers.map((reader) => reader.group),
        // Another group would be given to the dataset's files too, and write permission with it.
        ...(readers[0] === undefined ? {} : { volumeGroup: readers[0].group }),
        // A keeper looks which files the application has open.
        shareProcesses: readers.length > 0,
        ports: args.ports,
        resources: args.resources,
        ...(args.user === undefined ? {} : { user: args.user }),
        probes: probesOf(args),
        graceSeconds: 60,
        replicas: args.replicas,
        after: args.after ?? [],
      },
      { parent: this },
    );
    this.server = built.deployment;
    this.host = built.host;
    this.registerOutputs(built.host === undefined ? {} : { host: built.host });
  }
}

function probesOf({ ports, healthPath }: AppArgs) {
  const [first] = ports;
  if (first === undefined) return {};
  const look =
    healthPath === undefined
      ? { tcpSocket: { port: first.name } }
      : { httpGet: { path: healthPath, port: first.name } };
  return {
    startupProbe: { ...look, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 120 },
    readinessProbe: { ...look, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
  };
}
