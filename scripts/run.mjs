// Runs a TypeScript entry point of this repository under Node 24, installing the locked packages first
// when they changed. Plain JavaScript without dependencies, because it must run on Node 20 in a fresh clone.
//   node scripts/run.mjs <file.ts> [arguments]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(
  import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname),
  '..',
);
const [entry, ...args] = process.argv.slice(2);
const major = Number(process.versions.node.split('.')[0]);

function fail(what, hint) {
  console.error(`${what}\n\n  What to do: ${hint}`);
  process.exit(1);
}

if (entry === undefined)
  fail('scripts/run.mjs needs a file to run.', 'use the npm scripts: npm start, npm test');
if (process.platform !== 'linux')
  fail(
    `Larder's lab and tests need Linux; this is ${process.platform}.`,
    'use a Linux machine or virtual machine; the Pulumi program itself (pulumi up) runs anywhere Pulumi runs',
  );
if (!['x64', 'arm64'].includes(process.arch))
  fail(`No Node 24 is packaged for ${process.arch}.`, 'use an x86-64 or arm64 machine');
if (major < 20)
  fail(
    `Node ${process.versions.node} is too old to start; 20 or newer is needed.`,
    'install Node 20 or newer from your distribution or nodejs.org',
  );

// The stamp is the lockfile's hash: it is written last, so an interrupted install is repeated.
const lock = readFileSync(path.join(root, 'package-lock.json'));
const stamp = createHash('sha256').update(lock).digest('hex');
const stampFile = path.join(root, 'node_modules', '.larder-lock');
const installed = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
if (!installed) {
  const began = Date.now();
  console.log('Installing the locked npm packages (about half a minute) …');
  // Not `npm ci`: it refuses a lockfile that lacks the optional packages of other platforms, which is
  // what a registry mirror without them leaves behind. test/tidy compares lockfile and package.json.
  const result = spawnSync(
    'npm',
    ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: root, stdio: 'inherit' },
  );
  if (result.status !== 0)
    fail(
      'npm install failed; its own lines are above.',
      'check that the npm registry can be reached and that the disk is not full, then run the same command again',
    );
  mkdirSync(path.dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
  console.log(`npm packages installed in ${((Date.now() - began) / 1000).toFixed(0)} s`);
}

const bin = path.join(root, 'node_modules', '.bin');
const node = path.join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
if (!existsSync(node))
  fail(
    `Node 24 is missing at ${path.relative(root, node)}.`,
    'remove node_modules and run the same command again',
  );

const child = spawn(node, [path.resolve(root, entry), ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` },
});
// Ctrl-C reaches the child through the terminal's process group; a plain kill is passed on here.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
