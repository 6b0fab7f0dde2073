/**
 * Every repository of a Gitea server on another server as well, the new ones too; one that cannot
 * be pushed fails a job, which monitoring sees. How: jobs/gitea-mirror.ts.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { jobCommand } from '../jobs.ts';
import { label, managed } from '../names.ts';
import { secretData } from '../secret-data.ts';
import { noPrivileges } from './pod.ts';

export interface GiteaMirrorArgs {
  /** Name of the Gitea objects; its Secret holds the administrator's password. */
  readonly gitea: string;
  readonly host: pulumi.Input<string>;
  readonly admin: string;
  readonly namespace: pulumi.Input<string>;
  /** The other server, and the user or organisation there. */
  readonly url: string;
  readonly owner: string;
  readonly token: pulumi.Input<string>;
  readonly schedule: string;
  readonly maxAgeHours: number;
  readonly nodeImage: string;
  readonly server: pulumi.Resource;
}

export class GiteaMirror extends pulumi.ComponentResource {
  constructor(name: string, args: GiteaMirrorArgs, opts: pulumi.ComponentResourceOptions) {
    super(
      'larder:index:GiteaMirror',
      name,
      { gitea: args.gitea, url: args.url, owner: args.owner, schedule: args.schedule },
      opts,
    );
    const labels = { ...managed, [label.backup]: args.gitea };
    const metadata = { name: `mirror-${args.gitea}`, namespace: args.namespace, labels };
    const secret = new k8s.core.v1.Secret(
      `${name}-secret`,
      { metadata, data: secretData({ token: pulumi.secret(args.token) }) },
      { parent: this },
    );
    new k8s.batch.v1.CronJob(
      `${name}-job`,
      {
        metadata,
        spec: {
          schedule: args.schedule,
          concurrencyPolicy: 'Forbid',
          successfulJobsHistoryLimit: 1,
          failedJobsHistoryLimit: 3,
          jobTemplate: {
            metadata: { labels },
            spec: {
              backoffLimit: 1,
              activeDeadlineSeconds: 1800,
              template: { metadata: { labels }, spec: mirrorPod(args, secret.metadata.name) },
            },
          },
        },
      },
      { parent: this, dependsOn: args.server },
    );
    this.registerOutputs({});
  }
}

function mirrorPod(
  args: GiteaMirrorArgs,
  secretName: pulumi.Input<string>,
): k8s.types.input.core.v1.PodSpec {
  const plain: Record<string, pulumi.Input<string>> = {
    GITEA_URL: pulumi.interpolate`http://${args.host}:3000`,
    GITEA_USER: args.admin,
    REMOTE_URL: args.url,
    REMOTE_OWNER: args.owner,
    MAX_AGE_HOURS: String(args.maxAgeHours),
  };
  return {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    containers: [
      {
        name: 'mirror',
        image: args.nodeImage,
        imagePullPolicy: 'IfNotPresent',
        command: jobCommand('gitea-mirror'),
        env: [
          ...Object.entries(plain).map(([key, value]) => ({ name: key, value })),
          {
            name: 'GITEA_PASSWORD',
            valueFrom: { secretKeyRef: { name: args.gitea, key: 'admin-password' } },
          },
          { name: 'REMOTE_TOKEN', valueFrom: { secretKeyRef: { name: secretName, key: 'token' } } },
        ],
        securityContext: {
          ...noPrivileges,
          runAsUser: 1000,
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        },
        terminationMessagePolicy: 'FallbackToLogsOnError',
        resources: { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '192Mi' } },
      },
    ],
  };
}
