/**
 * A Pulumi that runs this repository's programs: the CLI, the Node.js language host and the
 * providers.
 *
 * Official parts are taken when they can be had (beside a CLI on PATH, in the person's own Pulumi
 * home, in the cache, by download); otherwise the repository's stand-ins take their place, and that
 * is said on screen. `PULUMI_PLUGINS=official` or `standin` decides instead. Nothing is written
 * into the person's own Pulumi home.
 */
import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { repositoryRoot } from '../base/paths.ts';
import { obtainArchives } from './archives.ts';
import { recipeHash, ToolCache, type EntryKey } from './cache.ts';
import {
  catalogue as larderCatalogue,
  pulumiPlugins,
  pulumiVersion,
  type PulumiPlugin,
} from './catalogue.ts';
import { Unavailable } from './download.ts';
import { archiveKey, archiveOf, locate } from './locate.ts';
import { isReachable } from './network.ts';
import { obtain } from './obtain.ts';
import {
  environmentOf,
  platform,
  type Catalogue,
  type FoundTool,
  type ToolContext,
} from './tool.ts';
import { isWithin } from './which.ts';

export interface PulumiInstallation {
  /** Absolute path of the CLI; `pulumi-language-nodejs` stands beside it. */
  readonly cli: string;
  /** The context's environment with PATH, PULUMI_HOME and the switches that keep Pulumi offline. */
  readonly env: NodeJS.ProcessEnv;
  /**
   * Names of the parts that are stand-ins, `language-nodejs`, `resource-kubernetes`, …: all or
   * none.
   */
  readonly standIns: readonly string[];
}

/** `any`: official parts where they can be had. */
type PluginChoice = 'official' | 'standin' | 'any';

interface Parts {
  readonly cli: FoundTool;
  /** The official program of each plugin; undefined: stand-ins. */
  readonly plugins: ReadonlyMap<PulumiPlugin, string> | undefined;
}

const languageHost = 'pulumi-language-nodejs';

/**
 * Stands where the CLI would make its folder of logs. It writes one at every command, of
 * everything that it and the program say to each other, compressed and encrypted: nearly half of
 * its processor time on a large stack, and no switch turns it off (decision 0210). Without a place
 * for it the CLI goes on without.
 */
const noLogs =
  'A file, so that Pulumi does not log every command in full here. To see what it does: --verbose=9 --logtostderr.\n';

/**
 * Throws a `LabFault` when no CLI can be had, or official plugins are demanded and cannot be had.
 */
export async function ensurePulumi(
  context: ToolContext,
  catalogue: Catalogue = larderCatalogue,
): Promise<PulumiInstallation> {
  const env = environmentOf(context);
  const choice = pluginChoice(env);
  const official =
    choice === 'standin' ? undefined : await officialParts(choice, context, catalogue);
  const parts = official ?? { cli: await anyCli(context, catalogue), plugins: undefined };
  const home = await ensureHome(parts, context);
  const cli = official === undefined ? path.join(home, 'bin/pulumi') : parts.cli.path;
  const standIns = official === undefined ? standInNames() : [];
  if (standIns.length > 0) {
    const why = choice === 'standin' ? 'PULUMI_PLUGINS=standin' : 'no official ones to be had here';
    context.progress.say(
      `Pulumi ${parts.cli.version} with this repository's stand-ins for ${standIns.join(', ')}: ${why}`,
    );
  }
  return {
    cli,
    env: {
      ...env,
      PATH: `${path.dirname(cli)}${path.delimiter}${env['PATH'] ?? ''}`,
      PULUMI_HOME: home,
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
      // A provider that happens to be on PATH would be taken whatever its version.
      PULUMI_IGNORE_AMBIENT_PLUGINS: 'true',
      // Every command starts three or four Node processes that load the same modules.
      NODE_COMPILE_CACHE: path.join(path.dirname(context.paths.tools), 'node-compiled'),
    },
    standIns,
  };
}

function pluginChoice(env: NodeJS.ProcessEnv): PluginChoice {
  const value = env['PULUMI_PLUGINS'];
  if (value === undefined || value === '') return 'any';
  if (value === 'official' || value === 'standin') return value;
  throw new LabFault(
    `PULUMI_PLUGINS is '${value}'.`,
    "set it to 'official' or 'standin', or unset it to take official plugins where they can be had",
  );
}

function standInNames(): readonly string[] {
  return ['language-nodejs', ...pulumiPlugins.map((plugin) => `resource-${plugin.name}`)];
}

/** Undefined when official parts cannot be had and need not be. */
async function officialParts(
  choice: PluginChoice,
  context: ToolContext,
  catalogue: Catalogue,
): Promise<Parts | undefined> {
  const refuse = (reason: string) => {
    if (choice === 'any') return undefined;
    const list = pulumiPlugins.map(({ name, version }) => `${name} v${version}`).join(', ');
    throw new LabFault(
      `PULUMI_PLUGINS=official, but ${reason}`,
      `install Pulumi ${pulumiVersion} with its language host and the plugins ${list} ` +
        '(pulumi plugin install resource <name> <version> --file <archive>), or unset PULUMI_PLUGINS',
    );
  };
  const kept = new Map<PulumiPlugin, string>();
  for (const plugin of pulumiPlugins) {
    const program = await keptPlugin(plugin, context, catalogue);
    if (program !== undefined) kept.set(plugin, program);
  }
  const url = archiveOf('pulumi', catalogue).urls[platform];
  const isOpen = async () => url !== undefined && isReachable(url, environmentOf(context));
  if (kept.size < pulumiPlugins.length && !(await isOpen())) {
    return refuse('the official plugins are not on this machine and the network is closed.');
  }
  try {
    const cli = await officialCli(context, catalogue, isOpen);
    if (cli === undefined) return refuse('there is no official CLI with its language host.');
    const missing = pulumiPlugins.filter((plugin) => !kept.has(plugin));
    const archives = missing.map((plugin) => plugin.archive);
    const folders = await obtainArchives(archives, context, catalogue);
    for (const plugin of missing) {
      kept.set(plugin, path.join(folders.get(plugin.archive) ?? '', programName(plugin)));
    }
    return { cli, plugins: kept };
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    context.progress.say(error.message);
    return refuse(error.message);
  }
}

