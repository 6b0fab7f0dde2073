/**
 * What `pulumi up` tells at its end: how to reach things, what each tier promises, where dumps are.
 */
import * as pulumi from '@pulumi/pulumi';
import { formatSize } from './config/quantity.ts';
import type { Shelf } from './config/shelf.ts';
import type { Database } from './config/shelf/applications.ts';
import { dumpDirectoryOf } from './config/shelf/backups.ts';
import { placeOf } from './rules/edits.ts';
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
  readonly databases: Readonly<Record<string, DatabaseReport>>;
  readonly tiers: Readonly<Record<string, string>>;
  readonly volumes: Readonly<Record<string, string>>;
}

export function report(shelf: Shelf, built: BuiltShelf): Report {
  return {
    databases: Object.fromEntries(
      built.databases.map(({ plan, server }) => [
        plan.name,
        {
          address: pulumi.interpolate`postgresql://${plan.user}@${server.host}:5432/${plan.database}`,
          ...describeDatabase(plan),
        },
      ]),
    ),
    tiers: Object.fromEntries(
      built.tiers.map((tier, index) => [shelf.tiers[index]?.name ?? '', tier.promise]),
    ),
    volumes: Object.fromEntries(
      shelf.volumes.map((volume) => [
        volume.name,
        `${formatSize(volume.sizeBytes)} on ${placeOf(volume) ?? `the node of its first pod (tier ${volume.tier.name})`}, claim ${volume.namespace}/${volume.name}`,
      ]),
    ),
  };
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
