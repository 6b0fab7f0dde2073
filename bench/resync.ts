/**
 * What a resync costs those who work meanwhile: the same workload on two volumes in turns, one at
 * rest and one that is filling a copy anew all the time. A turn counts only when the filling had
 * begun before it and had not ended after it.
 */
import { rmSync } from 'node:fs';
import { waitFor } from '../lab/cluster/wait.ts';
import { DirectoryCluster } from '../dataplane/host/cluster.ts';
import { type Contender, fill, measure, type Workload } from './fio.ts';
import { Rack, type RackVolume } from './larder.ts';
import { median, type RoundOptions } from './rounds.ts';
import type { Servers } from './servers.ts';

const workloads: readonly Workload[] = [
  { name: '4K random write QD16', pattern: 'randwrite', block: '4k', depth: 16 },
  { name: '4K random read QD16', pattern: 'randread', block: '4k', depth: 16 },
  { name: '1M sequential write QD4', pattern: 'write', block: '1m', depth: 4 },
];
/** Clients touch this much; the rest is there for the resync to be long. */
const workedMebibytes = 64;
const volume: RackVolume = { name: 'volume', nodes: ['r1', 'r2'] };
const lossTimeoutMs = 15_000;

/** Tables and sentences, ready for a document. */
export async function resyncCost(servers: Servers, options: RoundOptions): Promise<string> {
  const calm = await start(servers, 'calm', options.mebibytes);
  const busy = await start(servers, 'filling', options.mebibytes);
  const lines = [
    '| workload | at rest | while a copy is filled | slowdown | turns |',
    '| --- | --- | --- | --- | --- |',
  ];
  for (const workload of workloads) lines.push(await compareOne(workload, calm, busy, options));
  return lines.join('\n');
}

async function compareOne(
  workload: Workload,
  calm: Volume,
  busy: Volume,
  options: RoundOptions,
): Promise<string> {
  const size = { mebibytes: workedMebibytes, seconds: options.seconds };
  const rates: { readonly atRest: number; readonly filling: number }[] = [];
  for (let tries = 0; rates.length < options.rounds && tries < options.rounds * 3; tries += 1) {
    options.signal.throwIfAborted();
    const atRest = (await measure(calm.contender, workload, size)).requestsPerSecond;
    if (await busy.isWhole()) await busy.emptyOne();
    const filling = (await measure(busy.contender, workload, size)).requestsPerSecond;
    if (!(await busy.isWhole())) rates.push({ atRest, filling });
  }
  const atRest = median(rates.map((rate) => rate.atRest));
  const filling = median(rates.map((rate) => rate.filling));
  const slowdowns = rates.map((rate) => 100 - (rate.filling / rate.atRest) * 100);
  const [least, most] = [Math.min(...slowdowns), Math.max(...slowdowns)];
  const slowdown = `${median(slowdowns).toFixed(0)} % (${least.toFixed(0)} to ${most.toFixed(0)})`;
  const found = [atRest.toFixed(0), filling.toFixed(0), slowdown, rates.length];
  return `| ${[workload.name, ...found].join(' | ')} |`;
}

/** A volume with two copies, of which one can be lost with its disk. */
class Volume {
  readonly contender: Contender;
  readonly #rack: Rack;
  readonly #servers: Servers;
  readonly #record: string;
  #second: number;

  constructor(parts: {
    readonly contender: Contender;
    readonly rack: Rack;
    readonly servers: Servers;
    readonly second: number;
  }) {
    this.contender = parts.contender;
    this.#rack = parts.rack;
    this.#servers = parts.servers;
    this.#record = parts.rack.folderOf(`record-${volume.name}`);
    this.#second = parts.second;
  }

  /** Both copies are in sync, by the record. */
  async isWhole(): Promise<boolean> {
    const { record } = await new DirectoryCluster(this.#record).read(volume.name);
    return record.members.every(({ inSync }) => inSync);
  }

  /** The second copy's disk is replaced by an empty one; resolves when it is being filled. */
  async emptyOne(): Promise<void> {
    await this.#servers.end(this.#second);
    const lost = async () => !(await this.isWhole());
    await waitFor('the loss of the second copy', lost, lossTimeoutMs);
    rmSync(this.#rack.folderOf(`r2-${volume.name}`), { recursive: true });
    this.#second = await this.#rack.startReplica('r2', [volume], { withVolume: false });
  }
}

async function start(servers: Servers, name: string, mebibytes: number): Promise<Volume> {
  const rack = new Rack(servers, { name, mebibytes });
  const first = await rack.startReplica('r1', [volume]);
  const second = await rack.startReplica('r2', [volume]);
  const engine = await rack.startEngines('engine', [volume]);
  const processes = new Map([
    ['r1', first],
    ['engine', engine],
  ]);
  const contender: Contender = { name, fioArgs: rack.fioArgs(volume), processes };
  await fill(contender, mebibytes);
  return new Volume({ contender, rack, servers, second });
}
