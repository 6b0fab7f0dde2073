/**
 * Makes sure of a set of tools from a catalogue: takes what is there, then does the missing work in as
 * few steps as possible, one line of progress each. While one Go module compiles, the sources of the
 * next ones are downloaded.
 */
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import type { Step } from '../base/progress.ts';
import { ToolCache, type EntryKey } from './cache.ts';
import { downloadArchive } from './download.ts';
import {
  chooseDownloader,
  chooseGo,
  downloadGoAsModule,
  downloadedGoKey,
  findGos,
  programIn,
} from './go-command.ts';
import {
  buildGoModule,
  downloadGoModule,
  goEntryKey,
  type GoBuildContext,
  type GoCommand,
  type GoSource,
} from './go.ts';
import {
  archiveKey,
  archiveOf,
  locate,
  moduleOf,
  readVersion,
  toolOf,
  type Places,
  type RejectedProgram,
} from './locate.ts';
import { isReachable } from './network.ts';
import { installPackages, packageHost, packages, planPackages } from './packages.ts';
import {
  environmentOf,
  platform,
  type Catalogue,
  type FoundTool,
  type Origin,
  type ToolContext,
} from './tool.ts';

/** Narrows the places a tool may come from: the names not listed keep all of theirs. */
export type OriginFilter = (name: string, origin: Origin) => boolean;

const anyOrigin: OriginFilter = () => true;

/** Throws a `LabFault` that says what to do when a tool cannot be had. */
export async function obtain<Name extends string>(
  names: readonly Name[],
  context: ToolContext,
  catalogue: Catalogue,
  filter: OriginFilter = anyOrigin,
): Promise<ReadonlyMap<Name, FoundTool<Name>>> {
  const work = new Work(context, catalogue);
  const found = new Map<Name, FoundTool<Name>>();
  const missing = new Set<Name>();
  const look = async (name: Name) => {
    const origins = toolOf(name, catalogue).origins.filter((origin) => filter(name, origin));
    const location = await locate(name, work.places, origins);
    if (location.found === undefined) missing.add(name);
    else found.set(name, location.found);
    return { origins, rejected: location.rejected };
  };
  for (const name of new Set(names)) {
    const { origins, rejected } = await look(name);
    if (!missing.has(name)) continue;
    const chosen = await work.choose(name, origins);
    work.reportRejected(name, rejected, chosen);
  }
  if (missing.size === 0) return found;
  await work.run();
  for (const name of missing) {
    missing.delete(name);
    await look(name);
    if (missing.has(name)) throw new Error(`${name} was made but is not found`);
  }
  return found;
}

interface Jobs {
  readonly packages: Set<string>;
  readonly archives: Set<string>;
  readonly modules: Set<string>;
}

/** What is still to do, collected tool by tool, then done. */
class Work {
  readonly places: Places;
  readonly #context: ToolContext;
  readonly #jobs: Jobs = { packages: new Set(), archives: new Set(), modules: new Set() };
  #number = 0;

  constructor(context: ToolContext, catalogue: Catalogue) {
    this.#context = context;
    const env = environmentOf(context);
    this.places = { catalogue, cache: new ToolCache(context.paths.tools), env };
  }

  /** Takes the first origin that can serve here and now. */
  async choose(name: string, origins: readonly Origin[]): Promise<Origin> {
    const { env, catalogue } = this.places;
    for (const origin of origins) {
      switch (origin.kind) {
        case 'path':
          continue;
        case 'download': {
          const url = archiveOf(origin.archive, catalogue).urls[platform];
          if (url === undefined || !(await isReachable(url, env))) continue;
          this.#jobs.archives.add(origin.archive);
          return origin;
        }
        case 'package': {
          const isLast = origin === origins.at(-1);
          if (!isLast && !(await canInstall(origin.packageName, env))) continue;
          this.#jobs.packages.add(origin.packageName);
          return origin;
        }
        case 'go':
          this.#jobs.modules.add(origin.module);
          return origin;
      }
    }
    const wanted = `${name} ${toolOf(name, catalogue).version}`;
    throw new LabFault(
      `${wanted} is not on PATH and cannot be fetched here.`,
      `install ${wanted} and put it on PATH, or run this on a machine with an open network`,
    );
  }

