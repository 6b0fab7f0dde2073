/**
 * Backups of one source, off the cluster: every night (or when the owner says), verified, with a
 * retention that never lets the last good ones go; and a restore drill that proves them.
 *
 * A source is a volume's claim, or the folder of a database's dumps on its disk. On tiers that can
 * clone, the backup reads a clone of the volume: one moment of it. How: scripts/backup.sh and
 * scripts/drill.sh. What is consistent and what is not: docs/components/backup-schedule.md.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { diskMounts, type DiskPlace, diskVolumes, onNode } from '../disk-pod.ts';
import { hostnameLabel, label, managed } from '../names.ts';
import { forgetFlags, type KeepPolicy } from '../rules/retention.ts';
import { accessTo, type TargetPlace } from './repository.ts';
import { resticPod, type ResticPodArgs } from './restic-pod.ts';
import { sqliteCopies } from './sqlite-copies.ts';

/** A claim in the Namespace of its application. */
export interface ClaimSource {
  readonly kind: 'claim';
  readonly claimName: pulumi.Input<string>;
  /** The volume's name when its tier makes a mark, else empty. */
  readonly mark: string;
  /** Set on tiers that clone: class and size of the clone. */
  readonly clone?: { readonly className: pulumi.Input<string>; readonly size: string };
  /** The application that has it mounted: the backup runs beside it. Default: anywhere. */
  readonly application?: string;
  /** Whether it holds SQLite files of a running application. Default: false. */
  readonly hasSqlite?: boolean;
}

/** A folder of a disk, such as that of the dumps of a database. */
export interface FolderSource {
  readonly kind: 'folder';
  readonly disk: DiskPlace;
  /** From the disk's root. */
  readonly folder: string;
}

/** A folder of a node that belongs to its system, such as the datastore of k3s. */
export interface HostSource {
  readonly kind: 'host';
  readonly node: string;
  readonly path: string;
  /** Names in it that are left out. */
  readonly exclude: readonly string[];
  readonly hasSqlite: boolean;
  /** Why a pod may write there: SQLite's backup interface takes part in its locks. */
  readonly reason: string;
}

export interface BackupScheduleArgs {
  /** Name of what is backed up; jobs are called `backup-<name>` and `drill-<name>`. */
  readonly name: string;
  readonly source: ClaimSource | FolderSource | HostSource;
  readonly target: TargetPlace;
  readonly stack: string;
  readonly namespace: pulumi.Input<string>;
  readonly schedule: string;
  readonly timeZone: string;
  readonly keep: KeepPolicy;
  readonly drill: {
    readonly schedule: string;
    /** The newest good backup may not be older. */
    readonly maxAgeHours: number;
    /** A class for the scratch folder. Default: the node's own disk. */
    readonly className?: pulumi.Input<string>;
    readonly size: string;
  };
  readonly images: { readonly restic: string; readonly node: string };
  /** The target's Secrets and its proof. */
  readonly after: pulumi.Resource[];
}

const dataPath = '/data';
/** The whole store is read once in so many runs. */
const partsOfStore = 30;

export class BackupSchedule extends pulumi.ComponentResource {
  constructor(name: string, args: BackupScheduleArgs, opts: pulumi.ComponentResourceOptions) {
    super(
      'larder:index:BackupSchedule',
      name,
      { name: args.name, target: args.target.name, schedule: args.schedule },
      opts,
    );
    this.#job(name, 'backup', args, args.schedule, resticPod(backupPod(args)));
    this.#job(name, 'drill', args, args.drill.schedule, resticPod(drillPod(args)));
    this.registerOutputs({});
  }

  #job(
    name: string,
    kind: 'backup' | 'drill',
    args: BackupScheduleArgs,
    schedule: string,
    spec: k8s.types.input.core.v1.PodSpec,
  ): void {
    const labels = { ...managed, [label.backup]: args.name };
    new k8s.batch.v1.CronJob(
      `${name}-${kind}`,
      {
        metadata: {
          name: `${kind}-${args.name}`,
          namespace: args.namespace,
          labels,
          ...(kind === 'backup' ? exemption(args.source) : {}),
        },
        spec: {
          schedule,
          timeZone: args.timeZone,
          // Two at once would prune each other's work.
          concurrencyPolicy: 'Forbid',
          startingDeadlineSeconds: 8 * 3600,
          successfulJobsHistoryLimit: 3,
          failedJobsHistoryLimit: 3,
          jobTemplate: {
            metadata: { labels },
            spec: {
              backoffLimit: 2,
              activeDeadlineSeconds: 12 * 3600,
              template: { metadata: { labels }, spec },
            },
          },
        },
      },
      { parent: this, dependsOn: args.after },
    );
  }
}

function exemption(source: BackupScheduleArgs['source']) {
  if (source.kind !== 'host') return {};
  return { annotations: { 'larder.dev/exempt.no-hostpath-outside-inventory': source.reason } };
}

const repositoryOf = (args: Pick<BackupScheduleArgs, 'target' | 'stack' | 'name'>) =>
  accessTo(args.target, `${args.stack}/${args.name}`);

