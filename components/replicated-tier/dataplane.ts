/**
 * Larder's own replicated volumes in the cluster: the objects they are kept in, the rights, a pod
 * on every node, two controllers of which one leads, and the CSI driver. The classes are those of
 * the tiers (tiers/classes.ts).
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { dataplaneName, managed } from '../names.ts';
import { declareAdmission } from './admission.ts';
import { declareNetwork } from './network.ts';
import { declareObjects, type StorageNodeArgs } from './objects.ts';
import {
  controllerLabels,
  controllerPod,
  type DataplaneImageArgs,
  nodeLabels,
  nodePod,
} from './pods.ts';
import { declareRights } from './rights.ts';

export interface DataplaneArgs {
  /** The system Namespace; it admits privileged pods. */
  readonly namespace: pulumi.Input<string>;
  readonly images: DataplaneImageArgs;
  /** Nodes that keep copies. Pods of other nodes can use volumes all the same. */
  readonly nodes: readonly StorageNodeArgs[];
  /** Whether the cluster knows the kinds of snapshots, and they shall be taken. */
  readonly snapshots: boolean;
  /** After so long a copy that is away is made on another node. */
  readonly repairAfterMinutes: number;
  /** For what holds data; the one that takes over existing objects. */
  readonly dataProvider: pulumi.ProviderResource;
}

export class Dataplane extends pulumi.ComponentResource {
  constructor(name: string, args: DataplaneArgs, opts: pulumi.ComponentResourceOptions) {
    super('larder:index:Dataplane', name, { images: { ...args.images } }, opts);
    const { namespace, images, nodes } = args;
    const paths = nodes.flatMap(({ disks }) => disks.map(({ path }) => path));
    const own = { parent: this };
    const objects = declareObjects(name, nodes, { ...own, provider: args.dataProvider });
    const rights = declareRights(name, namespace, own);
    declareNetwork(name, namespace, own);
    declareAdmission(name, { ...own, dependsOn: objects });
    const ready = { ...own, dependsOn: [...objects, ...rights.bindings] };
    new k8s.storage.v1.CSIDriver(
      `${name}-driver`,
      {
        metadata: { name: 'csi.larder.dev', labels: managed },
        spec: {
          // Attaching is what says which node's engine may open the volume.
          attachRequired: true,
          podInfoOnMount: false,
          fsGroupPolicy: 'File',
          volumeLifecycleModes: ['Persistent'],
        },
      },
      own,
    );
    new k8s.apps.v1.DaemonSet(
      `${name}-nodes`,
      {
        metadata: { name: dataplaneName, namespace, labels: managed },
        spec: {
          selector: { matchLabels: nodeLabels },
          // One node's copies at a time are away for a moment.
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
          template: nodePod(images, [...new Set(paths)].toSorted()),
        },
      },
      ready,
    );
    new k8s.apps.v1.Deployment(
      `${name}-controller`,
      {
        metadata: { name: 'larder-controller', namespace, labels: managed },
        spec: {
          replicas: 2,
          selector: { matchLabels: controllerLabels },
          template: controllerPod(images, args),
        },
      },
      ready,
    );
    this.registerOutputs({});
  }
}