async function anyCli(context: ToolContext, catalogue: Catalogue): Promise<FoundTool> {
  const cli = (await obtain(['pulumi'], context, catalogue)).get('pulumi');
  if (cli === undefined) throw new Error('obtain returned without the tool it was asked for');
  return cli;
}

/** One with the language host beside it: on PATH, else downloaded. What Go builds here has none. */
async function officialCli(
  context: ToolContext,
  catalogue: Catalogue,
  isOpen: () => Promise<boolean>,
): Promise<FoundTool | undefined> {
  const places = { catalogue, cache: new ToolCache(context.paths.tools) };
  const env = environmentOf(context);
  for (const kind of ['path', 'download'] as const) {
    const origins = catalogue.tools['pulumi']?.origins.filter((origin) => origin.kind === kind);
    const { found } = await locate('pulumi', { ...places, env }, origins);
    if (found !== undefined && (await isExecutable(hostBeside(found)))) return found;
  }
  if (!(await isOpen())) return undefined;
  // Not by `obtain`: where the release cannot be had, the caller has another way out.
  const folder = (await obtainArchives(['pulumi'], context, catalogue)).get('pulumi') ?? '';
  const archive = archiveOf('pulumi', catalogue);
  const file = path.join(folder, archive.programs['pulumi'] ?? '');
  return { name: 'pulumi', path: file, version: archive.version, source: 'download' };
}

const hostBeside = (cli: FoundTool) => path.join(path.dirname(cli.path), languageHost);

/** The plugin's program in the person's own Pulumi home or in our cache. */
async function keptPlugin(
  plugin: PulumiPlugin,
  context: ToolContext,
  catalogue: Catalogue,
): Promise<string | undefined> {
  const env = environmentOf(context);
  const named = env['PULUMI_HOME'];
  const isOurs = named !== undefined && isWithin(named, context.paths.tools);
  const own =
    named === undefined || isOurs ? path.join(env['HOME'] ?? homedir(), '.pulumi') : named;
  const key = archiveKey(plugin.archive, archiveOf(plugin.archive, catalogue));
  const folders = [
    path.join(own, 'plugins', folderName(plugin)),
    await new ToolCache(context.paths.tools).find(key),
  ];
  for (const folder of folders) {
    if (folder === undefined) continue;
    const program = path.join(folder, programName(plugin));
    if (await isExecutable(program)) return program;
  }
  return undefined;
}

/**
 * The folder Pulumi is told to call its home: `plugins/` with one folder a provider, and for
 * stand-ins `bin/` with the CLI and the language host. Pulumi looks for the host where the CLI's
 * file really is, so a link to the CLI would not do.
 */
async function ensureHome(parts: Parts, context: ToolContext): Promise<string> {
  const programs = new Map(
    pulumiPlugins.map((plugin) => [
      plugin,
      parts.plugins?.get(plugin) ?? wrapper(`resource-${plugin.name}`),
    ]),
  );
  const key: EntryKey = {
    name: 'pulumi-home',
    version: pulumiVersion,
    platform,
    recipe: recipeHash(parts.cli.path, wrapper('language-nodejs'), [...programs], noLogs),
  };
  const options = { what: "setting up Pulumi's folder", signal: context.signal };
  return new ToolCache(context.paths.tools).make(key, options, async (folder) => {
    await writeFile(path.join(folder, 'logs'), noLogs);
    for (const [plugin, program] of programs) {
      const place = path.join(folder, 'plugins', folderName(plugin));
      await mkdir(place, { recursive: true });
      const file = path.join(place, programName(plugin));
      await (parts.plugins === undefined ? writeProgram(file, program) : symlink(program, file));
    }
    if (parts.plugins !== undefined) return;
    await mkdir(path.join(folder, 'bin'));
    const cli = path.join(folder, 'bin/pulumi');
    await copyFile(parts.cli.path, cli, constants.COPYFILE_FICLONE);
    await chmod(cli, 0o755);
    await writeProgram(path.join(folder, 'bin', languageHost), wrapper('language-nodejs'));
  });
}

/** The text of a program that runs a stand-in with this repository's Node. */
function wrapper(standIn: string): string {
  const node = path.join(
    repositoryRoot,
    `node_modules/node-${process.platform}-${process.arch}/bin/node`,
  );
  const entry = path.join(repositoryRoot, 'lab/standin/main', `${standIn}.ts`);
  return `#!/bin/sh\nexec ${quote(node)} ${quote(entry)} "$@"\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

async function writeProgram(file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o755 });
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

const folderName = (plugin: PulumiPlugin) => `resource-${plugin.name}-v${plugin.version}`;
const programName = (plugin: PulumiPlugin) => `pulumi-resource-${plugin.name}`;
