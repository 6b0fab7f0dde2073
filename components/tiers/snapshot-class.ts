/**
 * How snapshots of a tier's volumes are taken: a VolumeSnapshotClass of the tier's name. A snapshot
 * goes when its object goes; the objects are in Namespaces that are protected.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import type { TierEngine } from '../config/schema/tiers.ts';
import { label, managed } from '../names.ts';

export interface SnapshotClassArgs {
  /** Of the tier, and of the class. */
  readonly name: string;
  readonly engine: TierEngine;
  /** The driver that made the volumes. */
  readonly driver: string;
}

export class SnapshotClass extends pulumi.ComponentResource {
  constructor(name: string, args: SnapshotClassArgs, opts: pulumi.ComponentResourceOptions) {
    super('larder:index:SnapshotClass', name, { name: args.name, driver: args.driver }, opts);
    const parameters = parametersOf(args.engine);
    new k8s.apiextensions.CustomResource(
      `${name}-class`,
      {
        apiVersion: 'snapshot.storage.k8s.io/v1',
        kind: 'VolumeSnapshotClass',
        metadata: { name: args.name, labels: { ...managed, [label.tier]: args.name } },
        driver: args.driver,
        deletionPolicy: 'Delete',
        ...(parameters === undefined ? {} : { parameters }),
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

/** Rook's driver finds its cluster and its keys by the class, as for volumes (classes.ts). */
function parametersOf(engine: TierEngine): Record<string, string> | undefined {
  if (engine !== 'rook-ceph') return undefined;
  return {
    clusterID: 'rook-ceph',
    'csi.storage.k8s.io/snapshotter-secret-name': 'rook-csi-rbd-provisioner',
    'csi.storage.k8s.io/snapshotter-secret-namespace': 'rook-ceph',
  };
}
