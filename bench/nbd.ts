/**
 * Our NBD server over memory beside nbdkit's memory plugin and qemu-nbd on a tmpfs file, driven by
 * fio's nbd engine over unix sockets: what the protocol and its event loop cost, with nothing
 * below.
 *
 *   node bench/nbd.ts [rounds] [seconds per measurement]
 *
 * All servers stand at once and take turns within every round, so that a busy machine is busy for
 * all. Reported are ratios of medians with the spread of ours, and the processor time a server used
 * for one request, which depends least on what else the machine does. docs/decisions/0071 has
 * results.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isAnswered } from '../test/support/nbd/programs.ts';

export interface NbdBenchOptions {
  /** Default 5. */
  readonly rounds?: number;
  /** Seconds of one measurement. Default 2. */
  readonly seconds?: number;
}

export interface NbdBenchRow {
  readonly workload: string;
  readonly server: string;
  /** Median of requests a second. */
  readonly requestsPerSecond: number;
  /** (largest − smallest) / median of the rounds. */
  readonly spread: number;
  /** Ours divided by this server's; 1 for our own row. Above 1 we are faster. */
  readonly ratio: number;
  /** Median processor time of the server for one request, in microseconds. */
  readonly cpuUsPerRequest: number;
}

interface Workload {
  readonly name: string;
  readonly pattern: string;
  readonly block: string;
  readonly depth: number;
}

interface Contender {
  readonly name: string;
  readonly uri: string;
  readonly process: ChildProcess;
}

interface Sample {
  readonly requestsPerSecond: number;
  readonly cpuUsPerRequest: number;
}

const workloads: readonly Workload[] = [
  { name: '4K random read QD16', pattern: 'randread', block: '4k', depth: 16 },
  { name: '4K random write QD16', pattern: 'randwrite', block: '4k', depth: 16 },
  { name: '4K random read QD1', pattern: 'randread', block: '4k', depth: 1 },
  { name: '4K random write QD1', pattern: 'randwrite', block: '4k', depth: 1 },
  { name: '64K write QD4', pattern: 'write', block: '64k', depth: 4 },
  { name: '1M sequential write QD4', pattern: 'write', block: '1m', depth: 4 },
  { name: '1M sequential read QD4', pattern: 'read', block: '1m', depth: 4 },
];

/** Servers complain about the connection that only looks whether they are there. */
const quiet: SpawnOptions = { stdio: 'ignore' };

const mebibytes = 64;
const serveEntry = path.join(import.meta.dirname, '../test/support/nbd/serve.ts');

/** Measures all workloads. Rejects with what is missing when a program is not installed. */
export async function nbdBench(options: NbdBenchOptions = {}): Promise<readonly NbdBenchRow[]> {
  const { rounds = 5, seconds = 2 } = options;
  for (const name of ['fio', 'nbdkit', 'qemu-nbd', 'qemu-img']) {
    if (spawnSync(name, ['--version']).status !== 0) {
      throw new Error(`${name} is not installed: the test group of the toolchain has it`);
    }
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'larder-bench-'));
  const contenders: Contender[] = [];
  try {
    contenders.push(await startOurs(folder), await startNbdkit(folder), await startQemu(folder));
    const rows: NbdBenchRow[] = [];
    for (const workload of workloads) {
      rows.push(...compare(workload, contenders, { rounds, seconds }));
    }
    return rows;
  } finally {
    for (const { process: child } of contenders) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    rmSync(tmpfsImage(), { force: true });
  }
}

function compare(
  workload: Workload,
  contenders: readonly Contender[],
  options: Required<NbdBenchOptions>,
): NbdBenchRow[] {
  // A first turn that does not count: code is compiled and memory touched for the first time.
  for (const contender of contenders) measure(workload, contender, options.seconds);
  const samples = new Map(contenders.map(({ name }) => [name, [] as Sample[]]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const contender of contenders) {
      samples.get(contender.name)?.push(measure(workload, contender, options.seconds));
    }
  }
  const medians = contenders.map(({ name }) => {
    const taken = samples.get(name) ?? [];
    const rates = taken.map(({ requestsPerSecond }) => requestsPerSecond);
    const rate = median(rates);
    return {
      server: name,
      requestsPerSecond: Math.round(rate),
      spread: (Math.max(...rates) - Math.min(...rates)) / rate,
      cpuUsPerRequest: median(taken.map(({ cpuUsPerRequest }) => cpuUsPerRequest)),
    };
  });
  const ours = medians[0]?.requestsPerSecond ?? 0;
  return medians.map((row) => ({
    workload: workload.name,
    ...row,
    ratio: ours / row.requestsPerSecond,
  }));
}

