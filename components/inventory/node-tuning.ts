/**
 * Settings of nodes: kernel settings, I/O schedulers and read-ahead of the inventory's disks,
 * options of kernel modules. A pod a node sets them, looks once a minute whether they still hold,
 * and puts back what was there when it is taken away (scripts/tune.sh).
 *
 * Only known keys reach this component (rules/tuning.ts). What cannot be set ends the pod with the
 * reason; a value that the kernel made something else of is no success.
 */
import type * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import type { TuningProfile } from '../config/shelf/tuning.ts';
import { script } from '../script.ts';
import { nodePods, onNodes, ownNode } from './node-pods.ts';

export interface NodeTuningArgs {
  readonly profile: TuningProfile;
  /** The system Namespace; it admits privileged pods. */
  readonly namespace: pulumi.Input<string>;
  /** Needs a shell. */
  readonly toolsImage: string;
}

export class NodeTuning extends pulumi.ComponentResource {
  constructor(name: string, args: NodeTuningArgs, opts: pulumi.ComponentResourceOptions) {
    const { profile } = args;
    const { nodes, sysctls, scheduler, readAheadKiB } = profile;
    super('larder:index:NodeTuning', name, { nodes, sysctls, scheduler, readAheadKiB }, opts);
    nodePods(
      name,
      {
        objectName: `larder-tuning-${profile.name}`,
        namespace: args.namespace,
        files: { name: `${name}-wanted`, data: filesOf(profile) },
        pod: (files) => podSpec(args, files),
      },
      this,
    );
    this.registerOutputs({});
  }
}

/** The lines that scripts/tune.sh reads. */
function filesOf(profile: TuningProfile): Record<string, string> {
  const { sysctls, disks, scheduler = '-', readAheadKiB = '-', modules } = profile;
  const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');
  const nodes = [...new Set(disks.map((disk) => disk.node))];
  const options = Object.entries(modules).map(([module, given]) =>
    ['options', module, ...Object.entries(given).map(([key, value]) => `${key}=${value}`)].join(
      ' ',
    ),
  );
  return {
    sysctls: lines(Object.entries(sysctls).map(([key, value]) => `${key} ${value}`)),
    modules: lines(options),
    ...Object.fromEntries(
      nodes.map((node) => [
        `disks.${node}`,
        lines(
          disks
            .filter((disk) => disk.node === node)
            .map((disk) => `${disk.mountPath} ${scheduler} ${readAheadKiB}`),
        ),
      ]),
    ),
  };
}

function podSpec(
  { profile, toolsImage }: NodeTuningArgs,
  files: pulumi.Input<string>,
): k8s.types.input.core.v1.PodSpec {
  const folders = [
    { name: 'notes', mountPath: '/notes', path: '/run/larder/tuning' },
    { name: 'modprobe', mountPath: '/modprobe', path: '/etc/modprobe.d' },
  ];
  return {
    affinity: onNodes(profile.nodes),
    automountServiceAccountToken: false,
    // Settings of the network belong to the node's own.
    hostNetwork: true,
    // Its first process sees the mounts of the node.
    hostPID: true,
    tolerations: [{ operator: 'Exists' }],
    containers: [
      {
        name: 'tune',
        image: toolsImage,
        imagePullPolicy: 'IfNotPresent',
        command: ['/bin/sh', '-c', script('tune')],
        env: [{ name: 'PROFILE', value: profile.name }, ownNode],
        volumeMounts: [
          { name: 'wanted', mountPath: '/wanted', readOnly: true },
          ...folders.map(({ name, mountPath }) => ({ name, mountPath })),
        ],
        // The kernel's settings are the node's: nothing less may write them.
        securityContext: { privileged: true },
        resources: { requests: { cpu: '5m', memory: '8Mi' }, limits: { memory: '32Mi' } },
      },
    ],
    volumes: [
      { name: 'wanted', configMap: { name: files } },
      ...folders.map(({ name, path }) => ({
        name,
        hostPath: { path, type: 'DirectoryOrCreate' },
      })),
    ],
  };
}
