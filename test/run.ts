/**
 * The test command: runs the tiers named on the command line (all of them when none is), each in a
 * mocha process of its own, shows how long each took, and ends with one line that machines read:
 * `N passed, N failed, N skipped`.
 *
 *   node test/run.ts [tier ...] [-- mocha arguments]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, globSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { explain } from '../lab/base/fault.ts';
import { repositoryRoot } from '../lab/base/paths.ts';
import { prepare } from './prepare.ts';

interface Tier {
  readonly folders: readonly string[];
  readonly proves: string;
  /** Mocha's limit for one test; a bound against hanging, never a measurement. */
  readonly timeoutMs: number;
  /**
   * How many spec files run at a time, each in a mocha process of its own. Default: all files in
   * one process, one after the other; a file after the other where another tier runs beside it.
   */
  readonly jobs?: number | undefined;
}

const tiers: Readonly<Record<string, Tier>> = {
  tidy: { folders: ['tidy'], proves: "the repository's own rules", timeoutMs: 120_000 },
  unit: {
    folders: ['unit', 'property', 'script', 'contract'],
    proves: 'pure code, protocols as text, ports and their twins',
    timeoutMs: 60_000,
  },
  stack: { folders: ['stack'], proves: 'components under mocks, goldens', timeoutMs: 60_000 },
  sim: { folders: ['sim'], proves: 'the data plane in virtual time', timeoutMs: 300_000 },
  process: {
    folders: ['process'],
    proves: "real processes, judged by others' programs",
    timeoutMs: 120_000,
    jobs: 2,
  },
  // Two at a time: much of a test's time is waiting for the CLI, and each file has its own cluster.
  engine: {
    folders: ['engine'],
    proves: 'the program under the real CLI',
    timeoutMs: 180_000,
    jobs: 2,
  },
  system: { folders: ['system'], proves: 'the lab: a real Kubernetes', timeoutMs: 900_000 },
};

/**
 * Cheapest first: what fails early costs least. Tiers of one group run side by side: the lab waits
 * for nodes and pods while the CLI has the processors.
 */
const groups: ReadonlyArray<readonly string[]> = [
  ['tidy'],
  ['unit'],
  ['stack'],
  ['sim'],
  ['process'],
  ['engine', 'system'],
];

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const interrupted = new AbortController();
/** The mocha processes of the tier that runs now. */
const running = new Set<ChildProcess>();
// Ctrl-C reaches mocha through the terminal; a plain kill is passed on, so that it cleans up.
process.on('SIGINT', () => interrupted.abort());
process.on('SIGTERM', () => {
  interrupted.abort();
  for (const child of running) child.kill('SIGINT');
});

async function main(args: readonly string[]): Promise<number> {
  const dashes = args.indexOf('--');
  const named = dashes < 0 ? args : args.slice(0, dashes);
  const mochaArgs = dashes < 0 ? [] : args.slice(dashes + 1);
  const unknown = named.filter((name) => !(name in tiers));
  if (unknown.length > 0) {
    console.error(
      `No such tier: ${unknown.join(', ')}. There are ${Object.keys(tiers).join(', ')}; none named means all.`,
    );
    return 2;
  }
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const begunMs = performance.now();
  for (const group of groups) {
    const chosen = group.filter((name) => named.length === 0 || named.includes(name));
    if (chosen.length === 0 || interrupted.signal.aborted) continue;
    for (const counts of await runGroup(chosen, mochaArgs)) add(total, counts);
  }
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(0);
  console.log(`\n${interrupted.signal.aborted ? 'Interrupted' : 'Done'} after ${seconds} s.`);
  // The last line of the gate: nothing may be printed after it.
  console.log(summary(total));
  if (interrupted.signal.aborted) return 130;
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

async function runGroup(names: readonly string[], mochaArgs: readonly string[]): Promise<Counts[]> {
  const prepared = new Map<string, boolean>();
  for (const name of names) prepared.set(name, await prepare(name, interrupted.signal));
  return Promise.all(
    names.map(async (name) => {
      const tier = tiers[name];
      if (tier === undefined) throw new Error(`group of an unknown tier ${name}`);
      const begunMs = performance.now();
      console.log(`\n== ${name}: ${tier.proves}`);
      const jobs = tier.jobs ?? (names.length > 1 ? 1 : undefined);
      const counts = await runTier(name, { ...tier, jobs }, mochaArgs);
      if (prepared.get(name) !== true) counts.failed += 1;
      const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
      console.log(`== ${name}: ${summary(counts)} in ${seconds} s`);
      return counts;
    }),
  );
}

function add(total: Counts, { passed, failed, skipped }: Counts): void {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

async function runTier(name: string, tier: Tier, mochaArgs: readonly string[]): Promise<Counts> {
  const specs = tier.folders
    .flatMap((folder) => globSync(`test/${folder}/**/*.spec.ts`, { cwd: repositoryRoot }))
    .sort();
  const args = [...mochaArgs, '--timeout', String(tier.timeoutMs)];
  if (specs.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  if (tier.jobs === undefined) return runMocha(name, [...args, ...specs], 'live');
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const waiting = [...specs];
  const work = async (): Promise<void> => {
    for (let spec = waiting.shift(); spec !== undefined; spec = waiting.shift()) {
      if (interrupted.signal.aborted) return;
      add(total, await runMocha(spec, [...args, spec], 'whole'));
    }
  };
  await Promise.all(Array.from({ length: tier.jobs }, work));
  return total;
}

/**
 * Runs mocha once; `whole` shows its output when it has ended, so that two do not mix. A process
 * that dies before it could count is one failure.
 */
async function runMocha(
  name: string,
  args: readonly string[],
  show: 'live' | 'whole',
): Promise<Counts> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'larder-test-'));
  const countsFile = path.join(scratch, 'counts');
  const outputFile = path.join(scratch, 'output');
  const output = show === 'whole' ? openSync(outputFile, 'w') : 'inherit';
  try {
    const code = await mocha(args, output, { ...process.env, LARDER_TEST_COUNTS: countsFile });
    if (show === 'whole') process.stdout.write(readFileSync(outputFile));
    const counts = readCounts(countsFile);
    if (counts === undefined) {
      console.log(`== ${name}: mocha ended with code ${code} before it could count`);
      return { passed: 0, failed: 1, skipped: 0 };
    }
    if (code !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    if (output !== 'inherit') closeSync(output);
    rmSync(scratch, { recursive: true, force: true });
  }
}

function readCounts(file: string): Counts | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8').trim()) as Counts;
  } catch {
    return undefined;
  }
}

async function mocha(
  args: readonly string[],
  output: 'inherit' | number,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const bin = path.join(repositoryRoot, 'node_modules/mocha/bin/mocha.js');
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: repositoryRoot,
    env,
    stdio: ['ignore', output, output],
  });
  running.add(child);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => resolve(code ?? 130));
    });
  } finally {
    running.delete(child);
  }
}

function summary(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
