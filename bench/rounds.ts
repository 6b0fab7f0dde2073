/**
 * Contenders side by side: all stand at once and take turns within every round, so that a busy
 * machine is busy for all. Reported are medians, their spread, and ratios.
 */
import { type Contender, measure, type Sample, type Workload } from './fio.ts';

export interface RoundOptions {
  readonly mebibytes: number;
  readonly rounds: number;
  /** Of one measurement. */
  readonly seconds: number;
  readonly signal: AbortSignal;
}

export interface Result {
  readonly workload: Workload;
  readonly contender: Contender;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  /** (largest − smallest) / median of the rounds. */
  readonly spread: number;
  readonly latencyUs: readonly number[];
  readonly cpuUsPerRequest: number;
  readonly cpuUs: ReadonlyMap<string, number>;
}

const warmUpSeconds = 2;

export async function compare(
  workload: Workload,
  contenders: readonly Contender[],
  options: RoundOptions,
): Promise<readonly Result[]> {
  const samples = new Map<Contender, Sample[]>(contenders.map((contender) => [contender, []]));
  // The first turn does not count: code is compiled and memory touched for the first time.
  const first = { ...options, seconds: Math.max(warmUpSeconds, options.seconds) };
  for (let round = -1; round < options.rounds; round += 1) {
    // Whoever comes after a busy neighbour finds a warmer processor and a fuller journal.
    const turns = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const contender of turns) {
      options.signal.throwIfAborted();
      const sample = await measure(contender, workload, round < 0 ? first : options);
      if (round >= 0) samples.get(contender)?.push(sample);
    }
  }
  return contenders.map((contender) => summary(workload, contender, samples.get(contender) ?? []));
}

function summary(workload: Workload, contender: Contender, samples: readonly Sample[]): Result {
  const middle = (pick: (sample: Sample) => number) => median(samples.map(pick));
  const rates = samples.map(({ requestsPerSecond }) => requestsPerSecond);
  const rate = median(rates);
  const processes = [...contender.processes.keys()];
  return {
    workload,
    contender,
    requestsPerSecond: rate,
    bytesPerSecond: middle(({ bytesPerSecond }) => bytesPerSecond),
    spread: (Math.max(...rates) - Math.min(...rates)) / rate,
    latencyUs: [0, 1, 2].map((index) => middle(({ latencyUs }) => latencyUs[index] ?? 0)),
    cpuUsPerRequest: middle(({ cpuUsPerRequest }) => cpuUsPerRequest),
    cpuUs: new Map(processes.map((name) => [name, middle(({ cpuUs }) => cpuUs.get(name) ?? 0)])),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** One table a workload, ready for a document. The ratio is to the first contender. */
export function resultTable(results: readonly Result[]): string {
  const [first] = results;
  if (first === undefined) return '';
  const lines = results.map((result) => {
    const { contender, latencyUs, cpuUs } = result;
    const rate =
      result.workload.block === '1m'
        ? `${Math.round(result.bytesPerSecond / 1e6)} MB/s`
        : `${Math.round(result.requestsPerSecond)}`;
    const cpu = [...cpuUs].map(([name, used]) => `${name} ${used.toFixed(1)}`).join(', ');
    return [
      contender.name,
      rate,
      `±${Math.round(result.spread * 50)} %`,
      (result.requestsPerSecond / first.requestsPerSecond).toFixed(2),
      latencyUs.map((us) => us.toFixed(0)).join(' / '),
      result.cpuUsPerRequest.toFixed(1),
      cpu,
    ].join(' | ');
  });
  return [
    `### ${first.workload.name}`,
    '',
    `| | rate | spread | ÷ ${first.contender.name} | latency p50 / p99 / p99.9, µs | CPU a request, µs | by process |`,
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}
