/**
 * What a pod needs that reads a dataset: the volume read-only, and beside the application a keeper
 * that shows it the current version and tells which versions the pod may still be reading. Pure.
 */
import type { types } from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';
import { script } from '../script.ts';
import { noPrivileges } from './pod.ts';

export interface DatasetReaderArgs {
  readonly dataset: string;
  readonly claimName: pulumi.Input<string>;
  /** Group of the dataset's files. */
  readonly group: number;
  /** Where the application finds `current`. */
  readonly path: string;
  readonly toolsImage: string;
}

export interface DatasetReader {
  readonly keeper: types.input.core.v1.Container;
  readonly volumes: readonly types.input.core.v1.Volume[];
  readonly mounts: readonly types.input.core.v1.VolumeMount[];
  readonly group: number;
}

/** Where the volume is in the pod; the link of `path` leads there. */
const storePath = (dataset: string) => `/larder/datasets/${dataset}`;

export function datasetReader(args: DatasetReaderArgs): DatasetReader {
  const store = `dataset-${args.dataset}`;
  const link = `link-${args.dataset}`;
  const storeMount = { name: store, mountPath: storePath(args.dataset), readOnly: true };
  return {
    group: args.group,
    volumes: [
      // One volume, not two of one claim: the kubelet mounts a claim once in a pod, and the second
      // would be read-only with the first. What may be written is said by each mount.
      { name: store, persistentVolumeClaim: { claimName: args.claimName } },
      { name: link, emptyDir: {} },
    ],
    mounts: [storeMount, { name: link, mountPath: args.path, readOnly: true }],
    keeper: {
      name: `keep-${args.dataset}`,
      image: args.toolsImage,
      imagePullPolicy: 'IfNotPresent',
      // Before the application and beside it, until the pod goes.
      restartPolicy: 'Always',
      command: ['/bin/sh', '-c', script('dataset', 'dataset-keep')],
      env: [
        { name: 'STORE', value: storePath(args.dataset) },
        { name: 'LEASES', value: '/leases' },
        { name: 'LINK', value: '/link' },
        { name: 'PAUSE', value: '5' },
        { name: 'DRAIN', value: '60' },
        {
          name: 'POD',
          // `apiVersion` spelled out: the server adds it, and would own it after an adoption.
          valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } },
        },
      ],
      volumeMounts: [
        storeMount,
        { name: store, mountPath: '/leases', subPath: 'leases' },
        { name: link, mountPath: '/link' },
      ],
      // The application begins when there is a version to read.
      startupProbe: {
        exec: { command: ['/bin/sh', '-c', '[ -d /link/current/ ]'] },
        periodSeconds: 2,
        failureThreshold: 900,
      },
      securityContext: noPrivileges,
      resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
    },
  };
}
