/**
 * Looks for a program as a shell would, and in the folders of system programs besides, because a
 * plain user's PATH often lacks them.
 */
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

const systemFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Absolute path of the first executable file of this name, or undefined. */
export function which(program: string, env: NodeJS.ProcessEnv): string | undefined {
  return candidates(program, env)[0];
}

/** All executable files of this name: those on PATH, in system folders, in `furtherFolders`. */
export function candidates(
  program: string,
  env: NodeJS.ProcessEnv,
  furtherFolders: readonly string[] = [],
): readonly string[] {
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter((f) => path.isAbsolute(f));
  return [...new Set([...folders, ...systemFolders, ...furtherFolders])]
    .map((folder) => path.join(folder, program))
    .filter(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

export function isWithin(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
