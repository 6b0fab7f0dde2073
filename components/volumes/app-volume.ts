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
import {
  diskEnvironment,
  diskMounts,
  type DiskPlace,
  diskVolumes,
  onNode,
  rootOnDisk,
} from '../disk-pod.ts';
import { annotation, hostnameLabel, label, managed } from '../names.ts';
import { script } from '../script.ts';

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

export interface VolumePlace extends DiskPlace {
  /** Absolute path of the volume's directory on the node. */
  readonly directory: string;
  /** Kind of the PersistentVolume. Default: local. */
  readonly source?: 'local' | 'hostPath';
  /** The same from the disk's root, when the directory was there before the volume. */
  readonly adopt?: string;
  /** Whether an earlier update made the volume. */
  readonly isPrepared: boolean;
  /** Namespace of the job that makes the directory and of the record that it was made. */
  readonly systemNamespace: pulumi.Input<string>;
  /** Image of that job; needs a shell. */
  readonly toolsImage: string;
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
    const shape = { labels, accessModes };
    const disk =
      place === undefined
        ? remote && this.#folder(name, args, remote, shape, keep)
        : this.#disk(name, args, place, shape, keep);
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

  /** A folder that is on the server already; without it, no pod starts. */
  #folder(
    name: string,
    args: AppVolumeArgs,
    { server, folder, mountOptions }: RemoteFolder,
    shape: { labels: Record<string, string>; accessModes: string[] },
    keep: pulumi.CustomResourceOptions,
  ): k8s.core.v1.PersistentVolume {
    return new k8s.core.v1.PersistentVolume(
      `${name}-folder`,
      {
        metadata: { name: `larder-${args.name}`, labels: shape.labels },
        spec: {
          capacity: { storage: formatSize(args.sizeBytes) },
          accessModes: shape.accessModes,
          volumeMode: 'Filesystem',
          persistentVolumeReclaimPolicy: 'Retain',
          storageClassName: args.className,
          mountOptions: [...mountOptions],
          csi: {
            driver: 'nfs.csi.k8s.io',
            volumeHandle: `${server}#${folder}#${args.name}`,
            volumeAttributes: { server, share: folder },
          },
          claimRef: claimRefOf(args),
        },
      },
      keep,
    );
  }

  /** The directory, the record that it exists, and the PersistentVolume that leads to it. */
  #disk(
    name: string,
    args: AppVolumeArgs,
    place: VolumePlace,
    shape: { labels: Record<string, string>; accessModes: string[] },
    keep: pulumi.CustomResourceOptions,
  ): k8s.core.v1.PersistentVolume {
    const prepared = new k8s.batch.v1.Job(`${name}-prepare`, prepareJob(args.name, place), {
      parent: this,
      provider: args.dataProvider,
      // Once it ran, running it again could only look, and would ask for a node that may be down.
      // Until then a corrected mount path must reach it.
      ignoreChanges: place.isPrepared ? ['metadata', 'spec'] : [],
    });
    const record = new k8s.core.v1.ConfigMap(
      `${name}-record`,
      {
        metadata: {
          name: recordName(args.name),
          namespace: place.systemNamespace,
          labels: shape.labels,
          annotations: {
            [annotation.about]:
              'Says that this volume exists. While it is there, no directory is made for it again.',
          },
        },
        data: { volume: args.name, node: place.node, directory: place.directory },
      },
      { ...keep, dependsOn: prepared },
    );
    return new k8s.core.v1.PersistentVolume(
      `${name}-disk`,
      {
        metadata: { name: `larder-${args.name}`, labels: shape.labels },
        spec: {
          capacity: { storage: formatSize(args.sizeBytes) },
          accessModes: shape.accessModes,
          volumeMode: 'Filesystem',
          persistentVolumeReclaimPolicy: 'Retain',
          storageClassName: args.className,
          ...sourceOf(place),
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [
                {
                  matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [place.node] }],
                },
              ],
            },
          },
          claimRef: claimRefOf(args),
        },
      },
      {
        ...keep,
        dependsOn: record,
        // Both kinds are pinned alike. A tier that changes its kind changes new volumes only:
        // another source would be another volume.
        ignoreChanges: ['spec.local', 'spec.hostPath'],
      },
    );
  }
}

/** Nobody else's claim may take the volume, and it waits for ours. */
const claimRefOf = ({ namespace, name }: AppVolumeArgs) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  namespace,
  name,
});

/** Either kind refuses to mount what is not there: nothing makes a folder in its place. */
const sourceOf = ({ source, directory }: VolumePlace) =>
  source === 'hostPath'
    ? { hostPath: { path: directory, type: 'Directory' } }
    : { local: { path: directory } };

const recordName = (volume: string) => `volume-${volume}`;

/**
 * Runs once; fails within two minutes, with the reason as its last line, when the disk is not
 * there.
 */
function prepareJob(volume: string, place: VolumePlace): k8s.batch.v1.JobArgs {
  const labels = { ...managed, [label.volume]: volume };
  const spec = prepareSpec(volume, place, labels);
  return {
    metadata: {
      // A job cannot change: after a lost state, a later version of this program must not want to.
      name: `prepare-${volume}-${digestOf(spec)}`,
      namespace: place.systemNamespace,
      labels,
      // A failed job is made again by the next update instead of being waited for for ever.
      annotations: { 'pulumi.com/replaceUnready': 'true' },
    },
    spec,
  };
}

function prepareSpec(
  volume: string,
  place: VolumePlace,
  labels: Record<string, string>,
): k8s.types.input.batch.v1.JobSpec {
  return {
    backoffLimit: 0,
    activeDeadlineSeconds: 120,
    template: {
      metadata: { labels },
      spec: {
        restartPolicy: 'Never',
        nodeSelector: onNode(place.node),
        automountServiceAccountToken: false,
        containers: [
          {
            name: 'prepare',
            image: place.toolsImage,
            imagePullPolicy: 'IfNotPresent',
            command: ['/bin/sh', '-c', script('disk', 'prepare-volume')],
            env: [
              ...diskEnvironment(place),
              { name: 'VOLUME', value: volume },
              ...(place.adopt === undefined ? [] : [{ name: 'ADOPT', value: place.adopt }]),
            ],
            volumeMounts: [...diskMounts(place), { name: 'known', mountPath: '/known' }],
            securityContext: rootOnDisk,
            terminationMessagePolicy: 'FallbackToLogsOnError',
            resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
          },
        ],
        volumes: [
          ...diskVolumes(place),
          // Absent before the volume exists: then the folder is empty.
          { name: 'known', configMap: { name: recordName(volume), optional: true } },
        ],
      },
    },
  };
}
