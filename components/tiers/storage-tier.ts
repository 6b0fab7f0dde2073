/**
 * A tier: one StorageClass (or none, for static volumes that need no class) and its promise.
 *
 * The claims and volumes that it has keep what they have when the class changes: a class is only
 * read when a volume is made. What a class forbids to change is changed by making it anew.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { annotation, label, managed } from '../names.ts';

export interface StorageTierArgs {
  /** Name of the tier and of its StorageClass. */
  readonly name: string;
  /** What its owner may rely on; stands on the class for people who look with kubectl. */
  readonly promise: string;
  /** Whether claims without a class get this one. Default: false. */
  readonly isDefault?: boolean;
  /** The class; without it, claims find their volumes by name. */
  readonly storageClass?: ClassArgs;
}

export interface ClassArgs {
  readonly provisioner: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly mountOptions?: readonly string[];
  /** Further annotations, for drivers that read their parameters there. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** What becomes of the volume of a deleted claim. */
  readonly reclaim: 'Retain' | 'Delete';
  readonly binding: 'Immediate' | 'WaitForFirstConsumer';
  /** Whether claims may grow. */
  readonly canGrow: boolean;
}

/** What a class forbids to change is changed by making it anew; claims refer to it by name only. */
const remakeClass = {
  replaceOnChanges: ['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode'],
  deleteBeforeReplace: true,
} satisfies pulumi.CustomResourceOptions;

export class StorageTier extends pulumi.ComponentResource {
  /** Name of the StorageClass, known once it exists. */
  readonly className: pulumi.Output<string>;
  /** The tier's promise, in words. */
  readonly promise: string;

  constructor(name: string, args: StorageTierArgs, opts: pulumi.ComponentResourceOptions) {
    const { storageClass: wanted, promise } = args;
    super('larder:index:StorageTier', name, { name: args.name, promise, ...wanted }, opts);
    this.promise = promise;
    this.className =
      wanted === undefined
        ? pulumi.output(args.name)
        : new k8s.storage.v1.StorageClass(`${name}-class`, classOf(args, wanted), {
            parent: this,
            ...remakeClass,
          }).metadata.name;
    this.registerOutputs({ className: this.className, promise });
  }
}

function classOf(args: StorageTierArgs, wanted: ClassArgs): k8s.storage.v1.StorageClassArgs {
  const { parameters, mountOptions } = wanted;
  return {
    metadata: {
      name: args.name,
      labels: { ...managed, [label.tier]: args.name },
      annotations: {
        ...wanted.annotations,
        [annotation.about]: args.promise,
        'storageclass.kubernetes.io/is-default-class': String(args.isDefault ?? false),
      },
    },
    provisioner: wanted.provisioner,
    // An empty map would conflict with what the server holds when the class is taken over.
    ...(parameters === undefined ? {} : { parameters }),
    ...(mountOptions === undefined ? {} : { mountOptions: [...mountOptions] }),
    reclaimPolicy: wanted.reclaim,
    volumeBindingMode: wanted.binding,
    allowVolumeExpansion: wanted.canGrow,
  };
}
