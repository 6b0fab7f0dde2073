/**
 * `npm run pull-request`: what the workflows in .github/workflows and .gitea/workflows run for a
 * pull request. Without arguments it previews every stack of the repository; arguments are names of
 * stacks. What it does and never does: scripts/forge/review.ts.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { redactor } from './forge/redact.ts';
import { type Ran, review } from './forge/review.ts';

const root = path.resolve(import.meta.dirname, '..');

function stacksOfRepository(): string[] {
  return globSync('Pulumi.*.yaml', { cwd: root })
    .map((file) => file.slice('Pulumi.'.length, -'.yaml'.length))
    .toSorted();
}

/** Runs a file of this repository and collects what a person would have seen. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  const child = spawn(process.execPath, [...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => chunks.push(text));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', reject);
  child.once('close', (code) => resolve(code ?? 1));
  return { code: await promise, output: chunks.join('') };
}

const scratch = mkdtempSync(path.join(tmpdir(), 'larder-review-'));
try {
  const { KUBECONFIG_CONTENT: kubeconfig, FORGE_TOKEN: _, ...rest } = process.env;
  const env = { ...rest, PULUMI_SKIP_UPDATE_CHECK: 'true' };
  if (kubeconfig !== undefined && kubeconfig !== '') {
    const file = path.join(scratch, 'kubeconfig');
    writeFileSync(file, kubeconfig, { mode: 0o600 });
    Object.assign(env, { KUBECONFIG: file });
  }
  const named = process.argv.slice(2).filter((name) => name !== '');
  process.exitCode = await review({
    env: process.env,
    stacks: named.length > 0 ? named : stacksOfRepository(),
    say: (text) => console.log(text),
    checks: {
      preview: (stack) => {
        const flags = ['--stack', stack, '--diff', '--non-interactive', '--color', 'never'];
        return run(['lab/pulumi.ts', 'preview', ...flags], env);
      },
      goldensAndPolicies: () => run(['test/run.ts', 'stack'], env),
    },
  });
} catch (error) {
  console.error(redactor(process.env)(error instanceof Error ? error.message : String(error)));
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
