/**
 * A tier on the nodes' own disks, in two forms.
 *
 * `static`: the stack places each volume on one disk (AppVolume makes it); nothing is provisioned.
 * `local-path`: a claim gets a folder on the node of its first pod, made by LocalPathProvisioner.
 *
 * One copy: the data are as safe as that disk. The class keeps the claims that it has when it
 * changes.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { annotation, label, localPathProvisionerName, managed } from '../names.ts';

export interface LocalTierArgs {
  /** Name of the tier and of its StorageClass. */
  readonly name: string;
  readonly engine: 'static' | 'local-path';
  /** Whether claims without a class get this one. Default: false. */
  readonly isDefault?: boolean;
  /**
   * What becomes of the folder of a deleted claim. Default: Retain. Static volumes are always kept.
   */
  readonly reclaim?: 'Retain' | 'Delete';
}

/** What a class forbids to change is changed by making it anew; claims refer to it by name only. */
export const remakeClass = {
  replaceOnChanges: ['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode'],
  deleteBeforeReplace: true,
} satisfies pulumi.CustomResourceOptions;

export class LocalTier extends pulumi.ComponentResource {
  /** Name of the StorageClass, known once it exists. */
  readonly className: pulumi.Output<string>;
  /** The tier's promise, in words. */
  readonly promise: string;

  constructor(name: string, args: LocalTierArgs, opts: pulumi.ComponentResourceOptions) {
    super('larder:index:LocalTier', name, { ...args }, opts);
    const reclaim = args.engine === 'static' ? 'Retain' : (args.reclaim ?? 'Retain');
    this.promise = localPromise(args.engine, reclaim);
    const storageClass = new k8s.storage.v1.StorageClass(
      `${name}-class`,
      {
        metadata: {
          name: args.name,
          labels: { ...managed, [label.tier]: args.name },
          annotations: {
            [annotation.about]: this.promise,
            'storageclass.kubernetes.io/is-default-class': String(args.isDefault ?? false),
          },
        },
        provisioner:
          args.engine === 'static' ? 'kubernetes.io/no-provisioner' : localPathProvisionerName,
        reclaimPolicy: reclaim,
        volumeBindingMode: 'WaitForFirstConsumer',
        allowVolumeExpansion: args.engine === 'static',
      },
      { parent: this, ...remakeClass },
    );
    this.className = storageClass.metadata.name;
    this.registerOutputs({ className: this.className, promise: this.promise });
  }
}

function localPromise(engine: 'static' | 'local-path', reclaim: 'Retain' | 'Delete'): string {
  const common = 'One copy on one disk: fast; lost with that disk, away while its node is down.';
  if (engine === 'static')
    return `${common} Kept when the claim is deleted. Grows in place. Has no quota: watch the disk.`;
  return reclaim === 'Retain'
    ? `${common} Kept when the claim is deleted. Does not grow. Has no quota: watch the disk.`
    : `${common} Deleted with its claim. Does not grow. Has no quota: watch the disk.`;
}
