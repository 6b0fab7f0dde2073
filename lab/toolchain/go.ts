/**
 * Builds a Go module's programs as tool dependencies of a module file of ours.
 *
 * Promises: versions and hashes come only from the committed go.mod and go.sum (`-mod=readonly`),
 * the Go version is exactly the wanted one whatever the machine has, nothing is written into the
 * checkout. Go keeps its module and build caches where it always does, so a second build is short.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { recipeHash, type EntryKey } from './cache.ts';
import { runGroup } from './group.ts';
import { goArchitecture, platform, type GoModule, type GoProgram } from './tool.ts';

/** A Go command that fetches the wanted toolchain by itself when it is another one. */
export interface GoCommand {
  readonly path: string;
  /** The toolchain to ask for, as GOTOOLCHAIN wants it: `go1.26.8`, or `local` for this one. */
  readonly toolchain: string;
}

export interface GoSource {
  readonly name: string;
  readonly module: GoModule;
}

export interface GoBuildContext {
  readonly go: GoCommand;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Folder for copies of module files: `LabPaths.goModules`. */
  readonly modulesFolder: string;
}

/** The key of a module's build: it changes with any version, hash, stamp or flag. */
export async function goEntryKey(source: GoSource, goVersion: string): Promise<EntryKey> {
  const { goMod, goSum } = await readModuleFiles(source);
  const recipe = recipeHash(goVersion, buildFlags(source.module.programs), goMod, goSum);
  return { name: source.name, version: source.module.version, platform, recipe };
}

/**
 * Downloads what the module's programs need; returns how many packages they consist of. Building
 * does this too; apart from it, the next module can be fetched while this one compiles.
 */
export async function downloadGoModule(
  source: GoSource,
  context: GoBuildContext,
  note: (detail: string) => void,
): Promise<number> {
  const cwd = await copyModuleFiles(source, context.modulesFolder);
  let downloads = 0;
  const packages = new Set<string>();
  for (const programs of batches(source.module)) {
    await goCommand(source, context, {
      cwd,
      args: ['list', '-deps', ...programs.map((program) => program.importPath)],
      temporaryFolder: cwd,
      onOutputLine: (line) => packages.add(line),
      onErrorLine: (line) => {
        const downloading = /^go: downloading (\S+)/.exec(line)?.[1];
        if (downloading !== undefined) note(`source ${(downloads += 1)}: ${downloading}`);
      },
    });
  }
  return packages.size;
}

/** Builds the module's programs into `folder`, each under its tool's name. */
export async function buildGoModule(
  source: GoSource,
  folder: string,
  packages: number,
  context: GoBuildContext,
  note: (detail: string) => void,
): Promise<void> {
  const cwd = await copyModuleFiles(source, context.modulesFolder);
  const temporaryFolder = path.join(folder, '.go-tmp');
  await mkdir(temporaryFolder);
  note('compiling and linking');
  let compiled = 0;
  try {
    for (const programs of batches(source.module)) {
      const importPaths = programs.map((program) => program.importPath);
      await goCommand(source, context, {
        cwd,
        args: ['build', '-v', ...buildFlags(programs), '-o', `${folder}/`, ...importPaths],
        temporaryFolder,
        onErrorLine: (line) => {
          // With -v Go names each package it compiles; those from its cache it does not.
          if (!/^[\w.~/-]+$/.test(line)) return;
          compiled += 1;
          note(`${compiled} of at most ${packages} packages compiled, now ${line}`);
        },
      });
    }
  } finally {
    await rm(temporaryFolder, { recursive: true, force: true, maxRetries: 5 });
  }
  note(compiled === 0 ? 'linked, nothing to compile' : `${compiled} packages compiled`);
  for (const program of source.module.programs) {
    const written = outputName(program.importPath);
    if (written !== program.tool) {
      await rename(path.join(folder, written), path.join(folder, program.tool));
    }
  }
}

