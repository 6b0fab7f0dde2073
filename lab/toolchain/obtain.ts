/**
 * Makes sure of a set of tools from a catalogue: takes what is there, chooses for each of the
 * others the first place it can come from here and now, then does that work in as few steps as
 * possible.
 */
import { LabFault } from '../base/fault.ts';
import { makeArchive } from './archives.ts';
import { Unavailable } from './download.ts';
import { buildModules } from './go-modules.ts';
import { archiveOf, locate, moduleOf, toolOf, type RejectedProgram } from './locate.ts';
import { Maker } from './maker.ts';
import { isReachable } from './network.ts';
import { installPackages, packageHost, packages, planPackages } from './packages.ts';
import { platform, type Catalogue, type FoundTool, type Origin, type ToolContext } from './tool.ts';

/** Narrows the places a tool may come from. */
export type OriginFilter = (origin: Origin) => boolean;

/** Throws a `LabFault` that says what to do when a tool cannot be had. */
export async function obtain<Name extends string>(
  names: readonly Name[],
  context: ToolContext,
  catalogue: Catalogue,
  filter: OriginFilter = () => true,
): Promise<ReadonlyMap<Name, FoundTool<Name>>> {
  const work = new Work(new Maker(context, catalogue));
  const look = async (name: Name) => {
    const origins = toolOf(name, catalogue).origins.filter(filter);
    return { origins, ...(await locate(name, work.maker.places, origins)) };
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
    const { found, rejected } = await look(name);
    if (found === undefined) throw stillMissing(name, catalogue, rejected);
    tools.set(name, found);
  }
  return tools;
}

/** A package that was installed may hold too old a version. */
function stillMissing(
  name: string,
  catalogue: Catalogue,
  rejected: readonly RejectedProgram[],
): LabFault {
  const { version } = toolOf(name, catalogue);
  const found = rejected.map((program) => `${program.path} is ${program.version ?? 'unknown'}`);
  return new LabFault(
    `${name} ${version} is needed and could not be had: ${found.join(', ') || 'nothing found'}.`,
    `install ${name} ${version} by hand and put it on PATH`,
  );
}

interface Wanted {
  readonly name: string;
  readonly origins: readonly Origin[];
  origin: Origin;
}

/** What is still to do, collected tool by tool, then done. */
class Work {
  readonly maker: Maker;
  readonly #wanted: Wanted[] = [];
  /** Archives whose download failed in this run. */
  readonly #unavailable = new Set<string>();

  constructor(maker: Maker) {
    this.maker = maker;
  }

  /** Takes on a tool that is not there; `rejected` are programs of its name that do not serve. */
  async add(
    name: string,
    origins: readonly Origin[],
    rejected: readonly RejectedProgram[],
  ): Promise<void> {
    const origin = await this.#choose(name, origins);
    this.#wanted.push({ name, origins, origin });
    const { version } = toolOf(name, this.maker.places.catalogue);
    const how = { path: 'found', download: 'downloaded', package: 'installed', go: 'built' };
    for (const program of rejected) {
      this.maker.context.progress.say(
        `${program.path} is ${program.version ?? 'of unknown version'}, ${version} is needed: ` +
          `it is ${how[origin.kind]} instead`,
      );
    }
  }

  /** The first origin that can serve here and now. */
  async #choose(name: string, origins: readonly Origin[]): Promise<Origin> {
    const { env, catalogue } = this.maker.places;
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
    const { context, places } = this.maker;
    const names = this.#chosen('package').map((origin) => origin.packageName);
    const wanted = packages.filter((candidate) => names.includes(candidate.debian));
    await installPackages(wanted, context);
    await this.#download();
    const modules = this.#chosen('go').map((origin) => origin.module);
    const sources = Object.keys(places.catalogue.modules)
      .filter((name) => modules.includes(name))
      .map((name) => ({ name, module: moduleOf(name, places.catalogue) }));
    if (sources.length > 0) await buildModules(sources, this.maker);
  }

  #chosen<Kind extends Origin['kind']>(kind: Kind): readonly Extract<Origin, { kind: Kind }>[] {
    const isOfKind = (origin: Origin): origin is Extract<Origin, { kind: Kind }> =>
      origin.kind === kind;
    return this.#wanted.map((wanted) => wanted.origin).filter(isOfKind);
  }

  /** What cannot be downloaded after all comes from the next origin. */
  async #download(): Promise<void> {
    const modules = new Set(this.#chosen('go').map((origin) => origin.module));
    const archives = new Set(this.#chosen('download').map((origin) => origin.archive));
    this.maker.expect(archives.size + modules.size);
    for (const name of archives) {
      try {
        await makeArchive(name, this.maker);
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        this.maker.context.progress.say(error.message);
        this.#unavailable.add(name);
        for (const wanted of this.#wanted) {
          if (wanted.origin.kind !== 'download' || wanted.origin.archive !== name) continue;
          wanted.origin = await this.#choose(wanted.name, wanted.origins);
        }
      }
    }
  }
}

async function canInstall(packageName: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const wanted = packages.filter((candidate) => candidate.debian === packageName);
  return planPackages(wanted, await packageHost(env)).kind === 'install';
}
