/**
 * A tier for what may be lost: build caches, temporary files. Use it by a generic ephemeral volume,
 * which lives and dies with its pod, or by `emptyDir`, which needs no class at all.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { remakeClass } from './local-tier.ts';
import { annotation, label, localPathProvisionerName, managed } from '../names.ts';

export interface ScratchTierArgs {
  /** Name of the tier and of its StorageClass. */
  readonly name: string;
  /** Whether claims without a class get this one. Default: false. */
  readonly isDefault?: boolean;
}

const scratchPromise = 'No promise at all: deleted with its claim or pod, never backed up.';

export class ScratchTier extends pulumi.ComponentResource {
  /** Name of the StorageClass, known once it exists. */
  readonly className: pulumi.Output<string>;
  /** The tier's promise, in words. */
  readonly promise: string = scratchPromise;

  constructor(name: string, args: ScratchTierArgs, opts: pulumi.ComponentResourceOptions) {
    super('larder:index:ScratchTier', name, { ...args }, opts);
    const storageClass = new k8s.storage.v1.StorageClass(
      `${name}-class`,
      {
        metadata: {
          name: args.name,
          labels: { ...managed, [label.tier]: args.name },
          annotations: {
            [annotation.about]: scratchPromise,
            'storageclass.kubernetes.io/is-default-class': String(args.isDefault ?? false),
          },
        },
        provisioner: localPathProvisionerName,
        reclaimPolicy: 'Delete',
        volumeBindingMode: 'WaitForFirstConsumer',
        allowVolumeExpansion: false,
      },
      { parent: this, ...remakeClass },
    );
    this.className = storageClass.metadata.name;
    this.registerOutputs({ className: this.className, promise: this.promise });
  }
}