function measure(workload: Workload, contender: Contender, seconds: number): Sample {
  const before = cpuSeconds(contender.process);
  const args = [
    '--name=bench',
    '--ioengine=nbd',
    `--uri=${contender.uri}`,
    `--size=${mebibytes}m`,
    '--time_based=1',
    `--runtime=${seconds}`,
    `--rw=${workload.pattern}`,
    `--bs=${workload.block}`,
    `--iodepth=${workload.depth}`,
    '--output-format=json',
  ];
  const { stdout, stderr, status } = spawnSync('fio', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`fio ${args.join(' ')} exited with ${status}: ${stderr}`);
  const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
    readonly jobs: readonly {
      readonly read: { readonly iops: number; readonly total_ios: number };
      readonly write: { readonly iops: number; readonly total_ios: number };
    }[];
  };
  const [job] = report.jobs;
  if (job === undefined) throw new Error('fio reported no job');
  const requests = job.read.total_ios + job.write.total_ios;
  const usedSeconds = cpuSeconds(contender.process) - before;
  return {
    requestsPerSecond: job.read.iops + job.write.iops,
    cpuUsPerRequest: (usedSeconds * 1e6) / requests,
  };
}

async function startOurs(folder: string): Promise<Contender> {
  const socket = path.join(folder, 'ours.sock');
  const child = spawn(process.execPath, [serveEntry, socket, String(mebibytes)], quiet);
  return ready('ours', `nbd+unix:///memory?socket=${socket}`, socket, child);
}

async function startNbdkit(folder: string): Promise<Contender> {
  const socket = path.join(folder, 'nbdkit.sock');
  const args = ['--foreground', '--exit-with-parent', '-U', socket, 'memory', `${mebibytes}M`];
  const child = spawn('nbdkit', args, quiet);
  return ready('nbdkit memory', `nbd+unix:///?socket=${socket}`, socket, child);
}

async function startQemu(folder: string): Promise<Contender> {
  const socket = path.join(folder, 'qemu.sock');
  spawnSync('qemu-img', ['create', '-q', '-f', 'raw', tmpfsImage(), `${mebibytes}M`]);
  const child = spawn('qemu-nbd', ['-f', 'raw', '-k', socket, '-t', tmpfsImage()], quiet);
  return ready('qemu-nbd tmpfs', `nbd+unix:///?socket=${socket}`, socket, child);
}

function tmpfsImage(): string {
  return `/dev/shm/larder-bench-${process.pid}.img`;
}

async function ready(
  name: string,
  uri: string,
  socket: string,
  child: ChildProcess,
): Promise<Contender> {
  const deadline = performance.now() + 10_000;
  while (!(await isAnswered(socket))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`${name} does not listen on ${socket}`);
    }
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  return { name, uri, process: child };
}

/** User and system time of a process, all threads. Linux counts it in hundredths of a second. */
function cpuSeconds(child: ChildProcess): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** One line a row, ready for a document. */
export function nbdTable(rows: readonly NbdBenchRow[]): string {
  const lines = rows.map(
    ({ workload, server, requestsPerSecond, spread, ratio, cpuUsPerRequest }) =>
      `| ${workload} | ${server} | ${requestsPerSecond} | ±${Math.round(spread * 50)} % | ` +
      `${ratio.toFixed(2)} | ${cpuUsPerRequest.toFixed(1)} |`,
  );
  return [
    '| workload | server | requests/s | spread | ours ÷ this | server CPU, µs/request |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

if (import.meta.main) {
  const [rounds = 5, seconds = 2] = process.argv.slice(2).map(Number);
  console.log(nbdTable(await nbdBench({ rounds, seconds })));
}
