/**
 * One measurement with fio: a workload against something that can be read and written, with the
 * processor time that its processes used meanwhile.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

export interface Workload {
  readonly name: string;
  /** fio's `rw`. */
  readonly pattern: 'randread' | 'randwrite' | 'read' | 'write';
  readonly block: '4k' | '1m';
  readonly depth: number;
  /** A flush after every write, which counts as part of it. */
  readonly flush?: boolean;
}

/** Something fio can be pointed at. */
export interface Contender {
  readonly name: string;
  /** The engine and the place. */
  readonly fioArgs: readonly string[];
  /** Processes whose processor time and memory count. */
  readonly processes: ReadonlyMap<string, number>;
}

export interface Sample {
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of a request, or of the flush where there is one: 50th, 99th and 99.9th percentile. */
  readonly latencyUs: readonly [number, number, number];
  /** Of all processes of the contender. */
  readonly cpuUsPerRequest: number;
  /** The same by process. */
  readonly cpuUs: ReadonlyMap<string, number>;
}

const direction = z.object({
  iops: z.number(),
  bw_bytes: z.number(),
  total_ios: z.number(),
  clat_ns: z.object({ percentile: z.record(z.string(), z.number()).optional() }),
});
const report = z.object({
  jobs: z.tuple([
    z.object({
      read: direction,
      write: direction,
      sync: z.object({
        lat_ns: z.object({ percentile: z.record(z.string(), z.number()).optional() }),
      }),
    }),
  ]),
});

/** Rejects with fio's own words when it fails. */
export async function measure(
  contender: Contender,
  workload: Workload,
  size: { readonly mebibytes: number; readonly seconds: number },
): Promise<Sample> {
  const before = cpuSeconds(contender);
  const job = await runFio([
    ...contender.fioArgs,
    `--size=${size.mebibytes}m`,
    '--time_based=1',
    `--runtime=${Math.round(size.seconds * 1000)}ms`,
    `--rw=${workload.pattern}`,
    `--bs=${workload.block}`,
    `--iodepth=${workload.depth}`,
    // A map of the blocks that were touched costs fio more than some of the servers cost.
    '--norandommap=1',
    '--percentile_list=50:99:99.9',
    ...(workload.flush === true ? ['--fsync=1'] : []),
  ]);
  const after = cpuSeconds(contender);
  const found = workload.pattern.endsWith('read') ? job.read : job.write;
  const percentiles = workload.flush === true ? job.sync.lat_ns : found.clat_ns;
  const at = (name: string) => (percentiles.percentile?.[name] ?? 0) / 1000;
  const cpuUs = new Map(
    [...after].map(([name, seconds]) => {
      const used = seconds - (before.get(name) ?? 0);
      return [name, (used * 1e6) / found.total_ios];
    }),
  );
  return {
    requestsPerSecond: found.iops,
    bytesPerSecond: found.bw_bytes,
    latencyUs: [at('50.000000'), at('99.000000'), at('99.900000')],
    cpuUsPerRequest: [...cpuUs.values()].reduce((sum, used) => sum + used, 0),
    cpuUs,
  };
}

/** Writes every block once, so that nobody measures holes. */
export async function fill(contender: Contender, mebibytes: number): Promise<void> {
  const args = [`--size=${mebibytes}m`, '--rw=write', '--bs=1m', '--iodepth=4', '--end_fsync=1'];
  await runFio([...contender.fioArgs, ...args]);
}

async function runFio(args: readonly string[]) {
  const all = ['--name=bench', ...args, '--output-format=json'];
  const child = spawn('fio', all, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`fio ${all.join(' ')} exited with ${code}: ${said.stderr}`);
  const parsed = report.parse(JSON.parse(said.stdout.slice(said.stdout.indexOf('{'))));
  return parsed.jobs[0];
}

/** User and system time by process, all threads. Linux counts it in hundredths of a second. */
export function cpuSeconds(contender: Pick<Contender, 'processes'>): Map<string, number> {
  const seconds = [...contender.processes].map(([name, pid]): [string, number] => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [name, (Number(fields[11]) + Number(fields[12])) / 100];
  });
  return new Map(seconds);
}

/** Resident memory by process, in MiB. */
export function residentMebibytes(contender: Pick<Contender, 'processes'>): Map<string, number> {
  const sizes = [...contender.processes].map(([name, pid]): [string, number] => {
    const kibibytes = /^VmRSS:\s+(?<kib>\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
      ?.groups?.['kib'];
    return [name, Number(kibibytes) / 1024];
  });
  return new Map(sizes);
}
