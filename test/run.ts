/**
 * The test command: runs the tiers named on the command line (all of them when none is) in mocha
 * processes side by side, shows how long each took, and ends with one line that machines read:
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
   * How the spec files run: `together` in one mocha process, one after the other; `apart` each in a
   * process of its own, so that several can run at a time.
   */
  readonly files: 'together' | 'apart';
  /** Where its work queues up, see {@link lanes}. Default: `processor`. */
  readonly lane?: 'processor' | 'lab';
}

/** Cheapest first: what fails early costs least. */
const tiers: Readonly<Record<string, Tier>> = {
  tidy: {
    folders: ['tidy'],
    proves: "the repository's own rules",
    timeoutMs: 120_000,
    files: 'together',
  },
  unit: {
    folders: ['unit', 'property', 'script', 'contract'],
    proves: 'pure code, protocols as text, ports and their twins',
    timeoutMs: 60_000,
    files: 'together',
  },
  stack: {
    folders: ['stack'],
    proves: 'components under mocks, goldens',
    timeoutMs: 60_000,
    files: 'together',
  },
  sim: {
    folders: ['sim'],
    proves: 'the data plane in virtual time',
    timeoutMs: 300_000,
    files: 'together',
  },
  process: {
    folders: ['process'],
    proves: "real processes, judged by others' programs",
    timeoutMs: 120_000,
    files: 'apart',
  },
  engine: {
    folders: ['engine'],
    proves: 'the program under the real CLI',
    timeoutMs: 180_000,
    files: 'apart',
  },
  system: {
    folders: ['system'],
    proves: 'the lab: a real Kubernetes',
    timeoutMs: 900_000,
    files: 'apart',
    lane: 'lab',
  },
};

/**
 * How many mocha processes a lane runs at a time; the lanes run side by side. The lab has one: its
 * specs share the machine's mounts, devices and addresses, and mostly wait for nodes and pods while
 * the other lane has the processors. That one has two, because much of a test's time is waiting for
 * a program, and each spec file has its own cluster.
 */
const lanes = { lab: 1, processor: 2 } as const;

/** One mocha process. */
interface Piece {
  readonly tier: string;
  readonly name: string;
  readonly specs: readonly string[];
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const interrupted = new AbortController();
/** The mocha processes that run now. */
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
  const chosen = Object.keys(tiers).filter((name) => named.length === 0 || named.includes(name));
  const begunMs = performance.now();
  const results = await runTiers(chosen, mochaArgs);
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  console.log('');
  for (const [name, counts] of results) {
    console.log(`== ${name}: ${summary(counts)}`);
    add(total, counts);
  }
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(0);
  console.log(`\n${interrupted.signal.aborted ? 'Interrupted' : 'Done'} after ${seconds} s.`);
  // The last line of the gate: nothing may be printed after it.
  console.log(summary(total));
  if (interrupted.signal.aborted) return 130;
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

async function runTiers(
  names: readonly string[],
  mochaArgs: readonly string[],
): Promise<Map<string, Counts>> {
  const pieces = names.flatMap(piecesOf);
  const show = pieces.length > 1 ? 'whole' : 'live';
  const results = new Map(names.map((name) => [name, { passed: 0, failed: 0, skipped: 0 }]));
  const prepared = new Map<string, Promise<boolean>>();
  const ready = (tier: string): Promise<boolean> => {
    const begun = prepared.get(tier) ?? prepare(tier, interrupted.signal);
    prepared.set(tier, begun);
    return begun;
  };
  const worker = async (waiting: Piece[]): Promise<void> => {
    for (let piece = waiting.shift(); piece !== undefined; piece = waiting.shift()) {
      await ready(piece.tier);
      if (interrupted.signal.aborted) return;
      const counts = results.get(piece.tier);
      if (counts !== undefined) add(counts, await runPiece(piece, mochaArgs, show));
    }
  };
  const workers = (['lab', 'processor'] as const).flatMap((lane) => {
    const waiting = pieces.filter(({ tier }) => (tiers[tier]?.lane ?? 'processor') === lane);
    return Array.from({ length: lanes[lane] }, () => worker(waiting));
  });
  await Promise.all(workers);
  for (const [tier, whole] of prepared) {
    const counts = results.get(tier);
    if (!(await whole) && counts !== undefined) counts.failed += 1;
  }
  return results;
}

function piecesOf(name: string): Piece[] {
  const tier = tiers[name];
  if (tier === undefined) throw new Error(`pieces of an unknown tier ${name}`);
  const specs = tier.folders
    .flatMap((folder) => globSync(`test/${folder}/**/*.spec.ts`, { cwd: repositoryRoot }))
    .sort();
  if (tier.files === 'apart')
    return specs.map((spec) => ({ tier: name, name: spec, specs: [spec] }));
  return specs.length === 0 ? [] : [{ tier: name, name, specs }];
}

function add(total: Counts, { passed, failed, skipped }: Counts): void {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

/**
 * Runs mocha once. `whole` shows its output when it has ended, so that those of several do not mix.
 * A process that dies before it could count is one failure.
 */
async function runPiece(
  { tier, name, specs }: Piece,
  mochaArgs: readonly string[],
  show: 'live' | 'whole',
): Promise<Counts> {
  const begunMs = performance.now();
  const scratch = mkdtempSync(path.join(tmpdir(), 'larder-test-'));
  const countsFile = path.join(scratch, 'counts');
  const outputFile = path.join(scratch, 'output');
  const output = show === 'whole' ? openSync(outputFile, 'w') : 'inherit';
  const { proves, timeoutMs } = tiers[tier] ?? { proves: '', timeoutMs: 0 };
  const title = name === tier ? `${name}: ${proves}` : name;
  console.log(show === 'whole' ? `.. ${title}` : `\n== ${title}`);
  try {
    const args = [...mochaArgs, '--timeout', String(timeoutMs), ...specs];
    const code = await mocha(args, output, { ...process.env, LARDER_TEST_COUNTS: countsFile });
    if (show === 'whole')
      process.stdout.write(`\n== ${title}\n${readFileSync(outputFile, 'utf8')}`);
    const counts = readCounts(countsFile);
    if (counts === undefined) {
      console.log(`== ${name}: mocha ended with code ${code} before it could count`);
      return { passed: 0, failed: 1, skipped: 0 };
    }
    if (code !== 0 && counts.failed === 0) counts.failed = 1;
    const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
    console.log(`== ${name}: ${summary(counts)} in ${seconds} s`);
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
