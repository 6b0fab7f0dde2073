/**
 * Images of Gitea and Loki with the contracts of the official ones, for the test that runs them:
 * made from the programs that Go built and, for Gitea, from Debian packages. Made on demand only;
 * the lab of `npm start` does not need them. Tested: test/system/applications.spec.ts.
 *
 * What differs: Gitea's web pages have no style sheets (they need another tool chain); its program,
 * its interfaces, its data and its SSH server are its own.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { acquireLock } from '../base/lock.ts';
import { run } from '../base/run.ts';
import { catalogue } from '../toolchain/catalogue.ts';
import { type FoundTool, goArchitecture } from '../toolchain/tool.ts';
import { type ImageConfig, writeArchive } from './archive.ts';
import { baseLayer, derive, makeBase } from './debian.ts';
import type { ImageContext, LabImage } from './images.ts';
import { type Layer, writeLayer } from './layer.ts';
import { fileText, recipeHash } from './recipes.ts';

export interface ApplicationImages {
  readonly gitea: LabImage;
  readonly loki: LabImage;
}

/** Names of the tools that `ensureApplicationImages` needs in its context. */
export const applicationToolNames = ['go', 'gitea', 'loki'] as const;

const giteaUser = 1000;
const lokiUser = 10001;

const giteaConfig: ImageConfig = {
  Env: [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'LANG=C.UTF-8',
    'GITEA_WORK_DIR=/var/lib/gitea',
    'GITEA_CUSTOM=/var/lib/gitea/custom',
    'GITEA_TEMP=/tmp/gitea',
    'TMPDIR=/tmp/gitea',
    'GITEA_APP_INI=/etc/gitea/app.ini',
    'HOME=/var/lib/gitea/git',
    // The official program holds these folders in itself.
    'GITEA__server__STATIC_ROOT_PATH=/app/static',
  ],
  Entrypoint: ['/usr/bin/dumb-init', '--', '/usr/local/bin/docker-entrypoint.sh'],
  Cmd: [],
};

const lokiConfig: ImageConfig = {
  Env: ['PATH=/usr/bin'],
  Entrypoint: ['/usr/bin/loki'],
  Cmd: ['-config.file=/etc/loki/local-config.yaml'],
};

const giteaScript = [
  `groupadd --gid ${giteaUser} git`,
  `useradd --gid ${giteaUser} --uid ${giteaUser} --home-dir /var/lib/gitea/git --shell /bin/bash git`,
  'apt-get install --yes --no-install-recommends --quiet bash ca-certificates curl dumb-init git openssh-client',
].join('\n');

/** Returns what is cached and makes what is missing; only the making needs root. */
export async function ensureApplicationImages(context: ImageContext): Promise<ApplicationImages> {
  const folder = path.join(context.paths.images, 'applications');
  mkdirSync(folder, { recursive: true });
  using _lock = await acquireLock(path.join(folder, 'lock'), {
    what: 'building the images of Gitea and Loki',
    onWait: (holder) => context.progress.say(`Waiting for another command: ${holder}`),
    signal: context.signal,
  });
  return { gitea: await ensureGitea(folder, context), loki: await ensureLoki(folder, context) };
}

