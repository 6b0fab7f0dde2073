/**
 * `npm run bench`: every benchmark of the repository, as ratios of both sides measured in one run,
 * with the machine and the commit above them. Results so far, and what they are worth:
 * docs/decisions/0071-*.md.
 */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { command } from '../lab/base/command.ts';
import { repositoryRoot } from '../lab/base/paths.ts';
import { ensurePackages } from '../lab/toolchain/packages.ts';
import { nbdBench, nbdTable } from './nbd.ts';

await command(async (context) => {
  await ensurePackages(['bench'], context);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: repositoryRoot });
  const [processor] = os.cpus();
  console.log(
    [
      `Commit ${commit.toString().trim()}, Node ${process.versions.node}, Linux ${os.release()}`,
      `${os.cpus().length} × ${processor?.model ?? 'unknown processor'}, load ${os.loadavg()[0]?.toFixed(1)}`,
    ].join('\n'),
  );
  const rows = await context.progress.step('NBD server over memory', () => nbdBench());
  console.log(`\n${nbdTable(rows)}`);
  return 0;
});
