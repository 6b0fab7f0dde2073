/**
 * Makes sure of a set of tools from a catalogue: takes what is there, then does the missing work in
 * as few steps as possible, one line of progress each. While one Go module compiles, the sources of
 * the next ones are downloaded.
 */
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import type { Step } from '../base/progress.ts';
import { ToolCache, type EntryKey } from './cache.ts';
import { downloadArchive, Unavailable } from './download.ts';
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

/** Narrows the places a tool may come from. */
export type OriginFilter = (origin: Origin) => boolean;

/** Throws a `LabFault` that says what to do when a tool cannot be had. */
export async function obtain<Name extends string>(
  names: readonly Name[],
  context: ToolContext,
  catalogue: Catalogue,
  filter: OriginFilter = () => true,
): Promise<ReadonlyMap<Name, FoundTool<Name>>> {
  const work = new Work(context, catalogue);
  const look = async (name: Name) => {
    const origins = toolOf(name, catalogue).origins.filter(filter);
    return { origins, ...(await locate(name, work.places, origins)) };
  };
  const unique = [...new Set(names)];
  let isComplete = true;
  for (const name of unique) {
    const { origins, found, rejected } = await look(name);
    if (found !== undefined) continue;
    isComplete = false;
    await work.add(name, origins, rejected);
  }
  if (!isComplete) await work.run();
  const tools = new Map<Name, FoundTool<Name>>();
  for (const name of unique) {
    const { found } = await look(name);
    if (found === undefined) throw new Error(`${name} was made but is not found`);
    tools.set(name, found);
  }
  return tools;
}

/** Makes sure of unpacked archives; returns the folder of each. May throw `Unavailable`. */
export async function obtainArchives(
  names: readonly string[],
  context: ToolContext,
  catalogue: Catalogue,
): Promise<ReadonlyMap<string, string>> {
  const work = new Work(context, catalogue);
  const keyOf = (name: string) => archiveKey(name, archiveOf(name, catalogue));
  const missing: string[] = [];
  for (const name of names) {
    if ((await work.places.cache.find(keyOf(name))) === undefined) missing.push(name);
  }
  await work.downloadAll(missing);
  return new Map(names.map((name) => [name, work.places.cache.pathOf(keyOf(name))]));
}

interface Wanted {
  readonly name: string;
  readonly origins: readonly Origin[];
  origin: Origin;
}

/** What is still to do, collected tool by tool, then done. */
class Work {
  readonly places: Places & { readonly cache: ToolCache };
  readonly #context: ToolContext;
  readonly #wanted: Wanted[] = [];
  readonly #unavailable = new Set<string>();
  #number = 0;
  #count = 0;

  constructor(context: ToolContext, catalogue: Catalogue) {
    this.#context = context;
    const env = environmentOf(context);
    this.places = { catalogue, cache: new ToolCache(context.paths.tools), env };
  }

  /** Takes on a tool that is not there; `rejected` are programs of its name that do not serve. */
  async add(
    name: string,
    origins: readonly Origin[],
    rejected: readonly RejectedProgram[],
  ): Promise<void> {
    const origin = await this.#choose(name, origins);
    this.#wanted.push({ name, origins, origin });
    const { version } = toolOf(name, this.places.catalogue);
    const how = { path: '', download: 'downloaded', package: 'installed', go: 'built' };
    for (const program of rejected) {
      this.#context.progress.say(
        `${program.path} is ${program.version ?? 'of unknown version'}, ${version} is needed: ` +
          `it is ${how[origin.kind]} instead`,
      );
    }
  }

  /** The first origin that can serve here and now. */
  async #choose(name: string, origins: readonly Origin[]): Promise<Origin> {
    const { env, catalogue } = this.places;
    for (const origin of origins) {
      switch (origin.kind) {
        case 'path':
          continue;
        case 'download': {
          const url = archiveOf(origin.archive, catalogue).urls[platform];
          if (url === undefined || this.#unavailable.has(origin.archive)) continue;
          if (await isReachable(url, env)) return origin;
          continue;
        }
        case 'package':
          // As the last resort it is chosen in any case: its message says what to install and how.
          if (origin === origins.at(-1) || (await canInstall(origin.packageName, env))) {
            return origin;
          }
          continue;
        case 'go':
          return origin;
      }
    }
    const wanted = `${name} ${toolOf(name, catalogue).version}`;
    throw new LabFault(
      `${wanted} is not on PATH and cannot be fetched from here.`,
      `install ${wanted} and put it on PATH, or run this on a machine with an open network`,
    );
  }

  async run(): Promise<void> {
    const { catalogue } = this.places;
    const packageNames = this.#chosen('package').map((origin) => origin.packageName);
    await installPackages(
      packages.filter((candidate) => packageNames.includes(candidate.debian)),
      this.#context,
    );
    this.#count =
      new Set(this.#chosen('download').map((origin) => origin.archive)).size +
      new Set(this.#chosen('go').map((origin) => origin.module)).size;
    await this.#download();
    const moduleNames = this.#chosen('go').map((origin) => origin.module);
    const sources = Object.keys(catalogue.modules)
      .filter((name) => moduleNames.includes(name))
      .map((name) => ({ name, module: moduleOf(name, catalogue) }));
    if (sources.length > 0) await this.#buildModules(sources);
  }

  /** Downloads without another way out; throws `Unavailable`. */
  async downloadAll(names: readonly string[]): Promise<void> {
    this.#count = names.length;
    for (const name of names) await this.#downloadArchive(name);
  }

  #chosen<Kind extends Origin['kind']>(kind: Kind): readonly Extract<Origin, { kind: Kind }>[] {
    const isOfKind = (origin: Origin): origin is Extract<Origin, { kind: Kind }> =>
      origin.kind === kind;
    return this.#wanted.map((wanted) => wanted.origin).filter(isOfKind);
  }

  /** What cannot be downloaded after all comes from the next origin. */
  async #download(): Promise<void> {
    for (const name of new Set(this.#chosen('download').map((origin) => origin.archive))) {
      try {
        await this.#downloadArchive(name);
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        this.#context.progress.say(error.message);
        this.#unavailable.add(name);
        for (const wanted of this.#wanted) {
          if (wanted.origin.kind !== 'download' || wanted.origin.archive !== name) continue;
          wanted.origin = await this.#choose(wanted.name, wanted.origins);
        }
      }
    }
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

/**
 * In this order: a Go that is here, one kept from before, an older one's help, download, package.
 */
async function ensureGo(
  places: Places & { readonly cache: ToolCache },
  context: ToolContext,
): Promise<GoCommand> {
  const { catalogue, cache, env } = places;
  const { goVersion } = catalogue;
  const gos = await findGos(catalogue, env);
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
  const fetched = chooseGo([...file, ...(await findGos(catalogue, env))], goVersion);
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
