/**
 * Metrics of processes that listen nowhere: engines outlive the pods that could ask them, so each
 * writes its families into a file in memory, and the storage server of the node shows them. What
 * nobody has renewed for a minute is not shown.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Family } from '../report/metrics.ts';

const staleMs = 60_000;
const fileBytesMax = 4 * 2 ** 20;
const suffix = '.metrics.json';

const familySchema = z.object({
  name: z.string().regex(/^[a-z_]+$/),
  type: z.enum(['counter', 'gauge', 'histogram']),
  help: z.string(),
  samples: z.array(
    z.object({
      suffix: z.enum(['_bucket', '_sum', '_count']).exactOptional(),
      labels: z.record(z.string().regex(/^[a-z_]+$/), z.string()),
      value: z.number(),
    }),
  ),
}) satisfies z.ZodType<Family>;

export async function writeMetrics(folder: string, of: string, families: readonly Family[]) {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, `${of}${suffix}`);
  await writeFile(`${file}.new`, JSON.stringify(families), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Takes the metrics of a process away that ends in order. */
export async function removeMetrics(folder: string, of: string): Promise<void> {
  await rm(path.join(folder, `${of}${suffix}`), { force: true });
}

/** Of all files that are fresh; what is no metrics is left out. */
export async function readMetrics(folder: string): Promise<readonly Family[]> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => name.endsWith(suffix))
      .map(async (name) => familiesIn(path.join(folder, name)).catch(() => [])),
  );
  return found.flat();
}

async function familiesIn(file: string): Promise<readonly Family[]> {
  const { mtimeMs, size } = await stat(file);
  if (Date.now() - mtimeMs > staleMs || size > fileBytesMax) return [];
  return z.array(familySchema).parse(JSON.parse(await readFile(file, 'utf8')));
}
