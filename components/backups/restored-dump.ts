/**
 * Fills a new, empty server from its newest whole dump while `pulumi up` waits. A server that holds
 * tables is never touched. How: scripts/restore-postgres.sh.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { digestOf } from '../digest.ts';
import {
  diskEnvironment,
  diskMounts,
  type DiskPlace,
  diskVolumes,
  onNode,
  rootOnDisk,
} from '../disk-pod.ts';
import { label, managed } from '../names.ts';
import { script } from '../script.ts';
import { secretData } from '../secret-data.ts';

export interface RestoredDumpArgs {
  /** Name of the database, and of the folder of its dumps. */
  readonly database: string;
  readonly host: pulumi.Input<string>;
  readonly user: string;
  readonly password: pulumi.Input<string>;
  /** The server's own image. */
  readonly image: string;
  readonly disk: DiskPlace;
  /** `latest`, or the time of a dump. */
  readonly snapshot: string;
  readonly namespace: pulumi.Input<string>;
  readonly server: pulumi.Resource;
  /** Whether an earlier update made the database's volume: then it ran. */
  readonly isKnown: boolean;
}

export class RestoredDump extends pulumi.ComponentResource {
  readonly job: k8s.batch.v1.Job;

  constructor(name: string, args: RestoredDumpArgs, opts: pulumi.ComponentResourceOptions) {
    super(
      'larder:index:RestoredDump',
      name,
      { database: args.database, snapshot: args.snapshot, node: args.disk.node },
      opts,
    );
    const objectName = `restore-${args.database}`;
    const labels = { ...managed, [label.database]: args.database };
    const secret = new k8s.core.v1.Secret(
      `${name}-secret`,
      {
        metadata: { name: objectName, namespace: args.namespace, labels },
        data: secretData({ password: args.password }),
      },
      { parent: this, ignoreChanges: ['data.password'] },
    );
    this.job = new k8s.batch.v1.Job(
      `${name}-job`,
      {
        metadata: {
          name: `${objectName}-${digestOf(restorePod(args, '', objectName))}`,
          namespace: args.namespace,
          labels,
          annotations: { 'pulumi.com/replaceUnready': 'true' },
        },
        spec: {
          backoffLimit: 0,
          activeDeadlineSeconds: 6 * 3600,
          template: { metadata: { labels }, spec: restorePod(args, args.host, objectName) },
        },
      },
      {
        parent: this,
        dependsOn: [args.server, secret],
        ignoreChanges: args.isKnown ? ['metadata', 'spec'] : [],
        customTimeouts: { create: '6h' },
      },
    );
    this.registerOutputs({});
  }
}

function restorePod(
  args: RestoredDumpArgs,
  host: pulumi.Input<string>,
  secretName: string,
): k8s.types.input.core.v1.PodSpec {
  return {
    restartPolicy: 'Never',
    nodeSelector: onNode(args.disk.node),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    containers: [
      {
        name: 'restore',
        image: args.image,
        imagePullPolicy: 'IfNotPresent',
        command: ['/bin/sh', '-c', script('disk', 'restore-postgres')],
        env: [
          ...diskEnvironment(args.disk),
          { name: 'DATABASE', value: args.database },
          { name: 'SNAPSHOT', value: args.snapshot },
          { name: 'PGHOST', value: host },
          { name: 'PGUSER', value: args.user },
          { name: 'PGCONNECT_TIMEOUT', value: '30' },
          {
            name: 'PGPASSWORD',
            valueFrom: { secretKeyRef: { name: secretName, key: 'password' } },
          },
        ],
        volumeMounts: diskMounts(args.disk),
        securityContext: rootOnDisk,
        terminationMessagePolicy: 'FallbackToLogsOnError',
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
      },
    ],
    volumes: diskVolumes(args.disk),
  };
}
