/**
 * The lab's container images, made without a registry and kept in the cache under the hash of their
 * recipe: `<name>-<hash>.tar` and beside it `….json` with what it holds. Made under a lock into a
 * scratch folder and renamed, so a half-made image is never taken for one. Tested:
 * test/unit/lab/images, test/system/images.spec.ts.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  createReadStream,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { acquireLock } from '../base/lock.ts';
import { repositoryRoot } from '../base/paths.ts';
import { run } from '../base/run.ts';
import type { ToolContext } from '../toolchain/tool.ts';
import { goArchitecture } from '../toolchain/tool.ts';
import type { ToolSet } from '../toolchain/toolchain.ts';
import { type ImageConfig, writeArchive } from './archive.ts';
import { baseLayer, type BuildOptions, derive, makeBase } from './debian.ts';
import { type Layer, writeLayer } from './layer.ts';
import { configs, fileText, postgresMajor, postgresUid, recipeHash, scripts } from './recipes.ts';

export interface LabImage {
  /** Name and tag in the lab's nodes; the tag carries the hash of the recipe. */
  readonly reference: string;
  /** Absolute path of the docker archive. */
  readonly archive: string;
  readonly sizeBytes: number;
}

export interface LabImages {
  /** Holds a pod's namespaces; containerd names it in its configuration, hence the fixed tag. */
  readonly pause: LabImage;
  /** Debian with the storage tools and Node 24. */
  readonly tools: LabImage;
  /** PostgreSQL with the contract of the official image. */
  readonly postgres: LabImage;
  /** The provisioner, and a shell for its helper pods. */
  readonly localPathProvisioner: LabImage;
}

export interface ImageContext extends ToolContext {
  readonly tools: ToolSet;
}

type ImageName = keyof LabImages;

interface Recipe {
  readonly fileName: string;
  readonly reference: string;
  readonly config: ImageConfig;
}

/** Names of the tools `ensureImages` needs in its context. */
export const imageToolNames = ['local-path-provisioner'] as const;

/** Returns what is cached and makes what is missing; only the making needs root. */
export async function ensureImages(context: ImageContext): Promise<LabImages> {
  const provisioner = context.tools.get('local-path-provisioner');
  if (provisioner === undefined)
    throw new LabFault(
      'The tool local-path-provisioner was not prepared.',
      'ensureTools(imageToolNames) prepares it',
    );
  const recipes = recipesFor(provisioner.version);
  const folder = context.paths.images;
  const cached = findAll(folder, recipes);
  if (cached !== undefined) return cached;
  checkBuilder();
  mkdirSync(folder, { recursive: true });
  using _lock = await acquireLock(path.join(folder, 'lock'), {
    what: 'building the images of the lab',
    onWait: (holder) => context.progress.say(`Waiting for another command: ${holder}`),
    signal: context.signal,
  });
  return (
    findAll(folder, recipes) ??
    (await context.progress.step('Container images', async (step) => {
      const scratch = path.join(folder, 'scratch');
      rmSync(scratch, { recursive: true, force: true }); // of a build that was killed
      mkdirSync(scratch);
      try {
        const options = { folder: scratch, signal: context.signal, note: step.note.bind(step) };
        await new Builder(folder, recipes, options).buildAll(provisioner.path);
      } finally {
        rmSync(scratch, { recursive: true, force: true });
      }
      removeOutdated(folder, recipes);
      step.note('made');
      const made = findAll(folder, recipes);
      if (made === undefined) throw new Error('an image is missing right after it was made');
      return made;
    }))
  );
}

