/**
 * A Ceph cluster on the raw devices of the inventory, and a pool a tier. Ceph takes the devices
 * whole: only those that the stack file names, by stable names, and never all that it finds.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import type { RawDevice } from '../config/shelf/inventory.ts';
import { managed } from '../names.ts';

export interface CephClusterArgs {
  readonly namespace: pulumi.Input<string>;
  readonly image: string;
  readonly devices: readonly RawDevice[];
  readonly pools: readonly { readonly name: string; readonly copies: number }[];
  /** Takes the protection off. Default: false. */
  readonly retire?: boolean;
}

export class CephCluster extends pulumi.ComponentResource {
  constructor(name: string, args: CephClusterArgs, opts: pulumi.ComponentResourceOptions) {
    const nodes = [...new Set(args.devices.map((device) => device.node))];
    super('larder:index:CephCluster', name, { image: args.image, nodes }, opts);
    const keep = { parent: this, protect: args.retire !== true, retainOnDelete: true };
    const metadata = { namespace: args.namespace, labels: managed };
    const storageNodes = nodes.map((node) => ({
      name: node,
      devices: args.devices
        .filter((device) => device.node === node)
        .map((device) => ({ name: device.device })),
    }));
    const cluster = new k8s.apiextensions.CustomResource(
      `${name}-cluster`,
      {
        apiVersion: 'ceph.rook.io/v1',
        kind: 'CephCluster',
        metadata: { ...metadata, name: 'rook-ceph' },
        spec: {
          cephVersion: { image: args.image },
          dataDirHostPath: '/var/lib/rook',
          mon: { count: 3, allowMultiplePerNode: false },
          mgr: { count: 1 },
          dashboard: { enabled: true },
          storage: { useAllNodes: false, useAllDevices: false, nodes: storageNodes },
        },
      },
      keep,
    );
    for (const pool of args.pools)
      new k8s.apiextensions.CustomResource(
        `${name}-${pool.name}`,
        {
          apiVersion: 'ceph.rook.io/v1',
          kind: 'CephBlockPool',
          metadata: { ...metadata, name: pool.name },
          spec: {
            failureDomain: 'host',
            replicated: { size: pool.copies, requireSafeReplicaSize: pool.copies > 1 },
          },
        },
        { ...keep, dependsOn: cluster },
      );
    this.registerOutputs({});
  }
}
