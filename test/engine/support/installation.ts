/**
 * The Pulumi CLI and its plugins for the engine tests, found or made once for the whole run.
 * `PULUMI_PLUGINS=official` runs the same tests against the official plugins of this machine: the CLI
 * on PATH and the plugins in `PULUMI_HOME` (default `~/.pulumi`).
 */
import {
  chmodSync,
  linkSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '../../../lab/base/paths.ts';

export interface TestInstallation {
  /** Path of the `pulumi` program. */
  readonly cli: string;
  /** What the CLI needs in its environment, PATH included. */
  readonly env: NodeJS.ProcessEnv;
  /** True when the project's own stand-ins answer in place of the official plugins. */
  readonly standIns: boolean;
}

/** Resolves to undefined when there is no CLI; the reason is for `skip`. */
export type Found = { readonly installation: TestInstallation } | { readonly missing: string };

let found: Promise<Found> | undefined;

/** The same installation for every test of this process. */
export function findInstallation(): Promise<Found> {
  found ??= find();
  return found;
}

const standIns = {
  'resource-random': '4.21.2',
  'resource-command': '1.2.1',
  'resource-kubernetes': '4.34.2',
} as const;

async function find(): Promise<Found> {
  if (process.env['PULUMI_PLUGINS'] === 'official') {
    return { installation: { cli: 'pulumi', env: {}, standIns: false } };
  }
  const cli = process.env['LARDER_PULUMI_CLI'];
  if (cli === undefined) return { missing: 'needs the Pulumi CLI: set LARDER_PULUMI_CLI' };
  const home = mkdtempSync(path.join(tmpdir(), 'larder-pulumi-home-'));
  process.once('exit', () => rmSync(home, { recursive: true, force: true }));
  const bin = path.join(home, 'bin');
  mkdirSync(bin);
  try {
    linkSync(cli, path.join(bin, 'pulumi'));
  } catch {
    copyFileSync(cli, path.join(bin, 'pulumi'));
  }
  wrapper(path.join(bin, 'pulumi-language-nodejs'), 'language-nodejs');
  for (const [plugin, version] of Object.entries(standIns)) {
    const folder = path.join(home, 'plugins', `${plugin}-v${version}`);
    mkdirSync(folder, { recursive: true });
    wrapper(path.join(folder, `pulumi-${plugin}`), plugin);
  }
  const env = {
    PULUMI_HOME: home,
    PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}`,
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
    // Every command starts three or four Node processes that load the same modules.
    NODE_COMPILE_CACHE: path.join(home, 'compiled'),
  };
  return { installation: { cli: path.join(bin, 'pulumi'), env, standIns: true } };
}

/** A script that replaces itself by Node on the stand-in, so that the engine's signals reach it. */
function wrapper(file: string, entry: string): void {
  const script = path.join(repositoryRoot, 'lab/standin/main', `${entry}.ts`);
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`);
  chmodSync(file, 0o755);
}
