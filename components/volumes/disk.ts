/**
 * The PersistentVolumes that the program makes itself: one directory on one disk, which a job makes
 * once and a record remembers, or a folder that a server holds already. Either refuses to mount
 * what is not there. Why in this way: docs/decisions/0034-prepared-directories.md.
 */
import * as k8s from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';
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

/** What every PersistentVolume of ours says, whatever is behind it. */
export interface VolumeShape {
  /** Name of the volume, and of its claim. */
  readonly volume: string;
  readonly namespace: pulumi.Input<string>;
  readonly sizeBytes: number;
  readonly className: pulumi.Input<string>;
  readonly labels: Record<string, string>;
  readonly accessModes: string[];
}

/** The directory, the record that it exists, and the PersistentVolume that leads to it. */
export function preparedDisk(
  name: string,
  place: VolumePlace,
  shape: VolumeShape,
  keep: pulumi.CustomResourceOptions,
): k8s.core.v1.PersistentVolume {
  const prepared = new k8s.batch.v1.Job(`${name}-prepare`, prepareJob(shape.volume, place), {
    ...keep,
    // A job holds no data.
    protect: false,
    retainOnDelete: false,
    // Once it ran, running it again could only look, and would ask for a node that may be down.
    // Until then a corrected mount path must reach it.
    ignoreChanges: place.isPrepared ? ['metadata', 'spec'] : [],
  });
  const record = new k8s.core.v1.ConfigMap(
    `${name}-record`,
    {
      metadata: {
        name: recordName(shape.volume),
        namespace: place.systemNamespace,
        labels: shape.labels,
        annotations: {
          [annotation.about]:
            'Says that this volume exists. While it is there, no directory is made for it again.',
        },
      },
      data: { volume: shape.volume, node: place.node, directory: place.directory },
    },
    { ...keep, dependsOn: prepared },
  );
  return new k8s.core.v1.PersistentVolume(
    `${name}-disk`,
    {
      metadata: { name: `larder-${shape.volume}`, labels: shape.labels },
      spec: {
        ...specOf(shape),
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

/** What every volume that is made here has, wherever its bytes lie. */
function specOf(shape: VolumeShape) {
  return {
    capacity: { storage: formatSize(shape.sizeBytes) },
    accessModes: shape.accessModes,
    volumeMode: 'Filesystem',
    persistentVolumeReclaimPolicy: 'Retain',
    storageClassName: shape.className,
    claimRef: claimRefOf(shape),
  };
}

/** A folder that is on the server already; without it, no pod starts. */
export function remoteDisk(
  name: string,
  { server, folder, mountOptions }: RemoteFolder,
  shape: VolumeShape,
  keep: pulumi.CustomResourceOptions,
): k8s.core.v1.PersistentVolume {
  return new k8s.core.v1.PersistentVolume(
    `${name}-folder`,
    {
      metadata: { name: `larder-${shape.volume}`, labels: shape.labels },
      spec: {
        ...specOf(shape),
        mountOptions: [...mountOptions],
        csi: {
          driver: 'nfs.csi.k8s.io',
          volumeHandle: `${server}#${folder}#${shape.volume}`,
          volumeAttributes: { server, share: folder },
        },
      },
    },
    keep,
  );
}

/** Nobody else's claim may take the volume, and it waits for ours. */
const claimRefOf = ({ namespace, volume: name }: VolumeShape) => ({
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
