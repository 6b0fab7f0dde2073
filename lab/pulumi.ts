/**
 * `npm run up` and `npm run preview`: the real Pulumi CLI on this program, under its policies. On
 * the lab when one runs, else on the cluster and with the backend that the person has set up; a
 * preview needs neither. Arguments go to the CLI: `npm run preview -- --stack pi-rack --diff`.
 * `npm run drift` asks whether the cluster still is what the state says, and fails when it is not.
 */
import { parseArgs } from 'node:util';
import { command } from './base/command.ts';
import { LabFault } from './base/fault.ts';
import { RecordFile } from './cluster/record.ts';
import { homelabStack, labStack } from './stack/homelab.ts';
import { driftCommand, runOnCluster } from './stack/user-cluster.ts';
import { ensurePulumi } from './toolchain/pulumi.ts';

await command(async (context) => {
  const [name, ...rest] = process.argv.slice(2);
  if (name !== 'up' && name !== 'preview' && name !== 'drift') {
    throw new LabFault(
      `Expected up, preview or drift, found ${name ?? 'nothing'}.`,
      'npm run up, npm run preview or npm run drift',
    );
  }
  const { stack, args } = splitStack(rest);
  const state = context.paths.state;
  const labRuns = RecordFile.find(state)?.current.phase === 'up';
  const isForLab = labRuns && stack === undefined && (process.env['KUBECONFIG'] ?? '') === '';
  if (!isForLab) return runOnCluster(name, stack ?? homelabStack, args, context);
  using local = labStack(state, await ensurePulumi(context), context.signal);
  await local.prepare();
  return await local.attended([...(name === 'drift' ? driftCommand : [name]), ...args]);
});

/** Takes `--stack NAME` out of the arguments; all others are the CLI's. */
function splitStack(given: readonly string[]): { stack: string | undefined; args: string[] } {
  const { values, tokens } = parseArgs({
    args: [...given],
    options: { stack: { type: 'string', short: 's' } },
    strict: false,
    tokens: true,
  });
  const taken = new Set(
    tokens.flatMap((token) => {
      if (token.kind !== 'option' || token.name !== 'stack') return [];
      return token.inlineValue === false ? [token.index, token.index + 1] : [token.index];
    }),
  );
  const args = given.filter((_, index) => !taken.has(index));
  return { stack: typeof values.stack === 'string' ? values.stack : undefined, args };
}
