/** Longhorn's recurring jobs: snapshots, backups and trims, by its own controller. */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import type { LonghornConfig } from '../config/schema/engines.ts';
import { managed } from '../names.ts';

export interface LonghornJobsArgs {
  readonly namespace: pulumi.Input<string>;
  readonly jobs: LonghornConfig['jobs'];
}

export class LonghornJobs extends pulumi.ComponentResource {
  /** @param opts `dependsOn` must name the chart: it brings the kind. */
  constructor(name: string, args: LonghornJobsArgs, opts: pulumi.ComponentResourceOptions) {
    super('larder:index:LonghornJobs', name, { jobs: args.jobs.map((job) => job.name) }, opts);
    for (const job of args.jobs) {
      const { task, retain, concurrency, groups } = job;
      new k8s.apiextensions.CustomResource(
        `${name}-${job.name}`,
        {
          apiVersion: 'longhorn.io/v1beta2',
          kind: 'RecurringJob',
          metadata: { name: job.name, namespace: args.namespace, labels: managed },
          spec: { name: job.name, task, cron: job.schedule, retain, concurrency, groups },
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}
