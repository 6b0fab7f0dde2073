/** Backups as components: targets first, then what goes to them, and what comes back. */
import type { types } from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import type { Postgres } from '../applications/postgres.ts';
import {
  BackupSchedule,
  type ClaimSource,
  type FolderSource,
  type HostSource,
  restorePod,
} from '../backups/backup-schedule.ts';
import { BackupTarget, type BackupTargetArgs } from '../backups/backup-target.ts';
import { DumpSchedule } from '../backups/dump-schedule.ts';
import { RestoredDump } from '../backups/restored-dump.ts';
import { formatSize } from '../config/quantity.ts';
import type { Database } from '../config/shelf/applications.ts';
import type { Target } from '../config/shelf/backups.ts';
import type { Volume } from '../config/shelf/volumes.ts';
import { clusterBackup, systemNamespace } from '../names.ts';
import { diskPlace, type Ground, type TieredGround } from './ground.ts';

/** From the targets on: their keys are where jobs need them. */
export interface BackedGround extends TieredGround {
  readonly targets: ReadonlyMap<Target, BackupTarget>;
}

export function buildTargets(ground: TieredGround): BackedGround {
  const { targets, images, volumes, databases } = ground.args.shelf;
  const ofDatabases = new Set(databases.map(({ volume }) => volume));
  const built = targets.map((target) => {
    const users = volumes.filter(
      (volume) =>
        'target' in volume.backup &&
        volume.backup.target === target &&
        // The dumps of databases go from the system Namespace.
        (!ofDatabases.has(volume) || volume.restore !== undefined),
    );
    const names = [...new Set(users.map(({ namespace }) => namespace))];
    const component = new BackupTarget(
      `target-${target.name}`,
      {
        target: targetArgs(target, ground),
        stack: ground.args.stack,
        namespaces: {
          [systemNamespace]: ground.system.namespaceName,
          ...Object.fromEntries(names.map((name) => [name, namespaceOf(name, ground)])),
        },
        systemNamespace: ground.system.namespaceName,
        resticImage: images.restic,
        serverImage: images.resticServer,
        toolsImage: images.tools,
      },
      ground.apps,
    );
    return [target, component] as const;
  });
  return { ...ground, targets: new Map(built) };
}

const namespaceOf = (name: string, ground: Ground): pulumi.Input<string> =>
  ground.namespaces.get(name)?.namespaceName ?? name;

function targetArgs({ name, config, disk }: Target, ground: Ground): BackupTargetArgs['target'] {
  const secret = (key: string) => pulumi.secret(ground.args.shelf.secrets[key] ?? '');
  const common = { name, password: secret(config.password) };
  switch (config.kind) {
    case 's3': {
      const { endpoint, bucket, region } = config;
      return {
        kind: 's3',
        ...common,
        endpoint,
        bucket,
        region,
        accessKey: secret(config.accessKey),
        secretKey: secret(config.secretKey),
      };
    }
    case 'nfs':
      return { kind: 'nfs', ...common, server: config.server, path: config.path };
    case 'drive':
      if (disk === undefined) throw new Error(`the target ${name} has no disk`);
      return { kind: 'drive', ...common, disk: diskPlace(disk) };
  }
}

/** Backups of a volume's files, unless its owner said why there are none. */
export function buildBackup(
  volume: Volume,
  claim: Pick<ClaimSource, 'claimName' | 'hasSqlite'> & { readonly application?: string },
  ground: BackedGround,
): void {
  const { disk, tier } = volume;
  const canClone = tier.engine === 'longhorn' || tier.engine === 'rook-ceph';
  const className = ground.classNames.get(tier.name) ?? tier.name;
  schedule(
    volume,
    {
      kind: 'claim',
      claimName: claim.claimName,
      mark: disk === undefined ? '' : volume.name,
      ...(canClone ? { clone: { className, size: formatSize(volume.sizeBytes) } } : {}),
      ...(claim.hasSqlite === true ? { hasSqlite: true } : {}),
      ...(claim.application === undefined ? {} : { application: claim.application }),
    },
    namespaceOf(volume.namespace, ground),
    ground,
  );
}

function schedule(
  volume: Volume,
  source: ClaimSource | FolderSource,
  namespace: pulumi.Input<string>,
  ground: BackedGround,
  after: pulumi.Resource[] = [],
): void {
  if ('skip' in volume.backup) return;
  const what = { name: volume.name, size: formatSize(volume.sizeBytes) };
  scheduleTo(volume.backup.target, { ...what, source, namespace, after }, ground);
}

