/**
 * What of this repository is in the image: the data plane without its types, and the npm packages
 * that it imports. The same whoever packs it: the Containerfile's builder or the lab.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { type InstalledPackage, packageClosure } from './package-closure.ts';

export interface Contents {
  /** Files below the root. */
  readonly sources: readonly string[];
  readonly packages: readonly InstalledPackage[];
  /** Version of the Node in it. */
  readonly node: string;
  /** Over all of it, 64 hexadecimal digits. */
  readonly hash: string;
}

const here = 'dataplane/container';
/** What is packed beside the code, and what of the packages is not: both decide what comes out. */
const lists = ['packages.txt', 'remove.txt', 'Containerfile'] as const;

/** @param root of the repository, with its node_modules */
export function contentsOf(root: string): Contents {
  const sources = globSync('dataplane/**/*.{ts,proto}', { cwd: root })
    .filter((file) => !file.startsWith(`${here}/`))
    .toSorted();
  const packages = packageClosure(root, importedBy(sources, root)).filter(
    ({ folder }) => !folder.startsWith('node_modules/@types/'),
  );
  const { version: node } = JSON.parse(
    readFileSync(path.join(root, nodeFolder(), 'package.json'), 'utf8'),
  ) as { version: string };
  const hash = createHash('sha256');
  const digest = (file: string) =>
    createHash('sha256')
      .update(readFileSync(path.join(root, file)))
      .digest('hex');
  const files = [...sources, ...lists.map((name) => `${here}/${name}`), `${here}/contents.ts`];
  const parts = [node, process.arch, packages, files.map((file) => [file, digest(file)])];
  hash.update(JSON.stringify(parts));
  return { sources, packages, node, hash: hash.digest('hex') };
}

/** Debian packages that it needs. */
export function debianPackages(root: string): readonly string[] {
  return linesOf(path.join(root, here, 'packages.txt'));
}

/** Patterns below the image's root: what those packages bring and nothing here uses. */
export function removedFiles(root: string): readonly string[] {
  return linesOf(path.join(root, here, 'remove.txt'));
}

/** Writes code and packages below `<tree>/opt/larder`. */
export function writeCode(contents: Contents, root: string, tree: string): void {
  const target = path.join(tree, 'opt/larder');
  for (const { folder } of contents.packages) {
    cpSync(path.join(root, folder), path.join(target, folder), {
      recursive: true,
      filter: (source) => !/\.(d\.ts|d\.mts|d\.cts|map|md)$/.test(source),
    });
  }
  for (const file of contents.sources) {
    const to = path.join(target, file.replace(/\.ts$/, '.js'));
    mkdirSync(path.dirname(to), { recursive: true });
    writeFileSync(to, withoutTypes(readFileSync(path.join(root, file), 'utf8'), file));
  }
  writeFileSync(path.join(target, 'package.json'), '{"type":"module"}\n');
}

/** Puts Node at `<tree>/usr/local/bin/node`. */
export function writeNode(root: string, tree: string): void {
  const bin = path.join(tree, 'usr/local/bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync(path.join(root, nodeFolder(), 'bin/node'), path.join(bin, 'node'));
}

/** The context of the Containerfile, in a folder that is empty. */
export function writeContext(contents: Contents, root: string, folder: string): void {
  for (const name of lists) copyFileSync(path.join(root, here, name), path.join(folder, name));
  writeCode(contents, root, folder);
  writeNode(root, folder);
}

function nodeFolder(): string {
  return `node_modules/node-linux-${process.arch}`;
}

function linesOf(file: string): readonly string[] {
  return readFileSync(file, 'utf8').trim().split('\n');
}

/**
 * What Node would run: taking the types away at every start costs each process 60 MB and a third of
 * a second (docs/decisions/0133).
 */
function withoutTypes(text: string, file: string): string {
  if (!file.endsWith('.ts')) return text;
  const relative = /((?:from|import) ')(\.{1,2}\/[^']+)\.ts'/g;
  return stripTypeScriptTypes(text).replaceAll(relative, "$1$2.js'");
}

/** The npm packages that the files import. */
function importedBy(sources: readonly string[], root: string): string[] {
  const imported =
    /^(?:import|export)[^;]*?from '([^'.][^']*)'|^import '([^'.][^']*)'|\bawait import\('([^'.][^']*)'\)/gms;
  const names = sources.flatMap((file) => {
    const text = readFileSync(path.join(root, file), 'utf8');
    return [...text.matchAll(imported)].map(([, from, alone, late]) => from ?? alone ?? late ?? '');
  });
  const packages = names
    .filter((name) => !name.startsWith('node:'))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    );
  return [...new Set(packages)].toSorted();
}
