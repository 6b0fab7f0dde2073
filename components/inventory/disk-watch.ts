/**
 * Watches on every node whether its disks are mounted, and the right ones. The program itself
 * cannot see a node's mounts; what the watch says stands in its pods, where `pulumi preview` reads
 * it (cluster/observe.ts) and `kubectl get pods` shows it as a pod that does not stay up.
 *
 * It reads and never writes; it needs no right in the API. Nothing waits for it: a node that is
 * down must not hold an update.
 */
import path from 'node:path';
import type * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import type { Disk } from '../config/shelf/inventory.ts';
import { rootOnDisk } from '../disk-pod.ts';
import { diskWatchName } from '../names.ts';
import { script } from '../script.ts';
import { nodePods, onNodes, ownNode } from './node-pods.ts';

export interface DiskWatchArgs {
  readonly disks: readonly Disk[];
  /** The system Namespace; it admits pods that look at disks. */
  readonly namespace: pulumi.Input<string>;
  /** Needs a shell. */
  readonly toolsImage: string;
}

export class DiskWatch extends pulumi.ComponentResource {
  constructor(name: string, args: DiskWatchArgs, opts: pulumi.ComponentResourceOptions) {
    const nodes = [...new Set(args.disks.map((disk) => disk.node))];
    super('larder:index:DiskWatch', name, { nodes }, opts);
    const data = Object.fromEntries(nodes.map((node) => [node, linesOf(node, args.disks)]));
    nodePods(
      name,
      {
        objectName: diskWatchName,
        namespace: args.namespace,
        files: { name: `${name}-disks`, data },
        pod: (files) => podSpec(args, nodes, files),
      },
      this,
    );
    this.registerOutputs({});
  }
}

const linesOf = (node: string, disks: readonly Disk[]) =>
  disks
    .filter((disk) => disk.node === node)
    .map((disk) => `${disk.mountPath} ${disk.uuid ?? '-'}\n`)
    .join('');

function podSpec(
  args: DiskWatchArgs,
  nodes: readonly string[],
  files: pulumi.Input<string>,
): k8s.types.input.core.v1.PodSpec {
  const hasUuids = args.disks.some((disk) => disk.uuid !== undefined);
  const folders = parentsOf(args.disks);
  const named = folders.map((folder, index) => ({ folder, name: `host-${index}` }));
  return {
    affinity: onNodes(nodes),
    automountServiceAccountToken: false,
    // It looks at disks also where only storage may run.
    tolerations: [{ operator: 'Exists' }],
    terminationGracePeriodSeconds: 5,
    containers: [
      {
        name: 'watch',
        image: args.toolsImage,
        imagePullPolicy: 'IfNotPresent',
        command: ['/bin/sh', '-c', script('disk', 'disk-watch')],
        env: [ownNode, { name: 'BY_UUID', value: '/by-uuid' }],
        volumeMounts: [
          { name: 'disks', mountPath: '/disks', readOnly: true },
          ...(hasUuids ? [{ name: 'by-uuid', mountPath: '/by-uuid', readOnly: true }] : []),
          ...named.map(({ folder, name }) => ({
            name,
            mountPath: path.posix.join('/host', folder),
            readOnly: true,
            mountPropagation: 'HostToContainer',
          })),
        ],
        securityContext: { ...rootOnDisk, readOnlyRootFilesystem: true },
        resources: { requests: { cpu: '5m', memory: '8Mi' }, limits: { memory: '32Mi' } },
      },
    ],
    volumes: [
      { name: 'disks', configMap: { name: files } },
      ...(hasUuids ? [{ name: 'by-uuid', hostPath: { path: '/dev/disk/by-uuid' } }] : []),
      ...named.map(({ folder, name }) => ({ name, hostPath: { path: folder } })),
    ],
  };
}

/** Parent folders of the mount paths; one that lies in another is seen through that one. */
function parentsOf(disks: readonly Disk[]): string[] {
  const parents = [...new Set(disks.map((disk) => path.posix.dirname(disk.mountPath)))].toSorted();
  const isIn = (inner: string, outer: string) =>
    inner !== outer && inner.startsWith(outer === '/' ? '/' : `${outer}/`);
  return parents.filter((folder) => !parents.some((outer) => isIn(folder, outer)));
}