function recipesFor(provisionerVersion: string): Record<ImageName, Recipe> {
  const entrypoint = fileText('postgres-entrypoint.sh');
  const deriveScript = fileText('derive.sh');
  const node = JSON.parse(readFileSync(path.join(nodePackage, 'package.json'), 'utf8')) as {
    version: string;
  };
  const recipe = (name: ImageName, repository: string, tag: string, ...parts: unknown[]) => {
    const hash = recipeHash(configs[name], deriveScript, ...parts);
    const shown = tag.replace('<hash>', hash);
    return {
      fileName: `${repository}-${hash}`,
      reference: `localhost/lab/${repository}:${shown}`,
      config: configs[name],
    };
  };
  return {
    pause: recipe('pause', 'pause', '1', scripts.busybox),
    tools: recipe('tools', 'tools', '<hash>', scripts.tools, node.version),
    postgres: recipe(
      'postgres',
      'postgres',
      `${postgresMajor}-<hash>`,
      scripts.postgres,
      entrypoint,
    ),
    localPathProvisioner: recipe(
      'localPathProvisioner',
      'local-path-provisioner',
      `${provisionerVersion}-<hash>`,
      scripts.busybox,
      provisionerVersion,
    ),
  };
}

const nodePackage = path.join(repositoryRoot, 'node_modules', `node-linux-${process.arch}`);

class Builder {
  readonly #cache: string;
  readonly #recipes: Record<ImageName, Recipe>;
  readonly #options: BuildOptions;

  constructor(cache: string, recipes: Record<ImageName, Recipe>, options: BuildOptions) {
    this.#cache = cache;
    this.#recipes = recipes;
    this.#options = options;
  }