function backupPod(args: BackupScheduleArgs): ResticPodArgs {
  const { source } = args;
  const common = {
    image: args.images.restic,
    script: 'backup' as const,
    source: args.name,
    access: repositoryOf(args),
  };
  const env = { KEEP: forgetFlags(args.keep).join(' '), PARTS: String(partsOfStore) };
  if (source.kind === 'folder')
    return {
      ...common,
      nodeSelector: onNode(source.disk.node),
      env: { ...env, VOLUME: '', DATA: `/host/${baseOf(source.disk.mountPath)}/${source.folder}` },
      volumes: diskVolumes(source.disk),
      mounts: diskMounts(source.disk).map((mount) => ({ ...mount, readOnly: true })),
    };
  if (source.kind === 'host') return { ...common, ...hostParts(source, args, env) };
  const copies = source.hasSqlite === true ? sqliteCopies(args.images.node, 'data') : undefined;
  return {
    ...common,
    env: { ...env, VOLUME: source.mark, DATA: dataPath, ...copies?.env },
    volumes: [claimVolume(source), ...(copies?.volumes ?? [])],
    mounts: [{ name: 'data', mountPath: dataPath, readOnly: true }, ...(copies?.mounts ?? [])],
    ...(copies === undefined ? {} : { init: copies.init }),
    ...(source.clone === undefined && source.application !== undefined
      ? { affinity: beside(source.application) }
      : {}),
  };
}

function hostParts(
  source: HostSource,
  args: BackupScheduleArgs,
  env: Readonly<Record<string, string>>,
) {
  const copies = source.hasSqlite ? sqliteCopies(args.images.node, 'data') : undefined;
  return {
    nodeSelector: onNode(source.node),
    // Servers of the cluster are often kept free of other pods.
    tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }],
    env: { ...env, VOLUME: '', DATA: dataPath, EXCLUDE: source.exclude.join(' '), ...copies?.env },
    volumes: [
      { name: 'data', hostPath: { path: source.path, type: 'Directory' } },
      ...(copies?.volumes ?? []),
    ],
    mounts: [{ name: 'data', mountPath: dataPath, readOnly: true }, ...(copies?.mounts ?? [])],
    ...(copies === undefined ? {} : { init: copies.init }),
  };
}

/** The claim itself, or a clone of it that lives as long as the pod. */
function claimVolume(source: ClaimSource): k8s.types.input.core.v1.Volume {
  if (source.clone === undefined)
    return { name: 'data', persistentVolumeClaim: { claimName: source.claimName } };
  return {
    name: 'data',
    ephemeral: {
      volumeClaimTemplate: {
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: source.clone.className,
          resources: { requests: { storage: source.clone.size } },
          dataSource: { kind: 'PersistentVolumeClaim', name: source.claimName },
        },
      },
    },
  };
}

/**
 * A volume that one node can have at a time is where its application runs; with the application
 * stopped, anywhere. Hence a preference: a rule would leave the backup waiting for a pod.
 */
function beside(application: string): k8s.types.input.core.v1.Affinity {
  return {
    podAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: {
            topologyKey: hostnameLabel,
            labelSelector: { matchLabels: { [label.application]: application } },
          },
        },
      ],
    },
  };
}

function drillPod(args: BackupScheduleArgs): ResticPodArgs {
  const { className, size } = args.drill;
  const scratch: k8s.types.input.core.v1.Volume =
    className === undefined
      ? { name: 'scratch', emptyDir: {} }
      : {
          name: 'scratch',
          ephemeral: {
            volumeClaimTemplate: {
              spec: {
                accessModes: ['ReadWriteOnce'],
                storageClassName: className,
                resources: { requests: { storage: size } },
              },
            },
          },
        };
  return {
    image: args.images.restic,
    script: 'drill',
    source: args.name,
    access: repositoryOf(args),
    env: { SCRATCH: '/scratch', MAX_AGE_SECONDS: String(args.drill.maxAgeHours * 3600) },
    volumes: [scratch],
    mounts: [{ name: 'scratch', mountPath: '/scratch' }],
  };
}

export interface RestoreArgs {
  /** Name under which the source was backed up: the volume's. */
  readonly name: string;
  /** `latest`, or the id of a snapshot. */
  readonly snapshot: string;
  readonly target: TargetPlace;
  readonly stack: string;
  readonly claimName: pulumi.Input<string>;
  readonly image: string;
}

/** The pod that fills a new volume from its backup, at the same path as the backup read it. */
export function restorePod(args: RestoreArgs): k8s.types.input.core.v1.PodSpec {
  return resticPod({
    image: args.image,
    script: 'restore',
    source: args.name,
    access: repositoryOf(args),
    env: { DATA: dataPath, COPIES: '/copies', SNAPSHOT: args.snapshot },
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: args.claimName } },
      { name: 'copies', emptyDir: {} },
    ],
    mounts: [
      { name: 'data', mountPath: dataPath },
      { name: 'copies', mountPath: '/copies' },
    ],
  });
}

const baseOf = (mountPath: string): string => mountPath.split('/').at(-1) ?? '';
