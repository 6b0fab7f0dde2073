/**
 * Builds the image of the data plane and puts it into a registry, once for each content:
 *
 *     node dataplane/container/build.ts <repository in a registry>
 *
 * The tag is the hash of what is in it; where the registry has that tag already, nothing is built.
 * Prints one line on standard output, `<repository>:<tag>@sha256:…`; everything else goes to
 * standard error. Uses the first of docker, podman, nerdctl and buildah that answers.
 *
 * For the architecture of this machine: native parts of npm packages are installed for no other.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Fault } from '../base/fault.ts';
import { contentsOf, writeContext } from './contents.ts';
import { buildWith, builders, type Run } from './builders.ts';

const root = path.resolve(import.meta.dirname, '../..');

async function main(args: readonly string[]): Promise<void> {
  const [repository, ...rest] = args;
  if (repository === undefined || rest.length > 0 || /[@\s]/.test(repository)) {
    throw new Fault('input.invalid', `Expected one repository, found: ${args.join(' ')}`, {
      hint: 'node dataplane/container/build.ts registry.home/larder-dataplane',
    });
  }
  const contents = contentsOf(root);
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-image-'));
  try {
    const reference = `${repository}:${contents.hash.slice(0, 12)}`;
    const fill = () => {
      writeContext(contents, root, folder);
    };
    const digest = await buildWith(builders, { reference, folder, fill }, run);
    process.stdout.write(`${reference}@${digest}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const run: Run = async (program, args) =>
  new Promise((resolve) => {
    const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => {
        output += chunk;
        process.stderr.write(chunk);
      });
    }
    child.once('error', (error) => {
      resolve({ code: 127, output: error.message });
    });
    child.once('close', (code) => {
      resolve({ code: code ?? 1, output });
    });
  });

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  process.stderr.write(`${error.message}\n\n  What to do: ${error.hint}\n`);
  process.exitCode = 1;
}
