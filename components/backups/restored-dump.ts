/**
 * Fills a new, empty server from its newest whole dump while `pulumi up` waits. A server that holds
 * tables is never touched. How: scripts/restore-postgres.sh.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { digestOf } from '../digest.ts';
import { label, managed } from '../names.ts';
import { secretData } from '../secret-data.ts';
import { databasePod, type DumpedDatabase } from './database-pod.ts';

export interface RestoredDumpArgs extends DumpedDatabase {
  /** `latest`, or the time of a dump. */
  readonly snapshot: string;
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

const restorePod = (args: RestoredDumpArgs, host: pulumi.Input<string>, secretName: string) =>
  databasePod(
    args,
    { name: 'restore', script: 'restore-postgres', env: { SNAPSHOT: args.snapshot } },
    host,
    secretName,
  );
