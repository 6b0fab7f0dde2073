/**
 * The program on a person's own cluster, with the backend that the person has chosen. A preview
 * needs neither: without a backend it compares with an empty state, without a kubeconfig with no
 * cluster.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { nowhere, readKubeconfig } from '../../components/cluster/kubeconfig.ts';
import type { CommandContext } from '../base/command.ts';
import { LabFault } from '../base/fault.ts';
import { repositoryRoot } from '../base/paths.ts';
import { run } from '../base/run.ts';
import { ensurePulumi, type PulumiInstallation } from '../toolchain/pulumi.ts';
import { attended, LocalStack, policyPack } from './local-stack.ts';
import { checkStackValues, readStackValues, type StackValues } from './stack-file.ts';

type ClusterCommand = 'up' | 'preview' | 'drift';

/** Looks at every object and changes nothing; ends with a code that is not 0 when one differs. */
export const driftCommand: readonly string[] = ['refresh', '--preview-only', '--expect-no-changes'];

/** Runs `pulumi up`, `pulumi preview` or the look for drift, and resolves to the exit code. */
export async function runOnCluster(
  command: ClusterCommand,
  stack: string,
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  checkStackValues(stack, readStackValues(stack));
  const installation = await ensurePulumi(context);
  if (hasBackend()) return withBackend(command, stack, args, installation, context.signal);
  if (command === 'preview') return withoutBackend(stack, args, installation, context);
  throw new LabFault(
    'Pulumi has no place to keep its state: neither PULUMI_BACKEND_URL nor a login is there.',
    [
      'choose a place outside the cluster and run the same command again, for example',
      '    export PULUMI_BACKEND_URL=file://$HOME/larder-state',
      '    export PULUMI_CONFIG_PASSPHRASE_FILE=$HOME/.larder-passphrase',
      'and keep copies of both elsewhere: docs/data-safety.md says what a lost state costs.',
    ].join('\n'),
  );
}

/** The person's Pulumi home, where a login is kept. */
function pulumiHome(): string {
  return process.env['PULUMI_HOME'] ?? path.join(process.env['HOME'] ?? homedir(), '.pulumi');
}

function hasBackend(): boolean {
  if ((process.env['PULUMI_BACKEND_URL'] ?? '') !== '') return true;
  const file = path.join(pulumiHome(), 'credentials.json');
  if (!existsSync(file)) return false;
  const { current } = JSON.parse(readFileSync(file, 'utf8')) as { current?: string };
  return current !== undefined && current !== '';
}

async function withBackend(
  command: ClusterCommand,
  stack: string,
  args: readonly string[],
  installation: PulumiInstallation,
  signal: AbortSignal,
): Promise<number> {
  const env = {
    ...process.env,
    ...installation.env,
    // The installation's Pulumi home is the lab's; the login is the person's.
    PULUMI_CREDENTIALS_PATH: process.env['PULUMI_CREDENTIALS_PATH'] ?? pulumiHome(),
  };
  // A stack that is made to be looked at has no drift: the look must fail instead.
  const create = command === 'drift' ? [] : ['--create'];
  await run(installation.cli, ['stack', 'select', stack, ...create, '--non-interactive'], {
    cwd: repositoryRoot,
    env,
    signal,
    hint:
      command === 'drift'
        ? `the backend holds no stack ${stack}, or cannot be reached: check PULUMI_BACKEND_URL and the name`
        : 'a new stack needs a passphrase: set PULUMI_CONFIG_PASSPHRASE_FILE',
  });
  if (command === 'drift')
    return attended(installation.cli, [...driftCommand, ...args, '--stack', stack], env);
  const flags = ['--stack', stack, '--policy-pack', policyPack];
  return attended(installation.cli, [command, ...args, ...flags], env);
}

async function withoutBackend(
  stack: string,
  args: readonly string[],
  installation: PulumiInstallation,
  { progress, signal }: CommandContext,
): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-preview-'));
  try {
    progress.say('No Pulumi backend is set up: this preview compares with an empty state.');
    using local = new LocalStack({ stack, folder, installation, signal });
    await local.prepare(reachable(stack, folder));
    return await local.attended(['preview', ...args]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The kubeconfig that the stack asks for; where there is none, one that leads nowhere stands in for
 * it, and the program shows what it would make without looking at a cluster.
 */
function reachable(stack: string, folder: string): StackValues {
  const { context, kubeconfig: file } = checkStackValues(stack, readStackValues(stack)).cluster;
  const around = { env: process.env, projectFolder: repositoryRoot };
  const access = readKubeconfig({ file, context }, around);
  if (!('problem' in access)) {
    const copy = path.join(folder, 'kubeconfig');
    writeFileSync(copy, access.text, { mode: 0o600 });
    return { 'larder:cluster': { kubeconfig: copy } };
  }
  const standIn = path.join(folder, 'kubeconfig');
  const cluster = { server: nowhere, 'insecure-skip-tls-verify': true };
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: context, cluster }],
    users: [{ name: context, user: { token: 'none' } }],
    contexts: [{ name: context, context: { cluster: context, user: context } }],
  };
  writeFileSync(standIn, JSON.stringify(content), { mode: 0o600 });
  return { 'larder:cluster': { kubeconfig: standIn } };
}
