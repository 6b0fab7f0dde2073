/** Applications with their volumes, and where their dumps go. */
import { databaseProblems } from '../../rules/databases.ts';
import type { Problem } from '../../rules/problem.ts';
import type { StackConfig } from '../schema.ts';
import type { PostgresConfig } from '../schema/applications.ts';
import type { Applications, Database } from '../shelf/applications.ts';
import type { Volume, Volumes } from '../shelf/volumes.ts';
import { placeDumps } from './backups.ts';
import { type Ground, keep } from './ground.ts';
import { placeVolume } from './volumes.ts';

/** The applications, and all volumes that they bring. */
export function resolveApplications(ground: Ground, problems: Problem[]): Applications & Volumes {
  const databases = ground.config.postgres.flatMap((database, index) =>
    resolveDatabase(database, `larder:postgres[${index}]`, ground, problems),
  );
  return { databases, volumes: databases.map(({ volume }) => volume) };
}

function resolveDatabase(
  database: PostgresConfig,
  path: string,
  ground: Ground,
  problems: Problem[],
): Database[] {
  const wanted = { ...database, accessMode: 'ReadWriteOnce' } as const;
  const placed = keep(placeVolume(wanted, `postgres-${database.name}`, path, ground), problems);
  const databases = placed.flatMap((volume) =>
    keep(placeDumps(database, volume, ground), problems).map((dumps) =>
      toDatabase(database, volume, dumps, ground.config),
    ),
  );
  problems.push(...databases.flatMap(databaseProblems));
  return databases;
}

function toDatabase(
  database: PostgresConfig,
  volume: Volume,
  dumps: Database['dumps'],
  config: StackConfig,
): Database {
  return {
    name: database.name,
    volume,
    image: database.image ?? config.images.postgres,
    user: database.user,
    database: database.database,
    resources: database.resources,
    dumps,
  };
}