interface Scheduled {
  readonly name: string;
  readonly source: ClaimSource | FolderSource | HostSource;
  readonly namespace: pulumi.Input<string>;
  /** Of the scratch folder of a drill. */
  readonly size: string;
  readonly after: pulumi.Resource[];
}

function scheduleTo(to: Target, what: Scheduled, ground: BackedGround): void {
  const target = ground.targets.get(to);
  if (target === undefined) return;
  const { backupSchedule: timing, images } = ground.args.shelf;
  const scratch = timing.scratch === undefined ? undefined : ground.classNames.get(timing.scratch);
  new BackupSchedule(
    `backup-${what.name}`,
    {
      name: what.name,
      source: what.source,
      target: target.place,
      stack: ground.args.stack,
      namespace: what.namespace,
      schedule: timing.schedule,
      timeZone: timing.timeZone,
      keep: timing.keep,
      drill: {
        schedule: timing.drill,
        maxAgeHours: 48,
        size: what.size,
        ...(scratch === undefined ? {} : { className: scratch }),
      },
      images,
      after: [...target.ready, target.probe, ...what.after],
    },
    ground.apps,
  );
}

/** What k3s needs to come back: its datastore and the token without which nothing reads it. */
export function buildClusterBackup(ground: BackedGround): void {
  const { shelf } = ground.args;
  const { k3s, target: named } = shelf.backupSchedule;
  const target = shelf.targets.find(({ name }) => name === named) ?? shelf.targets[0];
  if (k3s === undefined || target === undefined) return;
  for (const node of shelf.nodes.filter(({ roles }) => roles.includes('server')))
    scheduleTo(
      target,
      {
        name: clusterBackup(node.name),
        source: {
          kind: 'host',
          node: node.name,
          path: '/var/lib/rancher/k3s/server',
          // etcd's own files change under the reader; k3s puts snapshots of it beside them.
          exclude: ['db/etcd'],
          hasSqlite: k3s.datastore === 'sqlite',
          reason: 'k3s keeps its datastore there; SQLite copies it and takes part in its locks',
        },
        namespace: ground.system.namespaceName,
        size: '1Gi',
        after: [],
      },
      ground,
    );
}

/** What an AppVolume needs to fill itself from its backup. */
export function restoreOf(volume: Volume, ground: BackedGround) {
  if (volume.restore === undefined || 'skip' in volume.backup) return {};
  const target = ground.targets.get(volume.backup.target);
  if (target === undefined) return {};
  const snapshot = volume.restore;
  const pod = (claimName: pulumi.Input<string>): types.input.core.v1.PodSpec =>
    restorePod({
      name: volume.name,
      snapshot,
      target: target.place,
      stack: ground.args.stack,
      claimName,
      image: ground.args.shelf.images.restic,
    });
  return {
    restore: {
      snapshot,
      pod,
      isKnown: ground.args.knownVolumes.has(volume.name),
      after: [...target.ready, target.probe],
    },
  };
}

/**
 * The dumps of a database, unless its owner said why there are none; from them it comes back.
 *
 * @returns what an application must wait for before it uses the database
 */
export function buildDumps(
  plan: Database,
  server: Postgres,
  ground: BackedGround,
): pulumi.Resource {
  const { name, image, user, dumps, volume } = plan;
  if ('skip' in dumps) return server.server;
  const common = {
    database: name,
    host: server.host,
    user,
    password: server.password,
    image,
    disk: diskPlace(dumps.disk),
    namespace: ground.system.namespaceName,
  };
  const restored =
    volume.restore === undefined
      ? undefined
      : new RestoredDump(
          `restore-${name}`,
          {
            ...common,
            snapshot: volume.restore,
            server: server.server,
            isKnown: ground.args.knownVolumes.has(volume.name),
          },
          ground.apps,
        );
  const ready = restored?.job ?? server.server;
  const dumped = new DumpSchedule(
    `dump-${name}`,
    {
      ...common,
      schedule: dumps.schedule,
      timeZone: dumps.timeZone,
      keep: dumps.keep,
      server: ready,
    },
    ground.apps,
  );
  const folder = `larder/dumps/${name}`;
  const source = { kind: 'folder', disk: diskPlace(dumps.disk), folder } as const;
  schedule(volume, source, ground.system.namespaceName, ground, [dumped.firstDump]);
  return ready;
}
