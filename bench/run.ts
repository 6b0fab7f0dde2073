/**
 * `npm run bench`: the budgets of the data plane beside the raw file and other people's programs,
 * as ratios of one run, and that of the program on a large stack, with the machine and the commit
 * above them. Results so far, and what they are worth: docs/benchmarks.md.
 *
 *   npm run bench -- [--suite volume|nbd|idle|resync|program] [--only <workload>]
 *     [--among <contender>] [--rounds 5] [--seconds 1] [--mebibytes 512]
 *     [--against <revision or checkout>]
 *
 * `--only` and `--among` are regular expressions. `--against` lets the code of another revision
 * take turns with this one, and with nobody else unless `--among` says so: so a change is measured.
 */
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, type CommandContext } from '../lab/base/command.ts';
import { repositoryRoot } from '../lab/base/paths.ts';
import { ensurePackages } from '../lab/toolchain/packages.ts';
import { checkoutOf } from './checkout.ts';
import { type Contender, cpuSeconds, fill, residentMebibytes, type Workload } from './fio.ts';
import { idleNode, larderVolume } from './larder.ts';
import { memoryServers, nbdMebibytes, nbdWorkloads } from './nbd.ts';
import { nbdkitFile, qemuNbd, qemuQuorum, rawFile } from './peers.ts';
import { programSuite } from './program.ts';
import { resyncCost } from './resync.ts';
import { compare, resultTable, type RoundOptions } from './rounds.ts';
import { Servers } from './servers.ts';

/** The budgets, and what stands behind them. */
const volumeWorkloads: readonly Workload[] = [
  { name: '4K random write QD16', pattern: 'randwrite', block: '4k', depth: 16 },
  { name: '4K random read QD16', pattern: 'randread', block: '4k', depth: 16 },
  { name: '1M sequential write QD4', pattern: 'write', block: '1m', depth: 4 },
  { name: '1M sequential read QD4', pattern: 'read', block: '1m', depth: 4 },
  { name: '4K write and flush QD1', pattern: 'randwrite', block: '4k', depth: 1, flush: true },
  { name: '4K random write QD1', pattern: 'randwrite', block: '4k', depth: 1 },
  { name: '4K random read QD1', pattern: 'randread', block: '4k', depth: 1 },
];

const idleSeconds = 20;

interface Settings extends Omit<RoundOptions, 'signal'> {
  readonly suites: readonly string[];
  readonly only: RegExp;
  readonly among: RegExp;
  readonly against: string | undefined;
}

function settingsOf(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      suite: {
        type: 'string',
        multiple: true,
        default: ['volume', 'nbd', 'idle', 'program', 'resync'],
      },
      only: { type: 'string', default: '' },
      among: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
      mebibytes: { type: 'string', default: '512' },
      against: { type: 'string' },
    },
  });
  return {
    suites: values.suite,
    only: new RegExp(values.only),
    among: new RegExp(values.among ?? (values.against === undefined ? '' : '^(larder|before)2$')),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    mebibytes: Number(values.mebibytes),
    against: values.against,
  };
}

async function volumeSuite(context: CommandContext, settings: Settings): Promise<void> {
  const { mebibytes, among, against } = settings;
  const folder = path.join(path.dirname(context.paths.tools), 'bench');
  using other = against === undefined ? undefined : checkoutOf(against, folder);
  await using servers = new Servers(folder);
  const here = { name: 'Larder', mebibytes };
  const makers = new Map<string, () => Contender | Promise<Contender>>([
    ['raw', () => rawFile(servers, mebibytes)],
    ['qemu-nbd', () => qemuNbd(servers, mebibytes)],
    ['quorum', () => qemuQuorum(servers, mebibytes)],
    ['nbdkit', () => nbdkitFile(servers, mebibytes)],
    ['larder1', () => larderVolume(servers, 1, here)],
    ['larder2', () => larderVolume(servers, 2, here)],
    ['larder3', () => larderVolume(servers, 3, here)],
  ]);
  if (other !== undefined) {
    const there = { name: 'before', mebibytes, checkout: other.folder };
    makers.set('before2', () => larderVolume(servers, 2, there));
  }
  const contenders: Contender[] = [];
  await context.progress.step('Starting and filling', async (step) => {
    for (const [name, make] of makers) {
      if (!among.test(name)) continue;
      context.signal.throwIfAborted();
      step.note(name);
      const contender = await make();
      await fill(contender, mebibytes);
      contenders.push(contender);
    }
  });
  await compareAll(context, volumeWorkloads, contenders, settings);
  console.log(`\n### Memory after the load, MiB\n`);
  for (const contender of contenders)
    console.log(`- ${contender.name}: ${listed(residentMebibytes(contender))}`);
}

