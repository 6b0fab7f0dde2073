/** Targets of backups, which volume goes to which of them, and where the dumps of a database go. */
import { oneOf, type Problem } from '../../rules/problem.ts';
import { twins } from '../../rules/twins.ts';
import type { StackConfig } from '../schema.ts';
import type { PostgresConfig } from '../schema/applications.ts';
import type { TargetConfig } from '../schema/backups.ts';
import type { VolumeConfig } from '../schema/volumes.ts';
import type { BackupPlan, Backups, DumpPlan, Target } from '../shelf/backups.ts';
import type { Inventory } from '../shelf/inventory.ts';
import type { Tier } from '../shelf/tiers.ts';
import type { Volume } from '../shelf/volumes.ts';
import type { Ground, Placed } from './ground.ts';

/** The targets with their disks and secrets found. */
export function resolveBackups(
  config: StackConfig,
  { nodes }: Inventory,
  problems: Problem[],
): Backups {
  const { backupTargets, backupSchedule, snapshots, secrets } = config;
  const disks = nodes.flatMap((node) => node.disks);
  const targets = backupTargets.map((target, index): Target => {
    const path = `larder:backupTargets[${index}]`;
    problems.push(...secretProblems(target, path, secrets));
    const disk =
      target.kind === 'drive'
        ? disks.find((each) => each.node === target.node && each.name === target.disk)
        : undefined;
    if (target.kind === 'drive' && disk === undefined)
      problems.push({
        path: `${path}.disk`,
        found: `${target.node}/${target.disk}, which is no mounted disk of the inventory`,
        allowed: oneOf(disks.map((each) => `${each.node}/${each.name}`)),
        todo: 'name a disk that stands under larder:nodes',
      });
    return { name: target.name, config: target, disk, path };
  });
  problems.push(
    ...twins(
      targets.map(({ name }) => name),
      (index) => `larder:backupTargets[${index}].name`,
      'one target for each name',
    ),
    ...unknownTarget('larder:backupSchedule.target', backupSchedule.target, targets),
    ...unknownScratch(config),
    ...k3sProblems(config, nodes, targets),
  );
  return { targets, backupSchedule, snapshots, secrets };
}

function unknownTarget(
  path: string,
  named: string | undefined,
  targets: readonly Target[],
): Problem[] {
  if (named === undefined || targets.some(({ name }) => name === named)) return [];
  return [
    {
      path,
      found: `${named}, which is no target`,
      allowed: oneOf(targets.map(({ name }) => name)),
      todo: 'name one of them, or declare it under larder:backupTargets',
    },
  ];
}

/** Who has no server node, no target or two servers on one file has no backup of the cluster. */
function k3sProblems(
  { backupSchedule }: StackConfig,
  nodes: Inventory['nodes'],
  targets: readonly Target[],
): Problem[] {
  const { k3s } = backupSchedule;
  if (k3s === undefined) return [];
  const path = 'larder:backupSchedule.k3s';
  const servers = nodes.filter(({ roles }) => roles.includes('server')).map(({ name }) => name);
  if (servers.length === 0)
    return [
      {
        path,
        found: 'no node with the role server',
        allowed: 'at least one: its datastore and token are what a new cluster needs',
        todo: 'write `roles: [server]` in the entry of the node that runs `k3s server`',
      },
    ];
  if (targets.length === 0)
    return [
      {
        path,
        found: 'no target',
        allowed: 'a target under larder:backupTargets',
        todo: 'declare one, or remove `k3s:`',
      },
    ];
  if (k3s.datastore === 'sqlite' && servers.length > 1)
    return [
      {
        path: `${path}.datastore`,
        found: `sqlite, and the servers ${servers.join(', ')}`,
        allowed: 'etcd: several servers share no SQLite file',
        todo: 'write `datastore: etcd`, or give one node alone the role server',
      },
    ];
  return [];
}

