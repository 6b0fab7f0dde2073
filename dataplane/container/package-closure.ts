/** Which npm packages a program needs at run time: the named ones and all they depend on. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface InstalledPackage {
  /** Folder below the repository's root, `node_modules/zod`. */
  readonly folder: string;
  readonly version: string;
}

/**
 * Follows the dependencies as Node resolves them: beside the package that asks, then further up.
 * Optional ones that are not installed are left out; a missing other one is an error.
 */
export function packageClosure(root: string, names: readonly string[]): InstalledPackage[] {
  const found = new Map<string, InstalledPackage>();
  const visit = (name: string, asker: string, isOptional: boolean) => {
    const folder = resolve(root, name, asker);
    if (folder === undefined) {
      if (isOptional) return;
      throw new Error(`${name} is not installed; ${asker === '' ? 'the image' : asker} needs it`);
    }
    if (found.has(folder)) return;
    const manifest = manifestOf(path.join(root, folder));
    found.set(folder, { folder, version: manifest.version });
    for (const each of Object.keys(manifest.dependencies ?? {})) {
      visit(each, folder, each in (manifest.optionalDependencies ?? {}));
    }
    for (const each of Object.keys(manifest.optionalDependencies ?? {})) visit(each, folder, true);
  };
  for (const name of names) visit(name, '', false);
  return [...found.values()].toSorted((a, b) => (a.folder < b.folder ? -1 : 1));
}

function resolve(root: string, name: string, asker: string): string | undefined {
  for (let at = asker; ; at = at.includes('/node_modules/') ? path.posix.dirname(at) : '') {
    const folder = path.posix.join(at, 'node_modules', name);
    if (existsSync(path.join(root, folder, 'package.json'))) return folder;
    if (at === '') return undefined;
  }
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
}
