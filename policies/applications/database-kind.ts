/** Which kind of database a word or a connection URL means. */
import type { DatabaseKind } from './application.ts';

const wordKinds: readonly (readonly [RegExp, DatabaseKind])[] = [
  [/^(sqlite3?|pdo_sqlite|better-sqlite3|libsql|django\.db\.backends\.sqlite3)$/, 'sqlite'],
  [
    /^(postgres(ql)?|postgresdb|pgsql|pdo_pgsql|pg|psycopg[23]?|django\.db\.backends\.postgresql)$/,
    'postgres',
  ],
  [/^(mysql2?|mariadb|pdo_mysql|django\.db\.backends\.mysql)$/, 'mysql'],
  [/^(h2|dev-file|dev-mem|bolt(db)?|bbolt|rocksdb|embedded)$/, 'file'],
  [/^(mssql|sqlserver|oracle|mongodb|cockroachdb|etcd)$/, 'server'],
  [/^(memory|inmemory)$/, 'memory'],
];

const schemeKinds: readonly (readonly [RegExp, DatabaseKind])[] = [
  [/^(sqlite3?|sqlite\+\w+|file|libsql)$/, 'sqlite'],
  [/^(postgres(ql)?|postgres(ql)?\+\w+|pgx?)$/, 'postgres'],
  [/^(mysql2?|mariadb|mysql\+\w+|mariadb\+\w+)$/, 'mysql'],
  [/^h2$/, 'file'],
  [/^(sqlserver|mssql|oracle|mongodb(\+srv)?|https?|cockroachdb)$/, 'server'],
];

/** Undefined when the text names no kind that we know. */
export function databaseKindOf(text: string): DatabaseKind | undefined {
  const value = text
    .trim()
    .replace(/^["']|["']$/g, '')
    .replace(/^jdbc:/i, '');
  const word = value.toLowerCase();
  const byWord = wordKinds.find(([pattern]) => pattern.test(word))?.[1];
  if (byWord !== undefined) return byWord;
  const scheme = /^([a-z][a-z0-9+]*):/.exec(word)?.[1];
  if (scheme !== undefined) return schemeKinds.find(([pattern]) => pattern.test(scheme))?.[1];
  // libpq also takes `host=… dbname=…`.
  if (/(^|\s)host(addr)?=\S/.test(word)) return 'postgres';
  return /\.(db3?|sqlite3?)$/.test(word) ? 'sqlite' : undefined;
}

/** The absolute path of the file that a SQLite URL or plain path names. */
export function databaseFileOf(text: string): string | undefined {
  const value = text
    .trim()
    .replace(/^["']|["']$/g, '')
    .replace(/^jdbc:/i, '');
  const path = value.replace(/^[a-z][a-z0-9+]*:/i, '').replace(/[?#].*$/, '');
  if (path === value) return path.startsWith('/') ? path : undefined;
  // `sqlite:////data/x.db` is absolute, `sqlite:///x.db` is relative, `file:/data/x.db` absolute.
  if (path.startsWith('////')) return path.slice(3);
  if (path.startsWith('///') || path.startsWith('//')) return undefined;
  return path.startsWith('/') ? path : undefined;
}
