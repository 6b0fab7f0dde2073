/**
 * One writer publishes versions of a dataset, many readers use the current one.
 *
 * Promises: readers cannot write; they see one whole version or the next, never a mixture and never
 * a gap; a version stays as long as a process of any reader has it open; what did not change is
 * stored once. How: scripts/dataset.sh and its neighbours, proven under concurrent readers and
 * kills (test/script/components/dataset.spec.ts). Why in this way: decision 0110.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { AppVolume, type AppVolumeArgs } from '../volumes/app-volume.ts';
import { digestOf } from '../digest.ts';
import { environment } from '../environment.ts';
import { label, managed } from '../names.ts';
import { script } from '../script.ts';
import { noPrivileges, type Resources } from './pod.ts';

interface DatasetWriter {
  readonly image: string;
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly resources: Resources;
  /** User that it runs as. */
  readonly user: number;
  readonly schedule: string;
  readonly timeZone: string;
  /** A run may take so long. */
  readonly deadlineHours: number;
}

export interface DatasetArgs {
  /** Its claim and its jobs are called `dataset-<name>`. */
  readonly name: string;
  readonly volume: Omit<AppVolumeArgs, 'name'>;
  readonly writer: DatasetWriter;
  readonly toolsImage: string;
  /** Older versions that stay though nobody reads them. */
  readonly keep: number;
}

/** Group of the files: the writer's, and one of each reader's. */
export const datasetGroup = 2000;

/** Longer than a keeper may need to come back; then its pod counts as dead. */
const leaseSeconds = 900;

const storePath = '/dataset';

export class Dataset extends pulumi.ComponentResource {
  readonly claimName: pulumi.Output<string>;
  /** Readers wait for this: then the dataset's folders are there. */
  readonly folders: k8s.batch.v1.Job;