function ensureGitea(folder: string, context: ImageContext): Promise<LabImage> {
  const gitea = toolOf('gitea', context);
  const files = [fileText('gitea-entrypoint.sh'), fileText('gitea.sh')];
  const hash = recipeHash(giteaConfig, giteaScript, gitea.version, files);
  const tag = `${gitea.version}-rootless-${hash}`;
  return ensure(folder, { name: 'gitea', tag, config: giteaConfig }, context, async (scratch) => {
    const options = { folder: scratch, signal: context.signal, note: () => {} };
    const base = await makeBase(options);
    const packages = await derive(base, 'packages', giteaScript, options);
    const tree = path.join(scratch, 'gitea-tree');
    for (const name of ['app/gitea', 'app/static', 'usr/local/bin', 'var/lib/gitea', 'etc/gitea'])
      mkdirSync(path.join(tree, name), { recursive: true });
    copyFileSync(gitea.path, path.join(tree, 'app/gitea/gitea'));
    const source = await moduleFolder('gitea', 'code.gitea.io/gitea', context);
    for (const name of ['templates', 'options', 'public'])
      cpSync(path.join(source, name), path.join(tree, 'app/static', name), { recursive: true });
    // Go keeps its sources read-only.
    await run('chmod', ['-R', 'u+w', path.join(tree, 'app/static')]);
    for (const [name, file] of [
      ['docker-entrypoint.sh', 'gitea-entrypoint.sh'],
      ['gitea', 'gitea.sh'],
    ] as const)
      writeFileSync(path.join(tree, 'usr/local/bin', name), fileText(file), { mode: 0o755 });
    return [
      await baseLayer(base, path.join(scratch, 'debian.tar')),
      await writeLayer(packages, path.join(scratch, 'packages.tar')),
      await writeLayer(tree, path.join(scratch, 'gitea.tar')),
    ];
  });
}

/** As distroless as the official one: the program and the names of its users. */
function ensureLoki(folder: string, context: ImageContext): Promise<LabImage> {
  const loki = toolOf('loki', context);
  const tag = `${loki.version}-${recipeHash(lokiConfig, loki.version)}`;
  return ensure(folder, { name: 'loki', tag, config: lokiConfig }, context, async (scratch) => {
    const tree = path.join(scratch, 'loki-tree');
    for (const name of ['usr/bin', 'etc', 'tmp', 'loki'])
      mkdirSync(path.join(tree, name), { recursive: true });
    chmodSync(path.join(tree, 'tmp'), 0o1777);
    writeFileSync(
      path.join(tree, 'etc/passwd'),
      `root:x:0:0:root:/:/none\nloki:x:${lokiUser}:${lokiUser}:loki:/loki:/none\n`,
    );
    copyFileSync(loki.path, path.join(tree, 'usr/bin/loki'));
    return [await writeLayer(tree, path.join(scratch, 'loki.tar'))];
  });
}

interface Wanted {
  readonly name: string;
  readonly tag: string;
  readonly config: ImageConfig;
}

async function ensure(
  folder: string,
  { name, tag, config }: Wanted,
  context: ImageContext,
  layers: (scratch: string) => Promise<Layer[]>,
): Promise<LabImage> {
  const reference = `localhost/lab/${name}:${tag}`;
  const archive = path.join(folder, `${name}-${tag}.tar`);
  if (!existsSync(archive))
    await context.progress.step(`Image of ${name}`, async () => {
      const scratch = path.join(folder, 'scratch');
      rmSync(scratch, { recursive: true, force: true }); // of a build that was killed
      mkdirSync(scratch);
      try {
        const unfinished = path.join(scratch, 'image.tar');
        const content = { reference, config, architecture: goArchitecture };
        await writeArchive(unfinished, { ...content, layers: await layers(scratch) });
        renameSync(unfinished, archive);
      } finally {
        rmSync(scratch, { recursive: true, force: true });
      }
      for (const other of readdirSync(folder))
        if (other.startsWith(`${name}-`) && other !== path.basename(archive))
          rmSync(path.join(folder, other));
    });
  return { reference, archive, sizeBytes: statSync(archive).size };
}

function toolOf(name: (typeof applicationToolNames)[number], context: ImageContext): FoundTool {
  const tool = context.tools.get(name);
  if (tool !== undefined) return tool;
  throw new LabFault(`The tool ${name} was not prepared.`, `ensureTools(['${name}']) prepares it`);
}

/** Where Go keeps the sources that it built the program from. */
async function moduleFolder(
  module: string,
  importPath: string,
  context: ImageContext,
): Promise<string> {
  const folder = catalogue.modules[module]?.folder;
  if (folder === undefined) throw new Error(`the catalogue has no module ${module}`);
  const go = toolOf('go', context);
  const { stdout } = await run(go.path, ['list', '-m', '-f', '{{.Dir}}', importPath], {
    cwd: folder,
    env: { ...process.env, GOFLAGS: '-mod=mod', GOWORK: 'off' },
  });
  return stdout.trim();
}