function unknownScratch({ backupSchedule, tiers }: StackConfig): Problem[] {
  const { scratch } = backupSchedule;
  const known = tiers.filter(({ engine }) => engine === 'scratch').map(({ name }) => name);
  if (scratch === undefined || known.includes(scratch)) return [];
  return [
    {
      path: 'larder:backupSchedule.scratch',
      found: `${scratch}, which is no scratch tier`,
      allowed: oneOf(known),
      todo: "name one of them, or leave it out: a drill then uses the node's own disk",
    },
  ];
}

function secretProblems(
  target: TargetConfig,
  path: string,
  secrets: Readonly<Record<string, string>>,
): Problem[] {
  const named = {
    password: target.password,
    ...(target.kind === 's3' ? { accessKey: target.accessKey, secretKey: target.secretKey } : {}),
  };
  return Object.entries(named).flatMap(([key, name]) =>
    unknownSecret(`${path}.${key}`, name, secrets),
  );
}

/** The problem of a name that stands for no secret. */
export function unknownSecret(
  path: string,
  name: string,
  secrets: Readonly<Record<string, string>>,
): Problem[] {
  if (secrets[name] !== undefined) return [];
  return [
    {
      path,
      found: `${name}, which is no secret`,
      allowed: oneOf(Object.keys(secrets)),
      todo: `\`pulumi config set --secret --path 'larder:secrets.${name}'\` asks for it`,
    },
  ];
}

const noTarget = 'the stack names no target off the cluster (larder:backupTargets)';

/** The volume's own word first, then the tier's, then the schedule's target, then the first one. */
export function planBackup(
  { backup }: Pick<VolumeConfig, 'backup'>,
  tier: Tier,
  path: string,
  { targets, config }: Ground,
): Placed<BackupPlan> {
  if (backup.skip !== undefined) return { value: { skip: backup.skip, isMeant: true } };
  const named = backup.target ?? config.backupSchedule.target;
  const [problem] = unknownTarget(`${path}.backup.target`, backup.target, targets);
  if (problem !== undefined) return { problem };
  if (backup.target === undefined && tier.backupDuty !== 'required')
    return { value: { skip: tier.backupDuty.skip, isMeant: true } };
  const target = named === undefined ? targets[0] : targets.find(({ name }) => name === named);
  if (target === undefined) return { value: { skip: noTarget, isMeant: false } };
  return { value: { target } };
}

/**
 * Database first, then `larder:backup`, then the first other node with a disk that is no SD card.
 */
export function placeDumps(
  database: PostgresConfig,
  volume: Volume,
  { config, nodes }: Ground,
): Placed<DumpPlan | { readonly skip: string }> {
  const { dumps } = database;
  if (dumps.skip !== undefined) return { value: { skip: dumps.skip } };
  const timing = {
    schedule: dumps.schedule ?? config.backup.schedule,
    timeZone: dumps.timeZone ?? config.backup.timeZone,
    keep: dumps.keep ?? config.backup.keep,
  };
  const own = dumps.node !== undefined || dumps.disk !== undefined;
  const named = own ? dumps : config.backup;
  const home = volume.disk?.node;
  const isNamed = named.node !== undefined || named.disk !== undefined;
  const disk = nodes
    .flatMap((node) => node.disks)
    .find(
      (candidate) =>
        (named.node === undefined || candidate.node === named.node) &&
        (named.disk === undefined ? candidate.kind !== 'sd' : candidate.name === named.disk) &&
        (isNamed || candidate.node !== home),
    );
  if (disk !== undefined) return { value: { disk, ...timing } };
  const wanted = [named.node, named.disk].filter((part) => part !== undefined).join('/');
  return {
    problem: {
      path: isNamed && !own ? 'larder:backup' : `${volume.path}.dumps`,
      found: isNamed ? `${wanted}, which is no disk of the inventory` : 'no disk on another node',
      allowed: oneOf(
        nodes
          .flatMap((node) => node.disks)
          .filter((candidate) => candidate.node !== home)
          .map((candidate) => `${candidate.node}/${candidate.name}`),
      ),
      todo: 'name `node:` and `disk:` of another node or of an external drive, or `skip: <reason>` to go without',
    },
  };
}
