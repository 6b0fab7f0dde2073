/**
 * The npm packages that a program depends on, as installed: walks `package.json` dependencies
 * through `node_modules` the way Node resolves them. From these the engine learns which plugins, in
 * which versions, the program needs.
 *
 * Never: imports or runs anything it finds.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** True when the program itself names it. */
  readonly direct: boolean;
  /** Set when the package is the SDK of a resource provider. */
  readonly plugin: RequiredPlugin | undefined;
}

interface RequiredPlugin {
  readonly name: string;
  readonly version: string;
  /** Where the engine may download the plugin; empty for Pulumi's own place. */
  readonly server: string;
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly pulumi?: {
    readonly resource?: boolean;
    readonly name?: string;
    readonly version?: string;
    readonly server?: string;
  };
}

/** Every installed dependency of the program in `folder`, direct ones first, each name once. */
export function installedPackages(folder: string): InstalledPackage[] {
  const home = upwards(folder, 'package.json');
  if (home === undefined) return [];
  const found = new Map<string, InstalledPackage>();
  const manifest = readManifest(path.join(home, 'package.json'));
  // Development dependencies count for the program alone: others' are never installed.
  const own = { ...manifest.devDependencies, ...manifest.dependencies };
  const queue = Object.keys(own).map((name) => ({ name, from: home, direct: true }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (found.has(next.name)) continue;
    const place = upwards(next.from, path.join('node_modules', next.name, 'package.json'));
    if (place === undefined) continue;
    const root = path.join(place, 'node_modules', next.name);
    const dependency = readManifest(path.join(root, 'package.json'));
    found.set(next.name, {
      name: next.name,
      version: dependency.version ?? '',
      direct: next.direct,
      plugin: pluginOf(next.name, dependency),
    });
    for (const name of Object.keys(dependency.dependencies ?? {})) {
      queue.push({ name, from: root, direct: false });
    }
  }
  return [...found.values()];
}

/** The provider's name is given in the manifest or is the package's name without its scope. */
function pluginOf(packageName: string, manifest: Manifest): RequiredPlugin | undefined {
  const { pulumi } = manifest;
  if (pulumi?.resource !== true) return undefined;
  return {
    name: pulumi.name ?? packageName.replace(/^@[^/]+\//, ''),
    version: `v${(pulumi.version ?? manifest.version ?? '').replace(/^v/, '')}`,
    server: pulumi.server ?? '',
  };
}

/** The nearest folder at or above `folder` in which `name` exists. */
function upwards(folder: string, name: string): string | undefined {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    if (existsSync(path.join(at, name))) return at;
    if (at === path.dirname(at)) return undefined;
  }
}

function readManifest(file: string): Manifest {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${file} cannot be read as JSON (${why}); repair it or run npm install.`, {
      cause: error,
    });
  }
}
