/** Programs that run in the cluster under Node 24, as text. They import modules of Node alone. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

type JobName = 'sqlite-copies' | 'gitea-mirror' | 'volume-snapshots';

/** How Node runs one that it is given as text. */
export const jobCommand = (name: JobName): string[] => [
  'node',
  '--input-type=module-typescript',
  '-e',
  jobText(name),
];

function jobText(name: JobName): string {
  return readFileSync(path.join(import.meta.dirname, 'jobs', `${name}.ts`), 'utf8');
}
