/** The shell scripts that run in the cluster, as text for a container's arguments. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

export type ScriptName =
  | 'disk'
  | 'disk-watch'
  | 'prepare-volume'
  | 'guard-postgres'
  | 'dump'
  | 'dataset'
  | 'dataset-folders'
  | 'dataset-begin'
  | 'dataset-publish'
  | 'dataset-collect'
  | 'dataset-keep'
  | 'guard-volume'
  | 'restic'
  | 'backup'
  | 'restore'
  | 'restore-postgres'
  | 'drill'
  | 'probe'
  | 'tune'
  | 'local-path-setup'
  | 'local-path-teardown';

/** POSIX shell: it runs under busybox (alpine images) and dash (Debian images) alike. */
export function script(...names: readonly ScriptName[]): string {
  return names
    .map((name) => readFileSync(path.join(import.meta.dirname, 'scripts', `${name}.sh`), 'utf8'))
    .join('\n');
}
