/**
 * What `pulumi up` tells at its end: how to reach things, what each tier promises, where dumps are.
 */
import * as pulumi from '@pulumi/pulumi';
import { formatSize } from './config/quantity.ts';
import type { Shelf } from './config/shelf.ts';
import type { Database } from './config/shelf/applications.ts';
import { dumpDirectoryOf } from './config/shelf/backups.ts';
import { coverageOf, describeCoverage } from './rules/copies.ts';
import type { ShelfNode } from './config/shelf/inventory.ts';
import type { Tier } from './config/shelf/tiers.ts';
import { placeOf } from './rules/edits.ts';
import { engineFacts } from './rules/engines.ts';
import { describeSnapshots, snapshotsOf } from './rules/snapshots.ts';
import type { BuiltShelf } from './shelf-stack.ts';

interface DatabaseReport {
  /** For clients in the cluster; the password is in the Secret. */
  readonly address: pulumi.Output<string>;
  readonly password: string;
  readonly shell: string;
  readonly data: string;
  readonly dumps: string;
}

export interface Report {
  readonly nodes: Readonly<Record<string, string>>;
  readonly databases: Readonly<Record<string, DatabaseReport>>;
  /** How each application is reached. */
  readonly applications: Readonly<Record<string, pulumi.Input<string>>>;
  /** Of each volume: copies, recovery point, how far back, and what is not covered and why. */
  readonly backups: Readonly<Record<string, string>>;
  /** Of each dataset: what it costs on the disk. */
  readonly datasets: Readonly<Record<string, string>>;
  readonly tiers: Readonly<Record<string, string>>;
  readonly volumes: Readonly<Record<string, string>>;
}

export function report(shelf: Shelf, built: BuiltShelf): Report {
  return {
    nodes: Object.fromEntries(shelf.nodes.map((node) => [node.name, describeNode(node)])),
    databases: Object.fromEntries(
      built.databases.map(({ plan, server }) => [
        plan.name,
        {
          address: pulumi.interpolate`postgresql://${plan.user}@${server.host}:5432/${plan.database}`,
          ...describeDatabase(plan),
        },
      ]),
    ),
    applications: Object.fromEntries(describeApplications(built)),
    backups: {
      ...Object.fromEntries(
        shelf.volumes.map((volume) => [
          volume.name,
          `${describeCoverage(coverageOf(volume, shelf, shelf))}${describeSnapshots(snapshotsOf(volume, shelf))}`,
        ]),
      ),
      'the cluster': describeCluster(shelf),
    },
    datasets: Object.fromEntries(
      shelf.datasets.map(({ name, volume, config }) => [
        name,
        `one version and, of the ${config.keep} kept behind it and those still read, only the files that differ; while a new one is written, that much more. All in ${formatSize(volume.sizeBytes)}`,
      ]),
    ),
    tiers: Object.fromEntries(
      built.tiers.map((tier, index) => [shelf.tiers[index]?.name ?? '', tier.promise]),
    ),
    volumes: Object.fromEntries(
      shelf.volumes.map((volume) => [
        volume.name,
        `${formatSize(volume.sizeBytes)} on ${placeOf(volume) ?? whereWords(volume.tier)}, claim ${volume.namespace}/${volume.name}`,
      ]),
    ),
  };
}

function describeCluster({ backupSchedule, targets }: Shelf): string {
  const { k3s, schedule, target } = backupSchedule;
  if (k3s === undefined)
    return 'datastore and token are not backed up (larder:backupSchedule.k3s); the stack file and the state rebuild what the program declares';
  return `datastore (${k3s.datastore}) and token, to ${target ?? targets[0]?.name ?? ''} at "${schedule}"`;
}

function describeApplications(built: BuiltShelf): [string, pulumi.Input<string>][] {
  return [
    ...built.gitea.map(({ plan, server }): [string, pulumi.Output<string>] => [
      plan.volume.name,
      pulumi.interpolate`http://${server.host}:3000 (SSH 2222), for people ${plan.config.rootUrl ?? `http://${plan.config.domain}/`}; administrator ${plan.config.admin}: kubectl -n ${plan.volume.namespace} get secret ${plan.volume.name} -o jsonpath='{.data.admin-password}' | base64 -d`,
    ]),
    ...built.loki.map(({ plan, server }): [string, pulumi.Output<string>] => [
      plan.volume.name,
      pulumi.interpolate`http://${server.host}:3100, ${plan.config.retentionDays} days of logs, at most ${server.dailyRoom} a day`,
    ]),
    ...built.homeAssistant.map(({ plan, server }): [string, pulumi.Output<string>] => [
      plan.volume.name,
      pulumi.interpolate`http://${server.host}:8123`,
    ]),
    ...built.apps.map(({ plan, server }): [string, pulumi.Input<string>] => [
      plan.name,
      server.host ?? 'no port',
    ]),
  ];
}

function describeDatabase(plan: Database): Omit<DatabaseReport, 'address'> {
  const { namespace, name: object } = plan.volume;
  return {
    password: `kubectl -n ${namespace} get secret ${object} -o jsonpath='{.data.password}' | base64 -d`,
    shell: `kubectl -n ${namespace} exec -it ${object}-0 -- psql -U ${plan.user} ${plan.database}`,
    data: placeOf(plan.volume) ?? `tier ${plan.volume.tier.name}`,
    dumps: describeDumps(plan),
  };
}

function describeDumps({ dumps, name }: Database): string {
  if ('skip' in dumps) return `none: ${dumps.skip}`;
  const { disk, schedule, timeZone, keep } = dumps;
  return `${disk.node}:${dumpDirectoryOf(disk, name)}, at "${schedule}" ${timeZone}, the newest ${keep} verified ones`;
}

/** Where a volume lives whose place its engine chose. */
function whereWords({ name, engine, config, copies }: Tier): string {
  if (config.engine === 'nfs') return `the server ${config.server} (tier ${name})`;
  if (engineFacts[engine].placedBy === 'first pod')
    return `the node of its first pod (tier ${name})`;
  return `${copies === 1 ? 'one node' : `${copies} nodes`} chosen by ${engineFacts[engine].title} (tier ${name})`;
}

/** `192.168.10.11; server, worker; circuit study; nvme 465Gi at /mnt/nvme` */
function describeNode(node: ShelfNode): string {
  const domains = Object.entries(node.domains).flatMap(([kind, name]) =>
    name === undefined ? [] : [`${kind} ${name}`],
  );
  const sizeOf = (bytes: number | undefined) =>
    bytes === undefined ? '' : ` ${formatSize(bytes)}`;
  const disks = [
    ...node.disks.map((disk) => ({ ...disk, where: disk.mountPath })),
    ...node.devices.map((device) => ({ ...device, where: device.device })),
  ].map(({ kind, capacityBytes, where }) => `${kind}${sizeOf(capacityBytes)} at ${where}`);
  const parts = [
    [node.address, node.architecture].filter((part) => part !== undefined),
    node.roles,
    domains,
    disks,
  ];
  return parts
    .filter((part) => part.length > 0)
    .map((part) => part.join(', '))
    .join('; ');
}