  /**
   * Makes those that are not cached; the Debian base is made anew, because nothing else needs it.
   */
  async buildAll(provisioner: string): Promise<void> {
    const base = await makeBase(this.#options);
    const missing = (...names: ImageName[]) =>
      names.some((name) => findImage(this.#cache, this.#recipes[name]) === undefined);
    if (missing('pause', 'localPathProvisioner')) {
      const busybox = await derive(base, 'busybox', scripts.busybox, this.#options);
      await this.#write('pause', [await this.#pauseLayer(busybox)]);
      const layer = await this.#provisionerLayer(busybox, provisioner);
      await this.#write('localPathProvisioner', [layer]);
    }
    if (!missing('tools', 'postgres')) return;
    const bottom = await baseLayer(base, this.#scratch('base.tar'));
    if (missing('tools')) {
      const tools = await derive(base, 'tools', scripts.tools, this.#options);
      const layer = await writeLayer(tools, this.#scratch('tools.tar'));
      await this.#write('tools', [bottom, layer, await this.#nodeLayer()]);
    }
    if (missing('postgres')) {
      const postgres = await derive(base, 'postgres', scripts.postgres, this.#options);
      finishPostgres(postgres);
      await this.#write('postgres', [
        bottom,
        await writeLayer(postgres, this.#scratch('postgres.tar')),
      ]);
    }
  }

  #pauseLayer(busybox: string): Promise<Layer> {
    const tree = this.#tree('pause', ['bin']);
    copyFileSync(path.join(busybox, 'usr/bin/busybox'), path.join(tree, 'bin/busybox'));
    symlinkSync('busybox', path.join(tree, 'bin/sh'));
    return writeLayer(tree, this.#scratch('pause.tar'));
  }

  async #provisionerLayer(busybox: string, provisioner: string): Promise<Layer> {
    const tree = this.#tree('provisioner', ['bin', 'etc', 'tmp', 'usr/bin']);
    const shell = path.join(tree, 'bin/busybox');
    copyFileSync(path.join(busybox, 'usr/bin/busybox'), shell);
    const { stdout } = await run(shell, ['--list']);
    for (const applet of stdout.split('\n'))
      if (applet !== 'busybox') symlinkSync('busybox', path.join(tree, 'bin', applet));
    writeFileSync(path.join(tree, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
    chmodSync(path.join(tree, 'tmp'), 0o1777);
    copyFileSync(provisioner, path.join(tree, 'usr/bin/local-path-provisioner'));
    return writeLayer(tree, this.#scratch('provisioner.tar'));
  }

  #nodeLayer(): Promise<Layer> {
    const tree = this.#tree('node', ['usr/local/bin']);
    copyFileSync(path.join(nodePackage, 'bin/node'), path.join(tree, 'usr/local/bin/node'));
    return writeLayer(tree, this.#scratch('node.tar'));
  }

  #tree(name: string, folders: readonly string[]): string {
    const tree = this.#scratch(`tree-${name}`);
    for (const folder of folders) mkdirSync(path.join(tree, folder), { recursive: true });
    return tree;
  }

  #scratch(name: string): string {
    return path.join(this.#options.folder, name);
  }

  /** The description is written last: without it the archive does not count. */
  async #write(name: ImageName, layers: readonly Layer[]): Promise<void> {
    const { fileName, reference, config } = this.#recipes[name];
    this.#options.note(`${fileName}.tar`);
    const unfinished = this.#scratch(`${fileName}.tar`);
    const archive = path.join(this.#cache, `${fileName}.tar`);
    await writeArchive(unfinished, { reference, config, layers, architecture: goArchitecture });
    const description = {
      sizeBytes: statSync(unfinished).size,
      sha256: await digestOf(unfinished),
    };
    const descriptionFile = this.#scratch(`${fileName}.json`);
    writeFileSync(descriptionFile, JSON.stringify(description), { flush: true });
    renameSync(unfinished, archive);
    renameSync(descriptionFile, path.join(this.#cache, `${fileName}.json`));
  }
}

/** Adds the entrypoint; takes away what only Debian's own cluster scripts use. */
function finishPostgres(upper: string): void {
  const entrypoint = path.join(upper, 'usr/local/bin/docker-entrypoint.sh');
  mkdirSync(path.dirname(entrypoint), { recursive: true });
  writeFileSync(entrypoint, fileText('postgres-entrypoint.sh'), { mode: 0o755 });
  // Open to all, as the server may run as any user; the sticky bit keeps them from each other's
  // sockets.
  const sockets = path.join(upper, 'run/postgresql');
  mkdirSync(sockets, { recursive: true });
  chownSync(sockets, postgresUid, postgresUid);
  chmodSync(sockets, 0o3777);
  const libraries = globSync('usr/lib/*-linux-gnu*/{perl,libperl.so*}', { cwd: upper });
  for (const name of ['usr/share/perl', ...libraries])
    rmSync(path.join(upper, name), { recursive: true, force: true });
}

/** All images, or undefined when one is missing. */
function findAll(folder: string, recipes: Record<ImageName, Recipe>): LabImages | undefined {
  const pause = findImage(folder, recipes.pause);
  const tools = findImage(folder, recipes.tools);
  const postgres = findImage(folder, recipes.postgres);
  const localPathProvisioner = findImage(folder, recipes.localPathProvisioner);
  if (pause === undefined || tools === undefined) return undefined;
  if (postgres === undefined || localPathProvisioner === undefined) return undefined;
  return { pause, tools, postgres, localPathProvisioner };
}

/** An archive counts when its description is there and the size agrees: a cut-off copy differs. */
function findImage(folder: string, { fileName, reference }: Recipe): LabImage | undefined {
  const archive = path.join(folder, `${fileName}.tar`);
  const description = path.join(folder, `${fileName}.json`);
  if (!existsSync(archive) || !existsSync(description)) return undefined;
  const { sizeBytes } = JSON.parse(readFileSync(description, 'utf8')) as { sizeBytes: number };
  // The digest beside it is for doctors: reading half a gigabyte at every start would be felt.
  return statSync(archive).size === sizeBytes ? { reference, archive, sizeBytes } : undefined;
}

/** Images of recipes that are no longer ours. A lab that uses one has imported it long ago. */
function removeOutdated(folder: string, recipes: Record<ImageName, Recipe>): void {
  const current = new Set(Object.values(recipes).map(({ fileName }) => fileName));
  for (const name of readdirSync(folder)) {
    const { ext, name: stem } = path.parse(name);
    if ((ext === '.tar' || ext === '.json') && !current.has(stem))
      rmSync(path.join(folder, name), { force: true });
  }
}

function checkBuilder(): void {
  if (process.getuid?.() !== 0)
    throw new LabFault(
      'Building the images of the lab needs root: it installs Debian packages into folders.',
      'run the command as root; npm run preview needs neither root nor images',
    );
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
