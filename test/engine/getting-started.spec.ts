import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { parse, stringify } from 'yaml';

import { labPaths, repositoryRoot } from '../../lab/base/paths.ts';
import { Progress } from '../../lab/base/progress.ts';
import { ensureTools } from '../../lab/toolchain/toolchain.ts';
import { useApiServer } from './support/api-server.ts';
import { findInstallation } from './support/installation.ts';
import { StandInKubelet } from './support/stand-in-kubelet.ts';

/**
 * Follows docs/getting-started.md: files are written as shown, commands typed as shown, and what
 * the page says is printed must be printed. The cluster is a real API server with a stand-in for
 * kubelets: no container runs (the lab's tests do that).
 */
type Block =
  | { readonly kind: 'file'; readonly name: string; readonly text: string }
  | { readonly kind: 'commands'; readonly text: string; readonly prints: readonly string[] };

function blocksOf(page: string): Block[] {
  const fences = [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)];
  const blocks: { kind: string; name?: string; text: string; prints?: string[] }[] = [];
  for (const [, language, text = ''] of fences) {
    if (language === 'yaml') {
      const [, name] = /^# (\S+)\n/.exec(text) ?? [];
      assert.ok(name, `a file says its name in its first line:\n${text}`);
      blocks.push({ kind: 'file', name, text });
    } else if (language === 'sh') blocks.push({ kind: 'commands', text, prints: [] });
    else if (language === 'text') blocks.at(-1)?.prints?.push(...text.trim().split('\n'));
    else assert.fail(`a block of another kind: ${language}`);
  }
  return blocks as Block[];
}

const blocks = blocksOf(readFileSync(path.join(repositoryRoot, 'docs/getting-started.md'), 'utf8'));
/** Columns and indentation are the tools' own affair. */
const plain = (text: string) => text.replaceAll(/\s+/g, ' ').trim();
const refusal = 'nothing was changed.';

describe('getting started', function () {
  this.timeout(600_000);
  let home: string;
  let checkout: string;
  let kubelet: StandInKubelet;
  let env: NodeJS.ProcessEnv;
  before(async function () {
    const api = await useApiServer(this);
    const found = await findInstallation();
    assert.ok('installation' in found, JSON.stringify(found));
    kubelet = await StandInKubelet.start(api.kubeconfig, ['pi1', 'pi2']);
    home = mkdtempSync(path.join(tmpdir(), 'larder-newcomer-'));
    checkout = path.join(home, 'larder');
    cloneInto(checkout);
    writeKubeconfig(api.kubeconfig, path.join(home, '.kube/config'));
    const context = {
      progress: new Progress(),
      paths: labPaths(),
      signal: new AbortController().signal,
    };
    const kubectl = (await ensureTools(['kubectl'], context)).get('kubectl')?.path ?? '';
    env = {
      PATH: `${path.dirname(kubectl)}:${process.env['PATH'] ?? ''}`,
      HOME: home,
      // What a newcomer's first preview builds, this machine has.
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
      XDG_STATE_HOME: path.join(home, '.local/state'),
      npm_config_update_notifier: 'false',
    };
  });
  after(async () => {
    await kubelet?.[Symbol.asyncDispose]();
    if (home !== undefined) rmSync(home, { recursive: true, force: true });
  });

  /** Variables that the commands exported so far. */
  let exported = '';

  for (const block of blocks)
    if (block.kind === 'file')
      it(`writes ${block.name}`, () => {
        writeFileSync(path.join(checkout, block.name), block.text);
        assert.ok(parse(block.text), 'it is YAML');
      });
    else
      it(`types ${block.text.trim().split('\n').join('; ')}`, async () => {
        // Nobody is there to answer the question of `npm run up`.
        const typed = block.text.replaceAll(/^npm run up .*$/gm, '$& --yes');
        const script = `set -e\n${exported}\n${typed}`;
        const { all, exitCode } = await execa('bash', ['-c', script], {
          cwd: checkout,
          env,
          extendEnv: false,
          reject: false,
          all: true,
          timeout: 300_000,
        });
        exported += block.text
          .split('\n')
          .filter((line) => line.startsWith('export '))
          .map((line) => `${line}\n`)
          .join('');
        const isRefused = block.prints.some((line) => line.includes(refusal));
        if (!isRefused) assert.equal(exitCode, 0, all);
        else assert.notEqual(exitCode, 0, all);
        const printed = plain(all ?? '');
        for (const line of block.prints)
          assert.ok(printed.includes(plain(line)), `"${line.trim()}" is printed:\n${all}`);
      });
});

/** What `git clone` and the first `npm run` give: the files, and the packages of the lockfile. */
function cloneInto(folder: string): void {
  mkdirSync(folder);
  const parts = ['components', 'policies', 'lab', 'scripts', 'dataplane'];
  const files = ['index.ts', 'package.json', 'package-lock.json', 'Pulumi.yaml', 'tsconfig.json'];
  for (const part of [...parts, ...files])
    cpSync(path.join(repositoryRoot, part), path.join(folder, part), { recursive: true });
  const packages = path.join(repositoryRoot, 'node_modules');
  mkdirSync(path.join(folder, 'node_modules'));
  for (const name of readdirSync(packages))
    symlinkSync(path.join(packages, name), path.join(folder, 'node_modules', name));
  // The stamp of scripts/run.mjs: this checkout's packages serve, nothing is fetched anew.
  const stamp = path.join(folder, 'node_modules/.larder-lock');
  rmSync(stamp, { force: true });
  const lock = readFileSync(path.join(folder, 'package-lock.json'));
  writeFileSync(stamp, createHash('sha256').update(lock).digest('hex'));
}

/** The kubeconfig of the test's cluster, its context called as the page calls it. */
function writeKubeconfig(from: string, to: string): void {
  const content = parse(readFileSync(from, 'utf8')) as { contexts: { name: string }[] };
  const [context] = content.contexts;
  assert.ok(context);
  content.contexts = [{ ...context, name: 'myshelf' }];
  mkdirSync(path.dirname(to));
  writeFileSync(to, stringify({ ...content, 'current-context': 'myshelf' }), { mode: 0o600 });
}
