/**
 * Dumps of a database: every night, and once while `pulumi up` waits, so that a verified dump
 * exists when it returns.
 *
 * Promises: a dump is named a dump only after pg_restore has read all of it and it is on the disk;
 * no fewer than three good ones are ever kept, and age alone removes nothing; the target is a
 * mounted disk of another node or an external drive, never a bare mount point. What goes wrong
 * fails the job. How: scripts/dump.sh. How to restore: docs/components/dump-schedule.md.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { digestOf } from '../digest.ts';
import { label, managed } from '../names.ts';
import { secretData } from '../secret-data.ts';
import { databasePod, type DumpedDatabase } from './database-pod.ts';

export interface DumpScheduleArgs extends DumpedDatabase {
  /** Cron expression of five fields, and the time zone it is meant in. */
  readonly schedule: string;
  readonly timeZone: string;
  /** Verified dumps kept; three or more. */
  readonly keep: number;
}

/** A dump of a homelab's database takes minutes; one that takes six hours hangs. */
const dumpDeadlineSeconds = 6 * 3600;
/** A missed night is made up for when the node comes back within this time. */
const startDeadlineSeconds = 8 * 3600;

export class DumpSchedule extends pulumi.ComponentResource {
  /** `node:folder` where the dumps are. */
  readonly place: string;
  /** The first dump: depend on it to begin only when one exists. */
  readonly firstDump: k8s.batch.v1.Job;

  constructor(name: string, args: DumpScheduleArgs, opts: pulumi.ComponentResourceOptions) {
    super(
      'larder:index:DumpSchedule',
      name,
      {
        database: args.database,
        node: args.disk.node,
        schedule: args.schedule,
        timeZone: args.timeZone,
        keep: args.keep,
      },
      opts,
    );
    this.place = `${args.disk.node}:${args.disk.mountPath}/larder/dumps/${args.database}`;
    const labels = { ...managed, [label.database]: args.database };
    const objectName = `dump-${args.database}`;
    const metadata = { name: objectName, namespace: args.namespace, labels };
    // A copy: a pod reads Secrets of its own Namespace only.
    const secret = new k8s.core.v1.Secret(
      `${name}-secret`,
      { metadata, data: secretData({ password: args.password }) },
      { parent: this, ignoreChanges: ['data.password'] },
    );
    const template = {
      metadata: { labels },
      spec: dumpPod(args, args.host, objectName),
    };
    // By the recipe alone: the host is known only when the Service is.
    const recipe = digestOf(dumpPod(args, '', objectName));
    const attempt = { activeDeadlineSeconds: dumpDeadlineSeconds, template };
    this.firstDump = new k8s.batch.v1.Job(
      `${name}-first`,
      {
        metadata: {
          ...metadata,
          name: `${objectName}-${recipe}`,
          annotations: { 'pulumi.com/replaceUnready': 'true' },
        },
        spec: { ...attempt, backoffLimit: 0 },
      },
      // A changed recipe proves itself: it is another job, which dumps at once.
      {
        parent: this,
        dependsOn: [args.server, secret],
        customTimeouts: { create: '30m' },
      },
    );
    new k8s.batch.v1.CronJob(
      `${name}-nightly`,
      {
        metadata,
        spec: {
          schedule: args.schedule,
          timeZone: args.timeZone,
          concurrencyPolicy: 'Forbid',
          startingDeadlineSeconds: startDeadlineSeconds,
          successfulJobsHistoryLimit: 3,
          failedJobsHistoryLimit: 3,
          jobTemplate: { metadata: { labels }, spec: { ...attempt, backoffLimit: 2 } },
        },
      },
      { parent: this, dependsOn: secret },
    );
    this.registerOutputs({ place: this.place });
  }
}

const dumpPod = (args: DumpScheduleArgs, host: pulumi.Input<string>, secretName: string) =>
  databasePod(
    args,
    { name: 'dump', script: 'dump', env: { KEEP: String(args.keep) } },
    host,
    secretName,
  );