  constructor(name: string, args: DatasetArgs, opts: pulumi.ComponentResourceOptions) {
    const { writer } = args;
    super(
      'larder:index:Dataset',
      name,
      { name: args.name, image: writer.image, schedule: writer.schedule, keep: args.keep },
      opts,
    );
    const objectName = `dataset-${args.name}`;
    const volume = new AppVolume(
      `${name}-volume`,
      { ...args.volume, name: objectName },
      { parent: this },
    );
    this.claimName = volume.claimName;
    this.folders = this.#folders(name, args, objectName);
    const labels = { ...managed, [label.dataset]: args.name };
    const metadata = { namespace: args.volume.namespace, labels };
    new k8s.batch.v1.CronJob(
      `${name}-writer`,
      {
        metadata: { ...metadata, name: `${objectName}-writer` },
        spec: cronJob(labels, this.#writerPod(args, objectName), {
          schedule: writer.schedule,
          timeZone: writer.timeZone,
          deadlineSeconds: writer.deadlineHours * 3600,
        }),
      },
      { parent: this },
    );
    new k8s.batch.v1.CronJob(
      `${name}-collector`,
      {
        metadata: { ...metadata, name: `${objectName}-collector` },
        spec: cronJob(
          labels,
          {
            ...this.#pod(args),
            containers: [
              tool('collect', args.toolsImage, script('dataset', 'dataset-collect'), {
                DATASET: args.name,
                KEEP: String(args.keep),
                LEASE_SECONDS: String(leaseSeconds),
              }),
            ],
          },
          { schedule: '17 * * * *', timeZone: 'Etc/UTC', deadlineSeconds: 3600 },
        ),
      },
      { parent: this },
    );
    this.registerOutputs({ claimName: this.claimName });
  }

  /** Readers may start before the writer ever ran: their folder of leases is there. */
  #folders(name: string, args: DatasetArgs, objectName: string): k8s.batch.v1.Job {
    const text = script('dataset', 'dataset-folders');
    const marked = args.volume.place === undefined ? '' : objectName;
    const containers = [tool('folders', args.toolsImage, text, { VOLUME: marked })];
    const labels = { ...managed, [label.dataset]: args.name };
    return new k8s.batch.v1.Job(
      `${name}-folders`,
      {
        metadata: {
          name: `${objectName}-folders-${digestOf([containers, args.writer.user])}`,
          namespace: args.volume.namespace,
          labels,
          annotations: { 'pulumi.com/replaceUnready': 'true' },
        },
        spec: {
          backoffLimit: 2,
          activeDeadlineSeconds: 300,
          template: { metadata: { labels }, spec: { ...this.#pod(args), containers } },
        },
      },
      { parent: this },
    );
  }

  /** The folder is made, the writer fills it, and only when it ended well is it published. */
  #writerPod(args: DatasetArgs, objectName: string): k8s.types.input.core.v1.PodSpec {
    const { writer } = args;
    const marked = args.volume.place === undefined ? '' : objectName;
    return {
      ...this.#pod(args),
      initContainers: [
        tool('begin', args.toolsImage, script('dataset', 'dataset-folders', 'dataset-begin'), {
          VOLUME: marked,
        }),
        {
          name: 'write',
          image: writer.image,
          imagePullPolicy: 'IfNotPresent',
          ...(writer.command === undefined ? {} : { command: [...writer.command] }),
          ...(writer.args === undefined ? {} : { args: [...writer.args] }),
          env: [
            ...Object.entries(writer.env).map(([key, value]) => ({ name: key, value })),
            { name: 'OUTPUT', value: `${storePath}/incoming/next` },
            { name: 'PREVIOUS', value: `${storePath}/current` },
          ],
          resources: {
            requests: { cpu: writer.resources.cpu, memory: writer.resources.memory },
            limits: { memory: writer.resources.memoryLimit },
          },
          volumeMounts: [
            // What is published is read-only for the writer as well.
            { name: 'store', mountPath: storePath, readOnly: true },
            {
              name: 'store',
              mountPath: `${storePath}/incoming`,
              subPath: 'incoming',
            },
          ],
          securityContext: noPrivileges,
        },
      ],
      containers: [
        tool('publish', args.toolsImage, script('dataset', 'dataset-publish'), {
          DATASET: args.name,
        }),
      ],
    };
  }

  #pod(args: DatasetArgs): Omit<k8s.types.input.core.v1.PodSpec, 'containers'> {
    return {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 30,
      securityContext: {
        runAsUser: args.writer.user,
        runAsGroup: datasetGroup,
        runAsNonRoot: true,
        fsGroup: datasetGroup,
        // `Always` would make every published file writable again.
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      volumes: [{ name: 'store', persistentVolumeClaim: { claimName: this.claimName } }],
    };
  }
}

function cronJob(
  labels: Record<string, string>,
  spec: k8s.types.input.core.v1.PodSpec,
  timing: {
    readonly schedule: string;
    readonly timeZone: string;
    readonly deadlineSeconds: number;
  },
): k8s.types.input.batch.v1.CronJobSpec {
  return {
    schedule: timing.schedule,
    timeZone: timing.timeZone,
    // One writer: a second run waits for the next time.
    concurrencyPolicy: 'Forbid',
    startingDeadlineSeconds: 4 * 3600,
    successfulJobsHistoryLimit: 1,
    failedJobsHistoryLimit: 3,
    jobTemplate: {
      metadata: { labels },
      spec: {
        backoffLimit: 1,
        activeDeadlineSeconds: timing.deadlineSeconds,
        template: { metadata: { labels }, spec },
      },
    },
  };
}

function tool(
  name: string,
  image: string,
  text: string,
  env: Readonly<Record<string, string>>,
): k8s.types.input.core.v1.Container {
  return {
    name,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/bin/sh', '-c', text],
    env: environment({ STORE: storePath, ...env }),
    volumeMounts: [{ name: 'store', mountPath: storePath }],
    securityContext: noPrivileges,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    resources: { requests: { cpu: '50m', memory: '32Mi' }, limits: { memory: '256Mi' } },
  };
}
