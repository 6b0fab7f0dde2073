/** Applications as components, each with its volume and its backups. */
import * as pulumi from '@pulumi/pulumi';
import { Postgres } from '../applications/postgres.ts';
import type { Database } from '../config/shelf/applications.ts';
import type { TieredGround } from './ground.ts';
import { buildDumps } from './backups.ts';
import { volumeArgs } from './volumes.ts';

export interface BuiltApplications {
  readonly databases: readonly { readonly plan: Database; readonly server: Postgres }[];
}

export function buildApplications(ground: TieredGround): BuiltApplications {
  const { databases } = ground.args.shelf;
  return { databases: databases.map((plan) => ({ plan, server: buildDatabase(plan, ground) })) };
}

function buildDatabase(plan: Database, ground: TieredGround): Postgres {
  const existing = ground.args.passwords.get(`${plan.volume.namespace}/${plan.volume.name}`);
  const { name, image, database, user, resources } = plan;
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
  buildDumps(plan, server, ground);
  return server;
}