  reportRejected(name: string, rejected: readonly RejectedProgram[], instead: Origin): void {
    const { version } = toolOf(name, this.places.catalogue);
    for (const program of rejected) {
      const has = program.version ?? 'of unknown version';
      const how = { path: '', download: 'downloaded', package: 'installed', go: 'built' };
      this.#context.progress.say(
        `${program.path} is ${has}, ${version} is needed: it is ${how[instead.kind]} instead`,
      );
    }
  }

  async run(): Promise<void> {
    const { catalogue } = this.places;
    const wanted = packages.filter((candidate) => this.#jobs.packages.has(candidate.debian));
    await installPackages(wanted, this.#context);
    for (const name of this.#jobs.archives) await this.#downloadArchive(name);
    const sources = Object.keys(catalogue.modules)
      .filter((name) => this.#jobs.modules.has(name))
      .map((name) => ({ name, module: moduleOf(name, catalogue) }));
    if (sources.length > 0) await this.#buildModules(sources);
  }

  get #count(): number {
    return this.#jobs.archives.size + this.#jobs.modules.size;
  }

  async #downloadArchive(name: string): Promise<void> {
    const archive = archiveOf(name, this.places.catalogue);
    const title = `Downloading ${archive.what} ${archive.version}`;
    await this.#make(title, archiveKey(name, archive), async (folder, step) => {
      await downloadArchive(archive, folder, this.#context.signal, (detail) => step.note(detail));
      await this.#checkVersions(
        Object.entries(archive.programs).map(([tool, file]) => ({
          tool,
          file: path.join(folder, file),
          version: archive.version,
        })),
      );
    });
  }

  async #buildModules(sources: readonly GoSource[]): Promise<void> {
    const go = await ensureGo(this.places, this.#context);
    const build: GoBuildContext = {
      go,
      env: this.places.env,
      signal: this.#context.signal,
      modulesFolder: this.#context.paths.goModules,
    };
    const downloads = startDownloads(sources, build);
    const seconds = sources.reduce((sum, source) => sum + source.module.coldSeconds, 0);
    this.#context.progress.say(
      `${sources.length} Go modules are built once and kept: ` +
        `up to ${Math.ceil(seconds / 60)} minutes on two cores, less when Go has them cached`,
    );
    for (const source of sources) await this.#buildModule(source, downloads, build);
  }

  async #buildModule(
    source: GoSource,
    downloads: ReadonlyMap<GoSource, Download>,
    build: GoBuildContext,
  ): Promise<void> {
    const { catalogue } = this.places;
    const { what, version, neededFor, programs } = source.module;
    const key = await goEntryKey(source, catalogue.goVersion);
    const title = `Building ${what} ${version} (needed for ${neededFor})`;
    await this.#make(title, key, async (folder, step) => {
      const note = (detail: string) => step.note(detail);
      const download = downloads.get(source);
      download?.onNote(note);
      const packageCount = (await download?.finished) ?? 0;
      download?.onNote(() => {});
      await buildGoModule(source, folder, packageCount, build, note);
      await this.#checkVersions(
        programs.map(({ tool }) => ({
          tool,
          file: path.join(folder, tool),
          version: toolOf(tool, catalogue).version,
        })),
      );
    });
  }

  async #make(
    title: string,
    key: EntryKey,
    fill: (folder: string, step: Step) => Promise<void>,
  ): Promise<void> {
    const { signal, progress, paths } = this.#context;
    this.#number += 1;
    await progress.step(`[${this.#number}/${this.#count}] ${title}`, async (step) => {
      const onWait = (holder: string) => step.note(`waits for another run: ${holder}`);
      try {
        const options = { what: title, signal, onWait };
        await this.places.cache.make(key, options, async (folder) => fill(folder, step));
      } catch (error) {
        throw await explained(error, title, paths.tools, signal);
      }
    });
  }

  /** A program that calls itself something else than what was wanted never enters the cache. */
  async #checkVersions(
    programs: readonly { tool: string; file: string; version: string }[],
  ): Promise<void> {
    for (const { tool, file, version } of programs) {
      const printed = await readVersion(file, toolOf(tool, this.places.catalogue), this.places.env);
      if (printed === version) continue;
      throw new LabFault(
        `${tool} was made, but it says it is ${printed ?? 'nothing of a version'}, not ${version}.`,
        `run it by hand to see why: ${tool} --version; the catalogue in lab/toolchain may be wrong`,
      );
    }
  }
}

