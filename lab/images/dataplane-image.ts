/**
 * The image of the data plane, made without a container engine or a registry: Debian with the
 * programs of `dataplane/container/packages.txt`, Node, the npm packages it needs, and the folder
 * `dataplane/` itself. Its tag is the hash of all of them.
 *
 * The lower layers change with a new Debian release or Node only and are kept; a change of the code
 * makes one small layer. Tested: test/system/replicated.spec.ts.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {
  contentsOf,
  debianPackages,
  removedFiles,
  writeCode,
  writeNode,
} from '../../dataplane/container/contents.ts';
import { LabFault } from '../base/fault.ts';
import { acquireLock } from '../base/lock.ts';
import { repositoryRoot } from '../base/paths.ts';
import { goArchitecture } from '../toolchain/tool.ts';
import { writeArchive } from './archive.ts';
import { baseLayer, derive, makeBase } from './debian.ts';
import type { ImageContext, LabImage } from './images.ts';
import { type Layer, writeLayer } from './layer.ts';
import { recipeHash } from './recipes.ts';

const config = {
  Env: [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'LANG=C.UTF-8',
    'NODE_OPTIONS=--disable-warning=ExperimentalWarning',
  ],
  Cmd: ['node', '/opt/larder/dataplane/main/storage-node.js'],
  // The pods say where they need to be root.
  User: '65532:65532',
} as const;

export interface DataplaneImages {
  /** Engine, replica server, CSI driver and controller. */
  readonly dataplane: LabImage;
  /** The CSI sidecars of Kubernetes, each at `/<name>` as in their own images. */
  readonly sidecars: LabImage;
}

export const sidecarNames = [
  'csi-provisioner',
  'csi-attacher',
  'csi-resizer',
  'csi-snapshotter',
] as const;

/** Returns what is cached and makes what is missing; only the making needs root. */
export async function ensureDataplaneImages(context: ImageContext): Promise<DataplaneImages> {
  const folder = path.join(context.paths.images, 'dataplane');
  mkdirSync(folder, { recursive: true });
  using _lock = await acquireLock(path.join(folder, 'lock'), {
    what: 'building the image of the data plane',
    onWait: (holder) => context.progress.say(`Waiting for another command: ${holder}`),
    signal: context.signal,
  });
  return {
    dataplane: await ensureDataplane(folder, context),
    sidecars: await ensureSidecars(folder, context),
  };
}

