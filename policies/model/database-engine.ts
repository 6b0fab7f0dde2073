/**
 * Database servers, by image: which engine a container runs and where it keeps its data. A
 * container of the same image that only runs a client (`pg_dump`, `psql`) is not a server.
 */
import { matchesImage } from './image.ts';
import { UNKNOWN } from './value.ts';
import type { Container } from './workload.ts';

export interface DatabaseEngine {
  readonly name: string;
  /** `cache` may lose its data by design; rules about data leave it out. */
  readonly duty: 'data' | 'cache';
  /** Where the image keeps its data; the first that a volume covers counts. */
  readonly folders: readonly string[];
}

interface EngineRow extends DatabaseEngine {
  readonly images: readonly string[];
  /** Programs that make the container a client when they lead its command. */
  readonly clients: RegExp;
}

const rows: readonly EngineRow[] = [
  {
    name: 'PostgreSQL',
    duty: 'data',
    images: [
      'postgres',
      '*/postgres',
      '*/postgresql',
      '*/postgresql-repmgr',
      '*/timescaledb',
      '*/timescaledb-ha',
      '*/postgis',
      '*/pgvector',
      '*/pgvecto-rs',
      '*/spilo-*',
    ],
    folders: [
      '/var/lib/postgresql',
      '/var/lib/postgresql/data',
      '/bitnami/postgresql',
      '/home/postgres',
    ],
    clients: /\b(pg_dump(all)?|pg_restore|psql|pg_isready|pg_amcheck|pg_basebackup)\b/,
  },
  {
    name: 'MariaDB',
    duty: 'data',
    images: ['mariadb', '*/mariadb', '*/mariadb-galera'],
    folders: ['/var/lib/mysql', '/config', '/bitnami/mariadb'],
    clients: /\b(mariadb-dump|mysqldump|mariadb|mysql)\b/,
  },
  {
    name: 'MySQL',
    duty: 'data',
    images: ['mysql', '*/mysql', 'percona', '*/percona-server'],
    folders: ['/var/lib/mysql', '/bitnami/mysql'],
    clients: /\b(mysqldump|mysql|xtrabackup)\b/,
  },
  {
    name: 'MongoDB',
    duty: 'data',
    images: ['mongo', '*/mongodb', '*/mongodb-community-server'],
    folders: ['/data/db', '/bitnami/mongodb'],
    clients: /\b(mongodump|mongosh|mongo)\b/,
  },
  {
    name: 'InfluxDB',
    duty: 'data',
    images: ['influxdb', '*/influxdb'],
    folders: ['/var/lib/influxdb2', '/var/lib/influxdb'],
    clients: /\binflux\b/,
  },
  {
    name: 'ClickHouse',
    duty: 'data',
    images: ['clickhouse', '*/clickhouse-server'],
    folders: ['/var/lib/clickhouse'],
    clients: /\bclickhouse-(client|backup)\b/,
  },
  {
    name: 'CockroachDB',
    duty: 'data',
    images: ['cockroachdb/cockroach'],
    folders: ['/cockroach/cockroach-data'],
    clients: /\bcockroach (sql|dump)\b/,
  },
  {
    name: 'Elasticsearch',
    duty: 'data',
    images: ['elasticsearch', '*/elasticsearch', '*/opensearch'],
    folders: ['/usr/share/elasticsearch/data', '/usr/share/opensearch/data'],
    clients: /$^/,
  },
  {
    name: 'Weaviate',
    duty: 'data',
    images: ['semitechnologies/weaviate', '*/weaviate'],
    folders: ['/var/lib/weaviate'],
    clients: /$^/,
  },
  {
    name: 'Redis',
    duty: 'cache',
    images: ['redis', '*/redis', '*/valkey', '*/dragonfly', '*/keydb'],
    folders: ['/data', '/bitnami/redis/data'],
    clients: /\b(redis|valkey)-cli\b/,
  },
];

/** A command that may look at the server first, and in the end becomes it. */
const startsServer = /docker-entrypoint|exec\s+(gosu\s+\S+\s+)?(postgres|mysqld|mariadbd|mongod)\b/;

/** The database server that the container runs, or undefined. */
export function databaseEngineOf(container: Container): DatabaseEngine | undefined {
  const { image } = container;
  if (container.isInit || image === undefined || image === UNKNOWN) return undefined;
  const row = rows.find((item) => item.images.some((pattern) => matchesImage(image, pattern)));
  if (row === undefined) return undefined;
  const words = container.words.join(' ');
  return row.clients.test(words) && !startsServer.test(words) ? undefined : row;
}
