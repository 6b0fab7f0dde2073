/** PostgreSQL images that cannot read what is there: the data of a volume, a server to dump. */
import { nameOf } from '../model/declared.ts';
import { type PostgresImage, postgresImageOf } from '../model/postgres-image.ts';
import { dumpsOf } from '../model/dumps.ts';
import { type Database, databasesOf } from '../model/usage.ts';
import { UNKNOWN } from '../model/value.ts';
import type { World } from '../model/world.ts';
import type { Finding, StackRule } from '../rule.ts';
import { readPostgresImage } from '../../components/rules/databases.ts';

/** On a claim: what wrote its data, `16 alpine`. Larder's Postgres component keeps it. */
const formatAnnotation = 'larder.dev/postgres';

export const postgresMatchesItsVolume: StackRule = {
  id: 'postgres-matches-its-volume',
  scope: 'stack',
  description: 'A PostgreSQL image has the major version and the base of its data and its dumps.',
  severity: 'critical',
  level: 'mandatory',
  advises: false,
  why:
    'Another major version does not start on the data; another base (alpine, debian) sorts text ' +
    'differently and reads its indexes wrongly; an older pg_dump refuses a newer server.',
  waysOut: [
    'Go back to the image that wrote the data',
    'Declare a second database, restore the newest dump into it, then retire the first',
    `Correct the annotation ${formatAnnotation} of the claim, if it is wrong`,
  ],
  good: 'claim annotated "16 alpine", server and dump on postgres:16.10-alpine',
  bad: 'claim annotated "16 alpine", server on postgres:16.10-bookworm',
  check(world) {
    const databases = databasesOf(world).filter((item) => item.engine === 'PostgreSQL');
    return [...databases.flatMap(formatFindings), ...dumpFindings(world, databases)];
  },
};

function imageOf({ container }: Database): PostgresImage | undefined {
  return container && postgresImageOf(container);
}

function formatFindings(database: Database): readonly Finding[] {
  const claim = database.placement?.claim?.object;
  const written = claim?.annotations.get(formatAnnotation);
  const image = imageOf(database);
  if (claim === undefined || written === undefined || image === undefined) return [];
  const now = `${image.major} ${image.base}`;
  if (now === written) return [];
  return [
    {
      object: database.object,
      also: [claim],
      field: `${database.field}.image`,
      found: `it is PostgreSQL ${now}, and ${nameOf(claim)} was written by ${written}`,
      level: 'violation',
    },
  ];
}

function dumpFindings(world: World, databases: readonly Database[]): readonly Finding[] {
  return dumpsOf(world).flatMap(({ workload, container, serves }) => {
    const { image } = container;
    if (image === undefined || image === UNKNOWN) return [];
    const own = readPostgresImage(image.reference);
    const server = databases.find((database) => serves(database));
    const served = server && imageOf(server);
    if (own === undefined || server === undefined || served === undefined) return [];
    if (own.major >= served.major) return [];
    const finding: Finding = {
      object: workload.object,
      field: `${container.field}.image`,
      found: `it dumps ${nameOf(server.object)} (PostgreSQL ${served.major}) with version ${own.major}`,
      why: 'pg_dump refuses a server that is newer than itself: there will be no dump.',
      waysOut: [
        'Use the image of the server for the dump',
        `Raise it to version ${served.major} or newer`,
        'Dump with an operator that picks the version itself',
      ],
      level: 'violation',
    };
    return [finding];
  });
}
