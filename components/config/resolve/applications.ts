/** Applications with their volumes, and where their dumps go. */
import { applicationProblems } from '../../rules/applications.ts';
import { databaseProblems } from '../../rules/databases.ts';
import { oneOf, type Problem } from '../../rules/problem.ts';
import { twins } from '../../rules/twins.ts';
import type { StackConfig } from '../schema.ts';
import type { AppConfig, GiteaConfig, PostgresConfig } from '../schema/applications.ts';
import type {
  AppPlan,
  Applications,
  Database,
  DatasetPlan,
  GiteaPlan,
} from '../shelf/applications.ts';
import { volumesOfApplications } from '../shelf/applications.ts';
import type { Volume, Volumes } from '../shelf/volumes.ts';
import { placeDumps, unknownSecret } from './backups.ts';
import { type Ground, keep } from './ground.ts';
import { type Placeable, placeVolume } from './volumes.ts';

/**
 * The applications, and all volumes that they bring.
 *
 * @param own volumes of `larder:volumes`, which apps mount by name
 */
export function resolveApplications(
  ground: Ground,
  own: readonly Volume[],
  problems: Problem[],
): Applications & Volumes {
  const { config } = ground;
  const databases = config.postgres.flatMap((database, index) =>
    resolveDatabase(database, `larder:postgres[${index}]`, ground, problems),
  );
  const place = (wanted: Placeable, name: string, path: string) =>
    keep(placeVolume(wanted, name, path, ground), problems);
  const single = { accessMode: 'ReadWriteOnce' } as const;
  const gitea = config.gitea.flatMap((entry, index) =>
    resolveGitea(entry, `larder:gitea[${index}]`, { ground, databases }, problems),
  );
  const loki = config.loki.flatMap((entry, index) =>
    place({ ...entry, ...single }, `loki-${entry.name}`, `larder:loki[${index}]`).map((volume) => ({
      name: entry.name,
      volume,
      image: entry.image ?? config.images.loki,
      config: entry,
    })),
  );
  const homeAssistant = config.homeAssistant.flatMap((entry, index) =>
    place(
      { ...entry, ...single },
      `home-assistant-${entry.name}`,
      `larder:homeAssistant[${index}]`,
    ).map((volume) => ({
      name: entry.name,
      volume,
      image: entry.image ?? config.images.homeAssistant,
      config: entry,
    })),
  );
  const datasets = config.datasets.flatMap((entry, index) =>
    place(
      { ...entry, accessMode: sharedMode(entry.tier, ground) },
      `dataset-${entry.name}`,
      `larder:datasets[${index}]`,
    ).map((volume) => ({ name: entry.name, volume, config: entry })),
  );
  const appPlans = config.apps.map((entry, index) =>
    resolveApp(entry, `larder:apps[${index}]`, { ground, own, datasets }, problems),
  );
  const applications = { databases, gitea, loki, homeAssistant, datasets, appPlans };
  problems.push(
    ...twins(
      config.apps.map(({ name }) => name),
      (index) => `larder:apps[${index}].name`,
      'one application for each name',
    ),
    ...applicationProblems(applications),
  );
  return { ...applications, volumes: volumesOfApplications(applications) };
}

function resolveGitea(
  entry: GiteaConfig,
  path: string,
  { ground, databases }: { readonly ground: Ground; readonly databases: readonly Database[] },
  problems: Problem[],
): GiteaPlan[] {
  const { config } = ground;
  const database = databases.find(({ name }) => name === entry.database);
  // One that stands there and has no place was told already.
  if (database === undefined && !config.postgres.some(({ name }) => name === entry.database))
    problems.push(unknownDatabase(entry.database, path, config));
  if (entry.mirror !== undefined)
    problems.push(...unknownSecret(`${path}.mirror.token`, entry.mirror.token, config.secrets));
  const wanted = { ...entry, accessMode: 'ReadWriteOnce' } as const;
  const image = entry.image ?? config.images.gitea;
  return keep(placeVolume(wanted, `gitea-${entry.name}`, path, ground), problems).flatMap(
    (volume) =>
      database === undefined ? [] : [{ name: entry.name, volume, image, config: entry, database }],
  );
}

/** Readers on several nodes, where the tier has that. */
function sharedMode(tier: string | undefined, { tiers }: Ground) {
  const modes = tiers.find(({ name }) => name === tier)?.accessModes ?? [];
  return modes.includes('ReadWriteMany') ? 'ReadWriteMany' : 'ReadWriteOnce';
}

const unknownDatabase = (name: string, path: string, config: StackConfig): Problem => ({
  path: `${path}.database`,
  found: `${name}, which is no database`,
  allowed: oneOf(config.postgres.map((each) => each.name)),
  todo: `declare it: \`larder:postgres: [{ name: ${name}, size: 5Gi, database: gitea, user: gitea }]\``,
});

interface AppGround {
  readonly ground: Ground;
  readonly own: readonly Volume[];
  readonly datasets: readonly DatasetPlan[];
}

function resolveApp(
  config: AppConfig,
  path: string,
  { ground, own, datasets }: AppGround,
  problems: Problem[],
): AppPlan {
  const missing = (key: string, name: string, known: readonly string[], section: string) =>
    problems.push({
      path: `${path}.${key}`,
      found: `${name}, which stands not under ${section}`,
      allowed: oneOf(known),
      todo: `name one of them, or declare it under ${section}`,
    });
  const volumes = config.volumes.flatMap(({ volume: name, path: mountPath }, index) => {
    const volume = own.find((each) => each.name === name);
    // One that stands there and has no place was told already.
    if (volume === undefined && !ground.config.volumes.some((each) => each.name === name))
      missing(
        `volumes[${index}].volume`,
        name,
        own.map((each) => each.name),
        'larder:volumes',
      );
    return volume === undefined ? [] : [{ volume, path: mountPath }];
  });
  const read = config.datasets.flatMap(({ dataset: name, path: mountPath }, index) => {
    const dataset = datasets.find((each) => each.name === name);
    if (dataset === undefined && !ground.config.datasets.some((each) => each.name === name))
      missing(
        `datasets[${index}].dataset`,
        name,
        datasets.map((each) => each.name),
        'larder:datasets',
      );
    return dataset === undefined ? [] : [{ dataset, path: mountPath }];
  });
  for (const [variable, name] of Object.entries(config.secretEnv))
    problems.push(...unknownSecret(`${path}.secretEnv.${variable}`, name, ground.config.secrets));
  const namespace =
    config.namespace ?? volumes[0]?.volume.namespace ?? read[0]?.dataset.volume.namespace ?? 'apps';
  return { name: config.name, namespace, volumes, datasets: read, config, path };
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
