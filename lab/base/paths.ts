/**
 * Where the lab keeps its things: tools and images in the XDG cache folder (safe to delete, made
 * again), the running lab in the XDG state folder (removed by `npm stop`).
 */
import { homedir } from 'node:os';
import path from 'node:path';
import { LabFault } from './fault.ts';

export interface LabPaths {
  /** Tools by name, version, platform and recipe; survives `npm stop`. */
  readonly tools: string;
  /** Container images as docker archives, by content; survives `npm stop`. */
  readonly images: string;
  /** Go's module and build caches stay where Go keeps them; this holds our module files. */
  readonly goModules: string;
  /** The running lab: disks, keys, logs, pids, Pulumi state. Gone after `npm stop`. */
  readonly state: string;
}

/**
 * Absolute paths from the environment (`XDG_CACHE_HOME`, `XDG_STATE_HOME`, `HOME`, `LARDER_LAB`).
 */
export function labPaths(env: NodeJS.ProcessEnv = process.env): LabPaths {
  const home = env['HOME'] ?? homedir();
  const absolute = (value: string | undefined, fallback: string) =>
    value !== undefined && path.isAbsolute(value) ? value : path.join(home, fallback);
  const cache = path.join(absolute(env['XDG_CACHE_HOME'], '.cache'), 'larder');
  return {
    tools: path.join(cache, 'tools'),
    images: path.join(cache, 'images'),
    goModules: path.join(cache, 'go'),
    state: path.join(absolute(env['XDG_STATE_HOME'], '.local/state'), 'larder', labName(env)),
  };
}

/** Name of the lab: `LARDER_LAB`, else `larder`. Labs of different names may run side by side. */
export function labName(env: NodeJS.ProcessEnv = process.env): string {
  const name = env['LARDER_LAB'] ?? '';
  if (name === '') return 'larder';
  if (labNamePattern.test(name)) return name;
  throw new LabFault(
    `LARDER_LAB is ${JSON.stringify(name)}: expected up to 20 lower case letters, digits and dashes, first a letter.`,
    'choose another name, or unset LARDER_LAB for the lab called larder',
  );
}

/** A lab's name is a folder, and a control group in every hierarchy. */
export const labNamePattern = /^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/;

/** The repository's root folder: every path into the checkout starts here. */
export const repositoryRoot: string = path.resolve(import.meta.dirname, '../..');
