/** Mayastor's pools: one for each raw device that the stack file names. It takes them whole. */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import type { RawDevice } from '../config/shelf/inventory.ts';
import { managed } from '../names.ts';

export interface MayastorPoolsArgs {
  readonly namespace: pulumi.Input<string>;
  readonly devices: readonly RawDevice[];
  /** Takes the protection off. Default: false. */
  readonly retire?: boolean;
}

export class MayastorPools extends pulumi.ComponentResource {
  constructor(name: string, args: MayastorPoolsArgs, opts: pulumi.ComponentResourceOptions) {
    const names = args.devices.map((device) => `${device.node}-${device.name}`);
    super('larder:index:MayastorPools', name, { pools: names }, opts);
    for (const device of args.devices) {
      const pool = `${device.node}-${device.name}`;
      new k8s.apiextensions.CustomResource(
        `${name}-${pool}`,
        {
          apiVersion: 'openebs.io/v1beta3',
          kind: 'DiskPool',
          metadata: { name: pool, namespace: args.namespace, labels: managed },
          spec: { node: device.node, disks: [`aio://${device.device}`] },
        },
        { parent: this, protect: args.retire !== true, retainOnDelete: true },
      );
    }
    this.registerOutputs({});
  }
}
