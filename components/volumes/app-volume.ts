/**
 * A volume for an application: a claim by its own name, protected and kept.
 *
 * On a static tier it is one directory on one disk. A job makes that directory once, after it has
 * seen that the disk is mounted (scripts/prepare-volume.sh); a record in the cluster then says that
 * the volume exists, and from there on nothing makes directories any more. The volume is of type
 * `local`, or `hostPath` that must be there: without its disk or directory the kubelet refuses to
 * mount, so no pod ever starts on an empty folder in its place. Why in this way:
 * docs/decisions/0034-prepared-directories.md.
 *
 * On a dynamic tier it is the claim alone; the provisioner places it. On an NFS tier it may be a
 * folder that the server holds already.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { formatSize } from '../config/quantity.ts';
import type { RemoteFolder } from '../config/shelf/volumes.ts';
import { digestOf } from '../digest.ts';
import { annotation, label, managed } from '../names.ts';
import { preparedDisk, remoteDisk, type VolumePlace } from './disk.ts';

export interface AppVolumeArgs {
  /** Name of the claim, unique in the stack. */
  readonly name: string;
  /** Namespace of the claim; pass the Namespace's output, so that the dependency is recorded. */
  readonly namespace: pulumi.Input<string>;
  /** Grows in place on a static tier; everything else about a volume is fixed for its life. */
  readonly sizeBytes: number;
  /** Default: ReadWriteOnce. */
  readonly accessMode?: string;
  /** StorageClass of the tier; pass the tier's output. */
  readonly className: pulumi.Input<string>;
  /** Where the data live, on a static tier. Default: the provisioner decides. */
  readonly place?: VolumePlace;
  /** The folder on a server that it is, on an NFS tier. Default: the driver makes one. */
  readonly remote?: RemoteFolder;
  /** Takes the protection off, so that the volume may leave the stack. Default: false. */
  readonly retire?: boolean;
  /** Further annotations of the claim. Default: none. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Labels of its owner's. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Fills the volume from a backup when it is new. Default: it begins empty. */
  readonly restore?: VolumeRestore;
  /** The provider that takes over existing objects. */
  readonly dataProvider: k8s.Provider;
}

export interface VolumeRestore {
  /** `latest`, or the id of a backup. */
  readonly snapshot: string;
  /** The pod that does it; it never touches a volume that holds data. */
  readonly pod: (claimName: pulumi.Input<string>) => k8s.types.input.core.v1.PodSpec;
  /** Whether an earlier update made the volume: then it ran. */
  readonly isKnown: boolean;
  /** What the pod needs. */
  readonly after: readonly pulumi.Resource[];
}

export class AppVolume extends pulumi.ComponentResource {
  /** Name of the claim, known once it exists. */
  readonly claimName: pulumi.Output<string>;

  constructor(name: string, args: AppVolumeArgs, opts: pulumi.ComponentResourceOptions) {
    const { place, remote } = args;
    const size = formatSize(args.sizeBytes);
    super(
      'larder:index:AppVolume',
      name,
      { name: args.name, size, node: place?.node, directory: place?.directory },
      opts,
    );
    const labels = { ...args.labels, ...managed, [label.volume]: args.name };
    const annotations = {
      ...args.annotations,
      ...(place === undefined ? {} : { [annotation.place]: `${place.node}:${place.directory}` }),
      ...(remote === undefined ? {} : { [annotation.place]: `${remote.server}:${remote.folder}` }),
      ...(args.retire === true ? { [annotation.retired]: 'true' } : {}),
    };
    const keep = {
      parent: this,
      provider: args.dataProvider,
      protect: args.retire !== true,
      retainOnDelete: true,
    };
    const accessModes = [args.accessMode ?? 'ReadWriteOnce'];
    const shape = {
      volume: args.name,
      namespace: args.namespace,
      sizeBytes: args.sizeBytes,
      className: args.className,
      labels,
      accessModes,
    };
    const disk =
      place === undefined
        ? remote && remoteDisk(name, remote, shape, keep)
        : preparedDisk(name, place, shape, keep);
    const claim = new k8s.core.v1.PersistentVolumeClaim(
      `${name}-claim`,
      {
        metadata: { name: args.name, namespace: args.namespace, labels, annotations },
        spec: {
          accessModes,
          storageClassName: args.className,
          resources: { requests: { storage: size } },
          ...(disk === undefined ? {} : { volumeName: disk.metadata.name }),
        },
      },
      keep,
    );
    this.claimName = claim.metadata.name;
    if (args.restore !== undefined) this.#restore(name, args, args.restore);
    this.registerOutputs({ claimName: this.claimName });
  }

  /** An application that depends on this component begins when the data are back. */
  #restore(name: string, args: AppVolumeArgs, restore: VolumeRestore): void {
    const labels = { ...managed, [label.volume]: args.name };
    new k8s.batch.v1.Job(
      `${name}-restore`,
      {
        metadata: {
          name: `restore-${args.name}-${digestOf(restore.pod(args.name))}`,
          namespace: args.namespace,
          labels,
          annotations: { 'pulumi.com/replaceUnready': 'true' },
        },
        spec: {
          backoffLimit: 1,
          activeDeadlineSeconds: 24 * 3600,
          template: { metadata: { labels }, spec: restore.pod(this.claimName) },
        },
      },
      {
        parent: this,
        dependsOn: [...restore.after],
        ignoreChanges: restore.isKnown ? ['metadata', 'spec'] : [],
        customTimeouts: { create: '24h' },
      },
    );
  }
}