/** What one Go command can load together. */
function batches(module: GoModule): readonly (readonly GoProgram[])[] {
  const together = module.programs.filter((program) => program.builtApart === undefined);
  const apart = module.programs.filter((program) => program.builtApart !== undefined);
  return [together, ...apart.map((program) => [program])].filter((batch) => batch.length > 0);
}

/** Go names a program after the last part of its import path that is not a major version. */
function outputName(importPath: string): string {
  const elements = importPath.split('/');
  const last = elements.pop() ?? '';
  return /^v\d+$/.test(last) ? (elements.pop() ?? last) : last;
}

function buildFlags(programs: readonly GoProgram[]): readonly string[] {
  const perProgram = programs.map((program) => {
    const stamps = program.stamps.map((stamp) => ` -X ${stamp}`).join('');
    return `-ldflags=${program.importPath}=-s -w${stamps}`;
  });
  return ['-trimpath', '-buildvcs=false', ...perProgram];
}

interface GoRun {
  readonly cwd: string;
  readonly args: readonly string[];
  readonly temporaryFolder: string;
  readonly onOutputLine?: (line: string) => void;
  readonly onErrorLine: (line: string) => void;
}

async function goCommand(source: GoSource, context: GoBuildContext, goRun: GoRun): Promise<void> {
  const env = goEnvironment(context, goRun.temporaryFolder);
  const { go, signal } = context;
  const { args, temporaryFolder: _temporaryFolder, ...rest } = goRun;
  const result = await runGroup(go.path, args, { ...rest, env, signal });
  if (result.code === 0) return;
  const tail = result.tail.join('\n  ');
  const what = `Building ${source.module.what} with Go failed (go ${args[0]}, code ${result.code})`;
  throw new LabFault(`${what}:\n  ${tail}`, hintFor(tail));
}

/**
 * The machine's own Go settings stay in force where they say how to reach modules, nowhere else.
 */
function goEnvironment(context: GoBuildContext, temporaryFolder: string): NodeJS.ProcessEnv {
  const { GOEXPERIMENT: _experiment, GOROOT: _root, GOAMD64: _level, ...env } = context.env;
  return {
    ...env,
    CGO_ENABLED: '0',
    GO111MODULE: 'on',
    GOARCH: goArchitecture,
    GOFLAGS: '-mod=readonly',
    GOOS: 'linux',
    GOTMPDIR: temporaryFolder,
    GOTOOLCHAIN: context.go.toolchain,
    GOWORK: 'off',
  };
}

function hintFor(output: string): string {
  if (/checksum mismatch|SECURITY ERROR/.test(output)) {
    return 'a module is not the one that was pinned: do not go on; compare with another network';
  }
  if (/dial tcp|i\/o timeout|no such host|proxyconnect|TLS handshake|40[34]/.test(output)) {
    return 'check that the Go module proxy can be reached (go env GOPROXY), then run it again';
  }
  if (/signal: killed/.test(output)) {
    return 'the machine ran out of memory: close other programs, or set GOMAXPROCS=1, and try again';
  }
  return 'read the lines above: they are the last that Go printed';
}

async function readModuleFiles(source: GoSource): Promise<{ goMod: string; goSum: string }> {
  const goMod = await readFile(path.join(source.module.folder, 'go.mod'), 'utf8');
  const goSum = await readFile(path.join(source.module.folder, 'go.sum'), 'utf8').catch(() => '');
  return { goMod, goSum };
}

/** Go wants to own the folder it works in (it may lock or touch go.sum): it gets a copy. */
async function copyModuleFiles(source: GoSource, modulesFolder: string): Promise<string> {
  const { goMod, goSum } = await readModuleFiles(source);
  const folder = path.join(modulesFolder, `${source.name}-${recipeHash(goMod, goSum)}`);
  await mkdir(folder, { recursive: true });
  for (const [name, text] of [
    ['go.mod', goMod],
    ['go.sum', goSum],
  ] as const) {
    const fresh = path.join(folder, `.${name}.${randomUUID()}`);
    await writeFile(fresh, text);
    await rename(fresh, path.join(folder, name));
  }
  return folder;
}
