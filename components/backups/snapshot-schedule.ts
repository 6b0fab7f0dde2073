/**
 * Snapshots of the volumes of a Namespace, by the CSI drivers that keep them: every six hours, or
 * when the owner says. How: jobs/volume-snapshots.ts; why not by an operator: decision 0212.
 *
 * A snapshot is one moment of a volume, as a power cut would leave it. It lies on the volume's own
 * disks: no backup.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { noPrivileges } from '../applications/pod.ts';
import { jobCommand } from '../jobs.ts';
import { label, managed, snapshotsName } from '../names.ts';

export interface SnapshotScheduleArgs {
  readonly namespace: pulumi.Input<string>;
  /** Claims, each with the VolumeSnapshotClass of its driver. */
  readonly volumes: readonly { readonly claim: string; readonly className: string }[];
  readonly schedule: string;
  readonly timeZone: string;
  /** Ready ones of each volume that stay; three at the least. */
  readonly keep: number;
  readonly nodeImage: string;
  /** The classes, and what understands them. */
  readonly after: readonly pulumi.Resource[];
}

/** For one snapshot to become ready. */
const waitSeconds = 900;

export class SnapshotSchedule extends pulumi.ComponentResource {
  constructor(name: string, args: SnapshotScheduleArgs, opts: pulumi.ComponentResourceOptions) {
    const { schedule, keep } = args;
    const claims = args.volumes.map(({ claim }) => claim);
    super('larder:index:SnapshotSchedule', name, { schedule, keep, volumes: claims }, opts);
    const metadata = {
      name: snapshotsName,
      namespace: args.namespace,
      labels: { ...managed, [label.backup]: snapshotsName },
    };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata },
      { parent: this },
    );
    const right = this.#right(name, metadata, account);
    new k8s.batch.v1.CronJob(
      `${name}-job`,
      {
        metadata,
        spec: {
          schedule,
          timeZone: args.timeZone,
          concurrencyPolicy: 'Forbid',
          startingDeadlineSeconds: 3600,
          successfulJobsHistoryLimit: 1,
          failedJobsHistoryLimit: 3,
          jobTemplate: {
            metadata: { labels: metadata.labels },
            spec: {
              // The next turn is near; a second try would take every volume again.
              backoffLimit: 0,
              activeDeadlineSeconds: waitSeconds + 600,
              template: {
                metadata: { labels: metadata.labels },
                spec: snapshotPod(args, account.metadata.name),
              },
            },
          },
        },
      },
      { parent: this, dependsOn: [right, ...args.after] },
    );
    this.registerOutputs({});
  }

  /** To the snapshots of the Namespace, and to nothing else. */
  #right(
    name: string,
    metadata: { readonly name: string; readonly namespace: pulumi.Input<string> },
    account: k8s.core.v1.ServiceAccount,
  ): k8s.rbac.v1.RoleBinding {
    const role = new k8s.rbac.v1.Role(
      `${name}-role`,
      {
        metadata,
        rules: [
          {
            apiGroups: ['snapshot.storage.k8s.io'],
            resources: ['volumesnapshots'],
            verbs: ['get', 'list', 'create', 'delete'],
          },
        ],
      },
      { parent: this },
    );
    const group = 'rbac.authorization.k8s.io';
    return new k8s.rbac.v1.RoleBinding(
      `${name}-right`,
      {
        metadata,
        roleRef: { apiGroup: group, kind: 'Role', name: role.metadata.name },
        subjects: [
          {
            kind: 'ServiceAccount',
            name: account.metadata.name,
            namespace: metadata.namespace,
          },
        ],
      },
      { parent: this },
    );
  }
}

function snapshotPod(
  args: SnapshotScheduleArgs,
  serviceAccountName: pulumi.Input<string>,
): k8s.types.input.core.v1.PodSpec {
  const volumes = args.volumes.map(({ claim, className }) => ({ claim, class: className }));
  const values: Record<string, pulumi.Input<string>> = {
    VOLUMES: JSON.stringify(volumes),
    NAMESPACE: args.namespace,
    KEEP: String(args.keep),
    WAIT_SECONDS: String(waitSeconds),
  };
  return {
    restartPolicy: 'Never',
    serviceAccountName,
    enableServiceLinks: false,
    containers: [
      {
        name: 'snapshots',
        image: args.nodeImage,
        imagePullPolicy: 'IfNotPresent',
        command: jobCommand('volume-snapshots'),
        env: Object.entries(values).map(([key, value]) => ({ name: key, value })),
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
