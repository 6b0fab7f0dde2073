/**
 * Turns what goes wrong while a tool is made into words: an interrupt, a full disk, a closed door.
 */
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';

export interface FailureContext {
  readonly signal: AbortSignal;
  /** The tool cache. */
  readonly tools: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Returns the fault to throw in place of `error`; other faults and bugs stay what they are. */
export async function explainFailure(
  error: unknown,
  title: string,
  context: FailureContext,
): Promise<unknown> {
  if (context.signal.aborted) {
    const hint = 'run the same command again: what was finished is kept, the rest continues';
    return new LabFault(`Interrupted: ${title}.`, hint, { cause: error });
  }
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (/ENOSPC|EDQUOT|no space left on device|disk quota/i.test(`${code} ${error.message}`)) {
    return new LabFault(
      `${title} failed: a disk is full.\n${await freeSpace(context)}\n  ${error.message}`,
      'free some space (all tools take 1.3 GB, what Go caches while it builds them about 9 GB), or ' +
        'set XDG_CACHE_HOME, GOCACHE and GOMODCACHE to folders on a larger disk; nothing ' +
        'half-made was left, and the same command continues',
      { cause: error },
    );
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
    return new LabFault(
      `${title} failed: ${error.message}.`,
      `make ${context.tools} writable for you (it may belong to root after a sudo), or set ` +
        'XDG_CACHE_HOME to another folder',
      { cause: error },
    );
  }
  return error;
}

/** One line for each folder that grows while tools are made. */
async function freeSpace({ env, tools }: FailureContext): Promise<string> {
  const home = env['HOME'] ?? '/';
  const cache = env['XDG_CACHE_HOME'] ?? path.join(home, '.cache');
  const goPath = env['GOPATH'] ?? path.join(home, 'go');
  const folders = [
    ['tools', tools],
    ["Go's compiled packages", env['GOCACHE'] ?? path.join(cache, 'go-build')],
    ["Go's sources", env['GOMODCACHE'] ?? path.join(goPath, 'pkg/mod')],
  ] as const;
  const lines: string[] = [];
  for (const [name, folder] of folders) {
    const status = await statfs(folder).catch(() => undefined);
    if (status === undefined) continue;
    const freeMiB = Math.floor((status.bavail * status.bsize) / 2 ** 20);
    lines.push(`  ${name}: ${folder} has ${freeMiB} MiB free`);
  }
  return lines.join('\n');
}
