/**
 * The simulator's command line. `node test/sim/run.ts --seed N` repeats one run and prints it;
 * without a seed it runs many (`--seeds 1000 --from 1`). A failing seed is shortened to the faults
 * it needs.
 */
import { parseArgs } from 'node:util';
import { describe, isFaultKind } from './faults.ts';
import { plants as known } from './plants.ts';
import { type RunOptions, type RunResult, simulate } from './simulation.ts';

/** What a run has besides its seed. */
type Variant = Omit<RunOptions, 'seed' | 'without' | 'linesKept'>;

export function explain(
  result: RunResult,
  needed: readonly number[],
  variant: Variant = {},
): string {
  const without = result.faults.map((_, index) => index).filter((index) => !needed.includes(index));
  const options = [
    ...(without.length === 0 ? [] : ['--without', without.join(',')]),
    ...(variant.budget === false ? ['--no-budget'] : []),
    ...(variant.focus === undefined ? [] : ['--focus', variant.focus.join(',')]),
    ...Object.keys(variant.plants ?? {}).flatMap((plant) => ['--plant', plant]),
  ];
  return [
    `seed ${result.seed}: ${result.violation}`,
    `settings: ${JSON.stringify(result.settings)}`,
    'faults needed:',
    ...needed.map((index) => {
      const fault = result.faults[index];
      return `  ${index}: ${fault === undefined ? '' : describe(fault)}`;
    }),
    ['repeat: node test/sim/run.ts', '--seed', result.seed, ...options].join(' '),
  ].join('\n');
}

/** Leaves out one fault after the other as long as the run still fails. */
export async function shorten(
  result: RunResult,
  variant: Variant = {},
): Promise<readonly number[]> {
  const { seed } = result;
  const without = new Set<number>();
  for (let index = result.faults.length - 1; index >= 0; index--) {
    without.add(index);
    const again = await simulate({ ...variant, seed, without });
    if (again.violation === undefined) without.delete(index);
  }
  return result.faults.map((_, index) => index).filter((index) => !without.has(index));
}

/** A plant brings the faults that it needs, unless others are asked for. */
function variantOf(
  name: string | undefined,
  focused: string | undefined,
  budget: boolean,
): Variant {
  const plant = known.find((one) => one.name === name);
  if (name !== undefined && plant === undefined) {
    throw new Error(`There is no plant ${name}: ${known.map((one) => one.name).join(', ')}.`);
  }
  const wrong = (focused?.split(',') ?? []).filter((kind) => !isFaultKind(kind));
  if (wrong.length > 0) throw new Error(`There is no fault ${wrong.join(', ')}.`);
  const focus = focused?.split(',').filter(isFaultKind) ?? plant?.focus;
  return {
    ...(plant === undefined ? {} : { plants: { [plant.name]: true } }),
    ...(focus === undefined ? {} : { focus }),
    budget: budget && plant?.budget !== false,
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      plant: { type: 'string' },
      focus: { type: 'string' },
      without: { type: 'string', default: '' },
      'no-budget': { type: 'boolean', default: false },
      lines: { type: 'string', default: '200' },
    },
  });
  const variant = variantOf(values.plant, values.focus, !values['no-budget']);
  const without = new Set(values.without.split(',').filter(Boolean).map(Number));
  if (values.seed !== undefined) {
    const linesKept = Number(values.lines);
    const seed = Number(values.seed);
    const result = await simulate({ ...variant, seed, without, linesKept });
    console.log(result.lines.join('\n'));
    console.log(JSON.stringify(result.settings));
    console.log(`${result.violation ?? 'no violation'} (trace ${result.hash})`);
    process.exitCode = result.violation === undefined ? 0 : 1;
    return;
  }
  const from = Number(values.from);
  const startedMs = performance.now();
  let events = 0;
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    const result = await simulate({ ...variant, seed });
    events += result.eventCount;
    if (result.violation === undefined) continue;
    console.log(explain(result, await shorten(result, variant), variant));
    process.exitCode = 1;
    return;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `${values.seeds} seeds from ${from}: no violation, ${events} events, ${seconds.toFixed(1)} s`,
  );
}

if (import.meta.main) await main();
