/**
 * One run: a volume with its replica servers, engines that come and go, clients, and the faults of
 * the seed; the real `drive/` over the twins. Two phases: faults while clients work, then
 * everything is healed and must come to rest: in sync, byte-equal, every answer explained
 * (docs/simulation.md).
 */
import { drawFaults, type FaultKind, type SimFault } from './faults.ts';
import { Owner } from './owner.ts';
import type { Plants } from './plants.ts';
import { atRest, questionAtRest, questionWhatIsLeft, settleMs, whyNotAtRest } from './rest.ts';
import { drawSettings, type Settings } from './settings.ts';
import { Shelf } from './shelf.ts';
import { Strikes } from './strikes.ts';
import { World } from './world.ts';

/** Time after which a member that is away has been missed. */
const noticeMs = 1200;
/** As many faults as there can be, for runs that focus on a few kinds. */
const faultsMax = 9;

export interface RunOptions {
  readonly seed: number;
  readonly plants?: Plants;
  /**
   * The only kinds of faults, and as many as there can be; for mistakes that need a rare meeting.
   */
  readonly focus?: readonly FaultKind[];
  /**
   * True unless told: faults leave one member that has everything, so the volume must come back.
   * False: anything goes; the volume may stop for good, but it may not lie.
   */
  readonly budget?: boolean;
  /** Indexes of faults to leave out. */
  readonly without?: ReadonlySet<number>;
  /** Lines of the story in the result; 200 unless told. */
  readonly linesKept?: number;
}

export interface RunResult {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly hash: string;
  readonly faults: readonly SimFault[];
  readonly settings: Settings;
  readonly lines: readonly string[];
  readonly eventCount: number;
}

/** Runs the story of one seed to its end. */
export async function simulate(options: RunOptions): Promise<RunResult> {
  const { seed, plants = {}, focus, without, budget = true } = options;
  const world = new World(seed, options.linesKept ?? 200);
  const settings = drawSettings(world.prng.fork('settings'));
  const count = focus === undefined && budget ? settings.faults : faultsMax;
  const spread = { count, endMs: settings.busyMs };
  const faults = drawFaults(world.prng.fork('faults'), spread, focus);
  const shelf = new Shelf(world, settings, plants);
  const strikes = new Strikes(shelf, { budget });
  await shelf.begin();
  const owner = new Owner(shelf);
  // Planted mistakes are looked for among fewer things that happen.
  if (focus === undefined && Object.keys(plants).length === 0) owner.begin();
  faults.forEach((fault, index) => {
    if (without?.has(index) === true) return;
    world.after(fault.atMs, () => {
      strikes.strike(fault);
    });
  });
  await world.runUntil(settings.busyMs);
  shelf.heal();
  owner.relent();
  if (budget) await converge(shelf);
  else await questionWhatIsLeft(shelf);
  const { violation, hash, lines, eventCount } = world;
  return { seed, violation, hash, faults, settings, lines, eventCount };
}

/** The second phase: what one good copy can bring back must come back. */
async function converge(shelf: Shelf): Promise<void> {
  const { world } = shelf;
  // Long enough for everybody to notice who is away: before that "in sync" is only the last word.
  await world.runUntil(world.nowMs + noticeMs);
  await world.runUntil(world.nowMs + settleMs, () => atRest(shelf));
  if (world.violation === undefined && !atRest(shelf)) world.violate(whyNotAtRest(shelf));
  if (world.violation === undefined) await questionAtRest(shelf);
}
