/**
 * Looks where a tool already is, without making, fetching or changing anything: on PATH and in the
 * cache. The doctor asks the same question.
 */
import path from 'node:path';
import { execa } from 'execa';
import { recipeHash, type EntryKey, type ToolCache } from './cache.ts';
import { goEntryKey } from './go.ts';
import {
  platform,
  type Archive,
  type Catalogue,
  type FoundTool,
  type Origin,
  type Tool,
} from './tool.ts';
import { isAtLeast } from './version.ts';
import { candidates, isWithin } from './which.ts';

/** A program of the right name and the wrong version. */
export interface RejectedProgram {
  readonly path: string;
  /** Undefined when it did not print one. */
  readonly version: string | undefined;
}

export interface Location<Name extends string> {
  readonly found: FoundTool<Name> | undefined;
  readonly rejected: readonly RejectedProgram[];
}

export interface Places {
  readonly catalogue: Catalogue;
  readonly cache: Pick<ToolCache, 'find' | 'folder'>;
  readonly env: NodeJS.ProcessEnv;
}

/** A program of a hundred megabytes may have to come from a slow card first. */
const versionTimeoutMs = 15_000;

/** Tries the tool's origins in order; `origins` narrows them. */
export async function locate<Name extends string>(
  name: Name,
  places: Places,
  origins?: readonly Origin[],
): Promise<Location<Name>> {
  const tool = toolOf(name, places.catalogue);
  const rejected: RejectedProgram[] = [];
  for (const origin of origins ?? tool.origins) {
    const found = await locateAt(name, tool, origin, places, rejected);
    if (found !== undefined) return { found, rejected };
  }
  return { found: undefined, rejected };
}

async function locateAt<Name extends string>(
  name: Name,
  tool: Tool,
  origin: Origin,
  places: Places,
  rejected: RejectedProgram[],
): Promise<FoundTool<Name> | undefined> {
  switch (origin.kind) {
    case 'path': {
      for (const file of candidates(name, places.env, origin.folders)) {
        // What an outer run of ours put on PATH says nothing about the machine.
        if (isWithin(file, places.cache.folder)) continue;
        const version = await readVersion(file, tool, places.env);
        if (version !== undefined && accepts(tool, origin.atLeast, version)) {
          return { name, path: file, version, source: 'path' };
        }
        if (!rejected.some((other) => other.path === file)) rejected.push({ path: file, version });
      }
      return undefined;
    }
    case 'download': {
      const archive = archiveOf(origin.archive, places.catalogue);
      const entry = await places.cache.find(archiveKey(origin.archive, archive));
      const inside = archive.programs[name];
      if (entry === undefined || inside === undefined) return undefined;
      const file = path.join(entry, inside);
      return { name, path: file, version: archive.version, source: 'download' };
    }
    case 'go': {
      const module = moduleOf(origin.module, places.catalogue);
      const key = await goEntryKey({ name: origin.module, module }, places.catalogue.goVersion);
      const entry = await places.cache.find(key);
      if (entry === undefined) return undefined;
      return { name, path: path.join(entry, name), version: tool.version, source: 'built' };
    }
    case 'package':
      // Once installed it is on PATH.
      return undefined;
  }
}

/** What the program says its version is; undefined when it says nothing of the kind. */
export async function readVersion(
  file: string,
  tool: Pick<Tool, 'versionArguments' | 'versionPattern'>,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const result = await execa(file, [...tool.versionArguments], {
    reject: false,
    all: true,
    stdin: 'ignore',
    timeout: versionTimeoutMs,
    // A Go that is asked for its version must not fetch another one to answer.
    env: { ...env, GOTOOLCHAIN: 'local', PULUMI_SKIP_UPDATE_CHECK: 'true' },
    extendEnv: false,
  });
  return tool.versionPattern.exec(result.all ?? '')?.[1];
}

function accepts(tool: Tool, atLeast: string | undefined, version: string): boolean {
  return atLeast === undefined ? version === tool.version : isAtLeast(version, atLeast);
}

export function archiveKey(name: string, archive: Archive): EntryKey {
  const recipe = recipeHash(archive.urls[platform], archive.checksum, archive.programs);
  return { name, version: archive.version, platform, recipe };
}

export function toolOf(name: string, catalogue: Catalogue): Tool {
  return entryOf(catalogue.tools, name, 'tool');
}

export function archiveOf(name: string, catalogue: Catalogue): Archive {
  return entryOf(catalogue.archives, name, 'archive');
}

export function moduleOf(name: string, catalogue: Catalogue): Catalogue['modules'][string] {
  return entryOf(catalogue.modules, name, 'Go module');
}

function entryOf<T>(entries: Readonly<Record<string, T>>, name: string, kind: string): T {
  const entry = entries[name];
  if (entry === undefined) throw new Error(`the catalogue has no ${kind} named ${name}`);
  return entry;
}
