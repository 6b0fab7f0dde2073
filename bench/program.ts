/**
 * What a preview of a large stack costs: the real CLI on the repository's program, with policies,
 * without a cluster, as `npm run preview` runs it. Processor time and memory are those of every
 * process of it, so that a busy machine changes the first column alone.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setInterval } from 'node:timers';
import type { CommandContext } from '../lab/base/command.ts';
import { repositoryRoot } from '../lab/base/paths.ts';
import { LocalStack } from '../lab/stack/local-stack.ts';
import { ensurePulumi } from '../lab/toolchain/pulumi.ts';

const budget = { seconds: 15, programMebibytes: 600 };
const sampleMs = 50;
const ticksPerSecond = 100;

/** Four nodes, and as many volumes on two kinds of tiers, each backed up and drilled. */
function largeStack(volumes: number): Readonly<Record<string, unknown>> {
  const names = ['node-1', 'node-2', 'node-3', 'node-4'];
  const place = (index: number) =>
    index % 2 === 0
      ? { tier: 'local-ssd', node: names[(index / 2) % names.length] }
      : { tier: 'local' };
  return {
    'larder:cluster': {
      context: 'homelab',
      kubeconfig: path.join(repositoryRoot, 'test/stack/support/kubeconfig.yaml'),
    },
    'larder:nodes': names.map((name) => ({
      name,
      disks: [{ mount: '/mnt/nvme', kind: 'nvme', capacity: '2Ti' }],
    })),
    'larder:tiers': [
      { name: 'local-ssd', engine: 'static' },
      { name: 'local', engine: 'local-path', default: true },
    ],
    'larder:volumes': Array.from({ length: volumes }, (_, index) => ({
      name: `volume-${index}`,
      size: '10Gi',
      ...place(index),
    })),
    'larder:postgres': [{ name: 'main', size: '10Gi', node: 'node-1', dumps: { node: 'node-2' } }],
  };
}

interface Process {
  readonly parent: number;
  readonly command: string;
  readonly mebibytesMax: number;
  readonly cpuSeconds: number;
}

function processes(): Map<number, Process> {
  const found = new Map<number, Process>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const read = (name: string) => readFileSync(`/proc/${entry}/${name}`, 'utf8');
      const stat = read('stat');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const peak = /VmHWM:\s+(\d+)/.exec(read('status'))?.[1] ?? '0';
      found.set(Number(entry), {
        parent: Number(fields[1]),
        command: read('cmdline').replaceAll('\0', ' '),
        mebibytesMax: Number(peak) / 1024,
        cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
      });
    } catch {
      // It ended between the two looks.
    }
  }
  return found;
}

/** Every process that this one started, by what it is. */
class Watch implements Disposable {
  readonly #seen = new Map<number, Process>();
  readonly #timer = setInterval(() => this.#look(), sampleMs);

  #look(): void {
    const all = processes();
    const isOurs = (pid: number): boolean =>
      pid === process.pid || (all.has(pid) && isOurs(all.get(pid)?.parent ?? 0));
    for (const [pid, now] of all) {
      if (pid === process.pid || !isOurs(pid)) continue;
      const before = this.#seen.get(pid);
      this.#seen.set(pid, {
        ...now,
        // A process that is ending has no command and no memory any more.
        command: now.command === '' ? (before?.command ?? '') : now.command,
        mebibytesMax: Math.max(now.mebibytesMax, before?.mebibytesMax ?? 0),
      });
    }
  }

  get rows(): { what: string; cpuSeconds: number; mebibytesMax: number }[] {
    return [...this.#seen.values()].map(({ command, cpuSeconds, mebibytesMax }) => ({
      what: nameOf(command),
      cpuSeconds,
      mebibytesMax,
    }));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

const kinds: readonly (readonly [RegExp, string])[] = [
  [/cmd\/run\/index/, 'program'],
  [/cmd\/run-policy-pack/, 'policies'],
  [/resource-kubernetes/, 'kubernetes provider'],
  [/language-nodejs/, 'language host'],
  [/bin\/pulumi preview/, 'CLI'],
];
const nameOf = (command: string) =>
  kinds.find(([pattern]) => pattern.test(command))?.[1] ?? 'others';

/** One preview, measured, as a table. */
export async function programSuite(context: CommandContext, volumes = 40): Promise<void> {
  const installation = await ensurePulumi(context);
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-bench-'));
  try {
    using stack = new LocalStack({
      stack: 'homelab',
      folder,
      installation,
      signal: context.signal,
    });
    await stack.prepare(largeStack(volumes));
    // The first one fills Node's cache of compiled modules.
    await stack.run(['preview'], () => {});
    using watch = new Watch();
    const begunMs = performance.now();
    let resources = '';
    await stack.run(['preview'], (line) => {
      resources = /\+ (\d+) to create/.exec(line)?.[1] ?? resources;
    });
    print(volumes, resources, (performance.now() - begunMs) / 1000, watch.rows);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(volumes: number, resources: string, seconds: number, rows: Watch['rows']): void {
  const sum = rows.reduce((all, row) => all + row.cpuSeconds, 0);
  console.log(`\n### Preview of ${volumes} volumes, ${resources} resources\n`);
  console.log(`- ${seconds.toFixed(1)} s (budget ${budget.seconds} s on a quiet machine)`);
  console.log(`- processor: ${sum.toFixed(1)} s`);
  console.log(`- memory of the program: budget ${budget.programMebibytes} MiB\n`);
  console.log('| process | processor, s | memory at most, MiB |\n| --- | --- | --- |');
  for (const what of [
    'CLI',
    'program',
    'policies',
    'kubernetes provider',
    'language host',
    'others',
  ]) {
    const of = rows.filter((row) => row.what === what);
    if (of.length === 0) continue;
    const cpu = of.reduce((all, row) => all + row.cpuSeconds, 0).toFixed(1);
    const memory = of.map((row) => row.mebibytesMax.toFixed(0)).join(', ');
    console.log(`| ${what} | ${cpu} | ${memory} |`);
  }
}