interface Download {
  /** Packages of the module's programs. */
  readonly finished: Promise<number>;
  /** Where the download's words go from now on. */
  onNote(sink: (detail: string) => void): void;
}

/** Starts fetching all modules, one after the other in the order in which they are built. */
function startDownloads(
  sources: readonly GoSource[],
  build: GoBuildContext,
): ReadonlyMap<GoSource, Download> {
  const downloads = new Map<GoSource, Download>();
  let previous: Promise<unknown> = Promise.resolve();
  for (const source of sources) {
    let sink: (detail: string) => void = () => {};
    const finished = previous.then(() =>
      downloadGoModule(source, build, (detail) => sink(`downloading ${detail}`)),
    );
    // Whoever builds the module gets the failure; the next download does not depend on it.
    previous = finished.catch(() => {});
    downloads.set(source, {
      finished,
      onNote: (next) => {
        sink = next;
      },
    });
  }
  return downloads;
}

/** In this order: a Go that is here, one kept from before, an older one's help, download, package. */
async function ensureGo(places: Places, context: ToolContext): Promise<GoCommand> {
  const { catalogue, cache, env } = places;
  const tool = toolOf('go', catalogue);
  const { goVersion } = catalogue;
  const gos = await findGos(tool, env);
  const present = chooseGo(gos, goVersion);
  if (present !== undefined) return present;
  const kept = await cache.find(downloadedGoKey(goVersion));
  if (kept !== undefined) return { path: programIn(kept), toolchain: 'local' };
  const older = chooseDownloader(gos);
  if (older !== undefined) return downloadGoAsModule(older, goVersion, cache, context);
  await obtain(['go'], context, catalogue);
  const got = await locate('go', places);
  const file =
    got.found === undefined ? [] : [{ path: got.found.path, version: got.found.version }];
  const fetched = chooseGo([...file, ...(await findGos(tool, env))], goVersion);
  if (fetched !== undefined) return fetched;
  throw new LabFault(
    'No Go was found that could fetch the wanted one.',
    'install Go 1.21 or newer from go.dev/dl or your distribution and run it again',
  );
}

async function canInstall(packageName: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const wanted = packages.filter((candidate) => candidate.debian === packageName);
  return planPackages(wanted, await packageHost(env)).kind === 'install';
}

/** Turns a full disk and an interrupt into words. */
async function explained(
  error: unknown,
  title: string,
  folder: string,
  signal: AbortSignal,
): Promise<unknown> {
  if (signal.aborted) {
    const hint = 'run the same command again: what was finished is kept, the rest continues';
    return new LabFault(`Interrupted: ${title}.`, hint, { cause: error });
  }
  const text =
    error instanceof Error ? `${String(error)} ${'code' in error ? error.code : ''}` : '';
  if (!/ENOSPC|EDQUOT|no space left on device|disk quota/i.test(text)) return error;
  const { bavail, bsize } = await statfs(folder);
  const freeMiB = Math.floor((bavail * bsize) / 2 ** 20);
  return new LabFault(
    `${title} failed: a disk is full. ${folder} has ${freeMiB} MiB free.\n  ${String(error)}`,
    'free some space (all tools take 1.3 GB; building them takes Go about 12 GB of caches), or set ' +
      'XDG_CACHE_HOME, GOCACHE and GOMODCACHE to folders on a larger disk; nothing half-made was ' +
      'left, and the same command continues',
    { cause: error },
  );
}