async function nbdSuite(context: CommandContext, settings: Settings): Promise<void> {
  await using servers = new Servers('/dev/shm');
  const contenders = await memoryServers(servers);
  await compareAll(context, nbdWorkloads, contenders, { ...settings, mebibytes: nbdMebibytes });
}

async function compareAll(
  context: CommandContext,
  workloads: readonly Workload[],
  contenders: readonly Contender[],
  settings: Settings,
): Promise<void> {
  for (const workload of workloads) {
    if (!settings.only.test(workload.name)) continue;
    const results = await context.progress.step(workload.name, async () =>
      compare(workload, contenders, { ...settings, signal: context.signal }),
    );
    console.log(`\n${resultTable(results)}\n`);
  }
}

async function idleSuite(context: CommandContext): Promise<void> {
  await using servers = new Servers(path.join(path.dirname(context.paths.tools), 'bench'));
  const node = await context.progress.step('Starting eight volumes', async () => idleNode(servers));
  const before = cpuSeconds(node);
  await context.progress.step('Doing nothing', async () => delay(idleSeconds * 1000));
  const percent = new Map(
    [...cpuSeconds(node)].map(([name, seconds]) => [
      name,
      ((seconds - (before.get(name) ?? 0)) / idleSeconds) * 100,
    ]),
  );
  console.log('\n### Idle: one node with 4 attached volumes and 8 replicas\n');
  console.log(`- memory, MiB: ${listed(residentMebibytes(node))}`);
  console.log(`- processor, % of a core: ${listed(percent)}`);
}

async function resyncSuite(context: CommandContext, settings: Settings): Promise<void> {
  await using servers = new Servers(path.join(path.dirname(context.paths.tools), 'bench'));
  const table = await context.progress.step('Working while a copy is filled', async () =>
    resyncCost(servers, { ...settings, signal: context.signal }),
  );
  console.log(
    `\n### Requests a second while a copy is filled, ${settings.mebibytes} MiB\n\n${table}\n`,
  );
}

function listed(values: ReadonlyMap<string, number>): string {
  const sum = [...values.values()].reduce((all, value) => all + value, 0);
  const each = [...values].map(([name, value]) => `${name} ${value.toFixed(1)}`);
  return `**${sum.toFixed(1)}** (${each.join(', ')})`;
}

await command(async (context) => {
  const settings = settingsOf(process.argv.slice(2));
  await ensurePackages(['test', 'bench'], context);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: repositoryRoot });
  const [processor] = os.cpus();
  console.log(
    [
      `Commit ${commit.toString().trim()}, Node ${process.versions.node}, Linux ${os.release()}`,
      `${os.cpus().length} × ${processor?.model ?? 'unknown processor'}, load ${os.loadavg()[0]?.toFixed(1)}`,
      `${settings.mebibytes} MiB a copy, ${settings.rounds} rounds of ${settings.seconds} s`,
      ...(settings.against === undefined ? [] : [`"before" is ${settings.against}`]),
    ].join('\n'),
  );
  const suites = new Map([
    ['volume', volumeSuite],
    ['nbd', nbdSuite],
    ['idle', idleSuite],
    ['resync', resyncSuite],
    ['program', async (given: CommandContext) => programSuite(given)],
  ]);
  for (const [name, suite] of suites) {
    if (settings.suites.includes(name)) await suite(context, settings);
  }
  return 0;
});
