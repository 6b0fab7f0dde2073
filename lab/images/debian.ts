/**
 * Debian trees: a minimal one made by mmdebstrap, and what an installation on top of it adds. Both
 * leave a layer; the trees themselves live only while images are built. Needs root, mmdebstrap and
 * a Debian mirror.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../base/run.ts';
import { type Layer, writeLayer } from './layer.ts';
import { excludedPaths, filesFolder, suite, unwanted } from './recipes.ts';

export interface BuildOptions {
  /** Scratch folder of this build; removed by its owner. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly note: (detail: string) => void;
}

/** Makes the base tree at `<folder>/base`, with the package lists still in it. */
export async function makeBase({ folder, signal, note }: BuildOptions): Promise<string> {
  const base = path.join(folder, 'base');
  const exclusions = excludedPaths.map((pattern) => `--dpkgopt=path-exclude=${pattern}`);
  const args = [
    '--mode=root',
    '--variant=minbase',
    '--format=directory',
    // The lists serve the installations that follow; the layer leaves them out.
    '--skip=cleanup/apt/lists',
    ...exclusions,
    suite,
    base,
  ];
  await run('mmdebstrap', args, {
    signal,
    onLine: (line) => note(`Debian base: ${line.replace(/^I: /, '').slice(0, 50)}`),
    hint:
      'mmdebstrap needs a Debian mirror (it takes the addresses in /etc/apt when the machine runs Debian) ' +
      'and, on Ubuntu, the package debian-archive-keyring',
  });
  return base;
}

/** @param without what this image leaves out besides */
export function baseLayer(
  base: string,
  file: string,
  without: readonly string[] = [],
): Promise<Layer> {
  return writeLayer(base, file, { without: [...unwanted, ...without] });
}

/**
 * Runs a script inside the base and returns the folder with what it changed; the base stays as it
 * is.
 */
export async function derive(
  base: string,
  name: string,
  script: string,
  { folder, signal, note }: BuildOptions,
): Promise<string> {
  const work = path.join(folder, name);
  mkdirSync(work, { recursive: true });
  const scriptFile = path.join(work, 'script');
  writeFileSync(scriptFile, `${script}\n`);
  const inner = ['sh', path.join(filesFolder, 'derive.sh'), base, work, scriptFile];
  await run('unshare', ['--mount', '--propagation', 'private', ...inner], {
    signal,
    onLine: (line) => note(`${name}: ${line.slice(0, 50)}`),
    hint: 'the lines above are the last the installation printed; running the command again tries anew',
  });
  const upper = path.join(work, 'upper');
  for (const name of unwanted) rmSync(path.join(upper, name), { recursive: true, force: true });
  return upper;
}