async function ensureDataplane(folder: string, context: ImageContext): Promise<LabImage> {
  const script = `apt-get install --yes --no-install-recommends --quiet ${debianPackages(repositoryRoot).join(' ')}`;
  const contents = contentsOf(repositoryRoot);
  const removed = removedFiles(repositoryRoot);
  const baseHash = recipeHash(script, contents.node, leftOut.toString(), removed);
  const hash = recipeHash(baseHash, config, contents.hash);
  const image = imageAt(folder, 'larder', hash);
  if (existsSync(image.archive)) return sized(image);
  return context.progress.step('Image of the data plane', async (step) => {
    const scratch = freshFolder(path.join(folder, 'scratch'));
    try {
      const note = step.note.bind(step);
      const base = await baseLayers(path.join(folder, `base-${baseHash}`), script, {
        folder: scratch,
        signal: context.signal,
        note,
      });
      const tree = path.join(scratch, 'tree');
      writeCode(contents, repositoryRoot, tree);
      const layer = await writeLayer(tree, path.join(scratch, 'app.tar'));
      await assemble(image, [...base, layer], config, scratch);
      removeOthers(folder, 'larder', hash);
      return sized(image);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
}

/** Debian, its packages, and Node: three layers, kept with their digests. */
async function baseLayers(
  kept: string,
  script: string,
  options: Parameters<typeof makeBase>[0],
): Promise<Layer[]> {
  const list = path.join(kept, 'layers.json');
  if (!existsSync(list)) {
    const made = freshFolder(path.join(options.folder, 'base-layers'));
    const base = await makeBase(options);
    const upper = await derive(base, 'packages', script, options);
    const tree = path.join(options.folder, 'node-tree');
    writeNode(repositoryRoot, tree);
    const without = removedFiles(repositoryRoot);
    const layers = [
      await baseLayer(base, path.join(made, 'debian.tar'), [
        ...leftOut(base),
        ...globSync([...without], { cwd: base }),
      ]),
      await writeLayer(upper, path.join(made, 'packages.tar'), {
        without: globSync([...without], { cwd: upper }),
      }),
      await writeLayer(tree, path.join(made, 'node.tar')),
    ];
    const listed = layers.map((layer) => ({ ...layer, file: path.basename(layer.file) }));
    writeFileSync(path.join(made, 'layers.json'), JSON.stringify(listed));
    rmSync(kept, { recursive: true, force: true });
    renameSync(made, kept);
  }
  const layers = JSON.parse(readFileSync(list, 'utf8')) as Layer[];
  return layers.map((layer) => ({ ...layer, file: path.join(kept, layer.file) }));
}

/** What installs packages has done its work when the image is made. */
function leftOut(base: string): string[] {
  const folders = [
    'usr/share/perl*',
    'usr/lib/*/perl*',
    'usr/lib/*/gconv',
    'usr/lib/apt',
    'usr/share/{bash-completion,debconf,keyrings,zoneinfo}',
    'var/lib/dpkg/info',
  ];
  const files = ['usr/bin/{apt,dpkg,perl}*', 'usr/lib/*/lib{apt-pkg,apt-private,perl}.so*'];
  return globSync([...folders, ...files], { cwd: base });
}

async function ensureSidecars(folder: string, context: ImageContext): Promise<LabImage> {
  const tools = sidecarNames.map((name) => {
    const tool = context.tools.get(name);
    if (tool !== undefined) return { ...tool, name };
    throw new LabFault(
      `The tool ${name} was not prepared.`,
      `ensureTools(['${name}']) prepares it`,
    );
  });
  const hash = recipeHash(tools.map(({ name, version }) => [name, version]));
  const image = imageAt(folder, 'csi-sidecars', hash);
  if (existsSync(image.archive)) return sized(image);
  const scratch = freshFolder(path.join(folder, 'scratch'));
  try {
    const tree = freshFolder(path.join(scratch, 'tree'));
    mkdirSync(path.join(tree, 'tmp'));
    chmodSync(path.join(tree, 'tmp'), 0o1777);
    for (const { name, path: file } of tools) copyFileSync(file, path.join(tree, name));
    const layer = await writeLayer(tree, path.join(scratch, 'sidecars.tar'));
    await assemble(image, [layer], { Env: ['PATH=/'], Cmd: ['/csi-provisioner'] }, scratch);
    removeOthers(folder, 'csi-sidecars', hash);
    return sized(image);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface Made {
  readonly reference: string;
  readonly archive: string;
}

function imageAt(folder: string, name: string, hash: string): Made {
  return {
    reference: `localhost/lab/${name}:${hash}`,
    archive: path.join(folder, `${name}-${hash}.tar`),
  };
}

function sized(image: Made): LabImage {
  return { ...image, sizeBytes: statSync(image.archive).size };
}

async function assemble(
  { reference, archive }: Made,
  layers: readonly Layer[],
  imageConfig: Parameters<typeof writeArchive>[1]['config'],
  scratch: string,
): Promise<void> {
  const unfinished = path.join(scratch, 'image.tar');
  const content = { reference, config: imageConfig, layers, architecture: goArchitecture };
  await writeArchive(unfinished, content);
  renameSync(unfinished, archive);
}

function removeOthers(folder: string, name: string, hash: string): void {
  for (const file of readdirSync(folder)) {
    const isOther = file.startsWith(`${name}-`) && file !== `${name}-${hash}.tar`;
    if (isOther && file.endsWith('.tar')) rmSync(path.join(folder, file));
  }
}

function freshFolder(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}
