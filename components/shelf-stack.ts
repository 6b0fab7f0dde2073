/**
 * The shelf as components: one for each thing that the configuration names, wired together.
 * Decides nothing: what may be built was decided before (config/, rules/).
 */
import type { Provider } from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { AppVolume, type VolumePlace } from './app-volume.ts';
import type { Providers } from './cluster/providers.ts';
import {
  type Database,
  type Disk,
  directoryOf,
  dynamicDirectoryOf,
  type Shelf,
  type Tier,
  type Volume,
} from './config/shelf.ts';
import { DataNamespace } from './data-namespace.ts';
import type { DiskPlace } from './disk-pod.ts';
import { DumpSchedule } from './dump-schedule.ts';
import { LocalPathProvisioner } from './local-path-provisioner.ts';
import { LocalTier } from './local-tier.ts';
import { annotation, systemNamespace } from './names.ts';
import { NodeInventory } from './node-inventory.ts';
import { Postgres } from './postgres.ts';
import { ScratchTier } from './scratch-tier.ts';

export interface ShelfStackArgs {
  readonly shelf: Shelf;
  readonly stack: string;
  readonly providers: Providers;
  /** UID of the cluster; undefined in a preview without one, before the first update. */
  readonly clusterUid: string | undefined;
  /** Names of the volumes that earlier updates made. */
  readonly knownVolumes: ReadonlySet<string>;
  /**
   * Namespaces of earlier updates: they stay, also when nothing in the stack needs them any more.
   */
  readonly earlierNamespaces: readonly string[];
  /** Passwords that the cluster holds and the state has lost, by `namespace/secret`. */
  readonly passwords: ReadonlyMap<string, string>;
}

export interface BuiltShelf {
  readonly tiers: readonly (LocalTier | ScratchTier)[];
  readonly databases: readonly { readonly plan: Database; readonly server: Postgres }[];
}

interface Ground {
  readonly args: ShelfStackArgs;
  readonly apps: { readonly provider: Provider };
  readonly system: DataNamespace;
  readonly namespaces: ReadonlyMap<string, DataNamespace>;
  readonly classNames: ReadonlyMap<string, pulumi.Output<string>>;
}

export function buildShelf(args: ShelfStackArgs): BuiltShelf {
  const { shelf, providers } = args;
  const apps = { provider: providers.apps };
  const data = { provider: providers.data };
  const system = new DataNamespace(
    'system',
    {
      name: systemNamespace,
      annotations: {
        [annotation.stack]: args.stack,
        ...(args.clusterUid === undefined ? {} : { [annotation.cluster]: args.clusterUid }),
      },
      // Jobs here work on the nodes' disks.
      labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
    },
    data,
  );
  const names = [...args.earlierNamespaces, ...shelf.volumes.map((volume) => volume.namespace)];
  const namespaces = new Map(
    [...new Set(names)]
      .filter((name) => name !== systemNamespace)
      .map((name) => [name, new DataNamespace(name, { name }, data)]),
  );
  new NodeInventory('nodes', { nodes: shelf.nodes }, apps);
  const tiers = buildTiers(args, system);
  const classNames = new Map(tiers.map(({ tier, built }) => [tier.name, built.className]));
  const ground: Ground = { args, apps, system, namespaces, classNames };
  const ofDatabases = new Set(shelf.databases.map((database) => database.volume));
  for (const volume of shelf.volumes) {
    if (!ofDatabases.has(volume)) buildVolume(volume, ground);
  }
  return {
    tiers: tiers.map(({ built }) => built),
    databases: shelf.databases.map((plan) => ({ plan, server: buildDatabase(plan, ground) })),
  };
}

function buildTiers(
  args: ShelfStackArgs,
  system: DataNamespace,
): { tier: Tier; built: LocalTier | ScratchTier }[] {
  const { shelf } = args;
  const apps = { provider: args.providers.apps };
  const dynamic = shelf.tiers.filter((tier) => tier.engine !== 'static');
  const provisioner =
    dynamic.length === 0
      ? undefined
      : new LocalPathProvisioner(
          'local-path',
          {
            namespace: system.namespaceName,
            image: shelf.images.localPathProvisioner,
            toolsImage: shelf.images.tools,
            tiers: dynamic.map((tier) => ({
              className: tier.name,
              folders: tier.disks.map((disk) => ({
                node: disk.node,
                path: dynamicDirectoryOf(disk),
              })),
            })),
          },
          apps,
        );
  return shelf.tiers.map((tier) => {
    const { name, isDefault, reclaim, engine } = tier;
    // A class without its provisioner would leave claims waiting.
    const opts = { ...apps, ...(provisioner === undefined ? {} : { dependsOn: provisioner }) };
    const built =
      engine === 'scratch'
        ? new ScratchTier(name, { name, isDefault }, opts)
        : new LocalTier(
            name,
            { name, engine, isDefault, reclaim },
            engine === 'static' ? apps : opts,
          );
    return { tier, built };
  });
}

const diskPlace = (disk: Disk): DiskPlace => ({
  node: disk.node,
  mountPath: disk.mountPath,
  ...(disk.uuid === undefined ? {} : { uuid: disk.uuid }),
});

/** The arguments that a volume and a database's volume have in common. */
function volumeArgs(volume: Volume, ground: Ground) {
  const { disk } = volume;
  const place: VolumePlace | undefined =
    disk === undefined
      ? undefined
      : {
          ...diskPlace(disk),
          directory: directoryOf(disk, volume.name),
          isPrepared: ground.args.knownVolumes.has(volume.name),
          systemNamespace: ground.system.namespaceName,
          toolsImage: ground.args.shelf.images.tools,
        };
  return {
    namespace: ground.namespaces.get(volume.namespace)?.namespaceName ?? volume.namespace,
    sizeBytes: volume.sizeBytes,
    className: ground.classNames.get(volume.tier.name) ?? volume.tier.name,
    retire: volume.retire,
    dataProvider: ground.args.providers.data,
    ...(place === undefined ? {} : { place }),
  };
}

function buildVolume(volume: Volume, ground: Ground): void {
  new AppVolume(
    volume.name,
    { name: volume.name, accessMode: volume.accessMode, ...volumeArgs(volume, ground) },
    ground.apps,
  );
}

function buildDatabase(plan: Database, ground: Ground): Postgres {
  const existing = ground.args.passwords.get(`${plan.volume.namespace}/${plan.volume.name}`);
  const { name, image, database, user, resources, dumps } = plan;
  const server = new Postgres(
    plan.volume.name,
    {
      ...volumeArgs(plan.volume, ground),
      name,
      image,
      database,
      user,
      resources,
      ...(existing === undefined ? {} : { existingPassword: pulumi.secret(existing) }),
    },
    ground.apps,
  );
  if (!('skip' in dumps))
    new DumpSchedule(
      `dump-${name}`,
      {
        database: name,
        host: server.host,
        user,
        password: server.password,
        image,
        disk: diskPlace(dumps.disk),
        schedule: dumps.schedule,
        timeZone: dumps.timeZone,
        keep: dumps.keep,
        namespace: ground.system.namespaceName,
        server: server.server,
      },
      ground.apps,
    );
  return server;
}
