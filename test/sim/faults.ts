/**
 * The faults of a run: drawn from the seed before it begins, so that a run can be repeated without
 * some of them. Which may strike when is in simulation.ts: a run that demands that nothing is lost
 * always leaves one member that has everything.
 */
import type { Prng } from '../../dataplane/base/prng.ts';

const faultKinds = [
  'kill-member',
  'power-member',
  /** Shows I-20: what a graceful stop proves. */
  'stop-member',
  'fail-sync',
  'swap-disk',
  /** The disk of another member in the slot of this one. */
  'wrong-disk',
  'full-disk',
  'slow-disk',
  'rot',
  'misdirect-write',
  'lose-write',
  'pause-member',
  'pause-engine',
  'kill-engine',
  'lose-node',
  'move-engine',
  'split',
  'partition',
  'one-way',
  'reset',
  /** Shows I-19: no change of members while the record is out of reach. */
  'manager-away',
  'stale-reads',
  /** Shows I-04: the record is put back to an older state. */
  'roll-back-record',
  /** Shows I-02: the record is put back to before its writer's claim, and another claims. */
  'two-writers',
  /** Shows I-24: the disk is put back to an older state. */
  'roll-back-disk',
  'blackout',
] as const;

export type FaultKind = (typeof faultKinds)[number];

export function isFaultKind(text: string): text is FaultKind {
  return faultKinds.some((kind) => kind === text);
}

export interface SimFault {
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Which member, where one is meant; taken modulo their number. */
  readonly member: number;
  readonly durationMs: number;
  /** A draw of its own, for what else the fault needs. */
  readonly draw: number;
}

/** @param focus the only kinds there may be; without it each run draws its own */
export function drawFaults(
  prng: Prng,
  options: { readonly count: number; readonly endMs: number },
  focus: readonly FaultKind[] | undefined,
): readonly SimFault[] {
  const { count, endMs } = options;
  // Swarm: each run knows only some kinds, so that each is alone often enough to be seen.
  const swarm = faultKinds.filter(() => prng.chance(0.45));
  const known = focus ?? swarm;
  const faults: SimFault[] = [];
  for (let index = 0; index < count; index++) {
    const kind = prng.pick(known);
    if (kind === undefined) break;
    faults.push({
      atMs: prng.between(100, endMs),
      kind,
      member: prng.between(0, 11),
      durationMs: prng.chance(0.3) ? prng.between(1, 60) : prng.between(60, 1200),
      draw: prng.uint32(),
    });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

export function describe(fault: SimFault): string {
  return `${fault.atMs} ms ${fault.kind} (member ${fault.member}, ${fault.durationMs} ms)`;
}
