/** Major version and base of the PostgreSQL image that a container runs. */
import { readPostgresImage } from '../../components/rules/databases.ts';
import { databaseEngineOf } from './database-engine.ts';
import { UNKNOWN } from './value.ts';
import type { Container } from './workload.ts';

export interface PostgresImage {
  readonly major: number;
  readonly base: 'alpine' | 'debian';
}

/**
 * Undefined when the container runs no PostgreSQL by the contract of the official image, or when
 * its tag does not begin with a version. Bitnami's image has other folders and another user.
 */
export function postgresImageOf(container: Container): PostgresImage | undefined {
  const { image } = container;
  if (image === undefined || image === UNKNOWN) return undefined;
  if (databaseEngineOf(container)?.name !== 'PostgreSQL') return undefined;
  if (!/(^|\/)(postgres|pgvector|postgis)$/.test(image.repository)) return undefined;
  return readPostgresImage(image.reference);
}
