/**
 * Finds a Go that can fetch the wanted Go, or gets one.
 *
 * From 1.21 on, a Go asked with GOTOOLCHAIN for another version fetches it as a module, with the
 * checksum database watching. An older one (Debian 12 has 1.19) cannot, but it can download that
 * very module like any other; unpacked with its executable bits it is the wanted Go.
 */
import { chmod, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { run } from '../base/run.ts';
import { recipeHash, type EntryKey, type ToolCache } from './cache.ts';
import type { GoCommand } from './go.ts';
import { readVersion, toolOf } from './locate.ts';
import {
  environmentOf,
  goArchitecture,
  platform,
  type Catalogue,
  type ToolContext,
} from './tool.ts';
import { isAtLeast } from './version.ts';
import { candidates } from './which.ts';

/** From this version on Go fetches other versions by itself. */
const firstSwitchingVersion = '1.21';
/** From this version on `go mod download` works outside a module and checks the database. */
const firstDownloadingVersion = '1.16';

export interface FoundGo {
  readonly path: string;
  readonly version: string;
}

/** Every Go on this machine, those on PATH first. */
export async function findGos(
  catalogue: Catalogue,
  env: NodeJS.ProcessEnv,
): Promise<readonly FoundGo[]> {
  const tool = toolOf('go', catalogue);
  const onPath = tool.origins.find((origin) => origin.kind === 'path');
  const files = candidates('go', env, onPath?.folders);
  const found: FoundGo[] = [];
  for (const file of files) {
    const version = await readVersion(file, tool, env);
    if (version !== undefined) found.push({ path: file, version });
  }
  return found;
}

/** The command for the wanted version from what is installed; undefined when nothing serves. */
export function chooseGo(gos: readonly FoundGo[], goVersion: string): GoCommand | undefined {
  const exact = gos.find((go) => go.version === goVersion);
  if (exact !== undefined) return { path: exact.path, toolchain: 'local' };
  const switching = gos.find((go) => isAtLeast(go.version, firstSwitchingVersion));
  return switching === undefined
    ? undefined
    : { path: switching.path, toolchain: `go${goVersion}` };
}

/** An older Go that can at least download the wanted one. */
export function chooseDownloader(gos: readonly FoundGo[]): FoundGo | undefined {
  return gos.find((go) => isAtLeast(go.version, firstDownloadingVersion));
}

/** Key of a Go that an older Go downloaded. */
export function downloadedGoKey(goVersion: string): EntryKey {
  return { name: 'go', version: goVersion, platform, recipe: recipeHash('module', goVersion) };
}

export function programIn(entry: string): string {
  return path.join(entry, 'bin/go');
}

/** Has an older Go download the wanted one as a module and keeps it in the cache. */
export async function downloadGoAsModule(
  older: FoundGo,
  goVersion: string,
  cache: ToolCache,
  context: ToolContext,
): Promise<GoCommand> {
  const title = `Fetching Go ${goVersion} with the installed Go ${older.version}`;
  const entry = await context.progress.step(title, async (step) =>
    cache.make(
      downloadedGoKey(goVersion),
      { what: title, signal: context.signal, onWait: (holder) => step.note(`waits for ${holder}`) },
      async (folder) => {
        const source = await downloadToolchainModule(older, goVersion, folder, context);
        step.note('unpacking');
        await unpackToolchain(source, folder, context.signal);
      },
    ),
  );
  return { path: programIn(entry), toolchain: 'local' };
}

async function downloadToolchainModule(
  older: FoundGo,
  goVersion: string,
  folder: string,
  context: ToolContext,
): Promise<string> {
  const version = `v0.0.1-go${goVersion}.linux-${goArchitecture}`;
  const result = await run(
    older.path,
    ['mod', 'download', '-json', `golang.org/toolchain@${version}`],
    {
      cwd: folder,
      env: { ...environmentOf(context), GOFLAGS: '-mod=mod', GO111MODULE: 'on', GOWORK: 'off' },
      signal: context.signal,
      hint: 'check that the Go module proxy can be reached (go env GOPROXY), then run it again',
    },
  );
  const answer: unknown = JSON.parse(result.stdout);
  if (typeof answer === 'object' && answer !== null && 'Dir' in answer) return String(answer.Dir);
  throw new LabFault(
    `Go ${older.version} downloaded Go ${goVersion} but did not say where to.`,
    'install Go 1.21 or newer from go.dev/dl, then run it again',
  );
}

/** Module archives carry neither executable bits nor go.mod files of modules within. */
async function unpackToolchain(source: string, folder: string, signal: AbortSignal): Promise<void> {
  // Fresh modes: Go makes its module cache read-only, folders too.
  await run('cp', ['--recursive', '--no-preserve=mode', `${source}/.`, folder], { signal });
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const isProgram = /^(bin|pkg\/tool\/[^/]+)\/[^/]+$/.test(path.relative(folder, file));
    if (isProgram && entry.isFile()) await chmod(file, 0o755);
    if (entry.name === '_go.mod') await rename(file, path.join(entry.parentPath, 'go.mod'));
  }
}
