/** The sizes and probabilities of a run, drawn from its seed and printed with it. */
import type { Prng } from '../../dataplane/base/prng.ts';
import type { Geometry } from '../../dataplane/store/geometry.ts';

export const volume = 'volume';
export const lineage = 'lineage';
export const blockBytes = 64;
export const times = {
  heartbeatMs: 50,
  retryMs: 20,
  quietFlushMs: 350,
  growMs: 60,
  scrubPassMs: 1500,
};
/** Many regions are cleaned in the short time of a run, also under writes. */
export const pace = { quietNudges: 0, patienceNudges: 5 };

export interface Settings {
  readonly members: number;
  readonly blockCount: number;
  readonly regionBlocks: number;
  readonly clients: number;
  readonly thinkMs: number;
  readonly flushShare: number;
  readonly slowestDiskMs: number;
  readonly slowestLinkMs: number;
  readonly lostAnswers: number;
  readonly leaseMs: number;
  readonly memberLossMs: number;
  readonly faults: number;
  readonly busyMs: number;
  /** Everything may lose its power at once; then what was not flushed may be gone. */
  readonly blackouts: boolean;
  readonly snapshots: boolean;
}

export function drawSettings(prng: Prng): Settings {
  const blockCount = prng.between(4, 32);
  return {
    members: prng.pick([1, 2, 2, 2, 2, 3, 3, 3]) ?? 2,
    blockCount,
    regionBlocks: prng.between(2, 8),
    clients: prng.between(1, 5),
    thinkMs: prng.between(5, 60),
    flushShare: prng.fraction() * 0.2,
    slowestDiskMs: prng.between(1, 12),
    slowestLinkMs: prng.between(1, 20),
    lostAnswers: prng.chance(0.5) ? 0 : prng.fraction() * 0.4,
    leaseMs: prng.pick([200, 300, 1000, 1000]) ?? 300,
    memberLossMs: prng.pick([120, 200]) ?? 200,
    faults: prng.between(0, 9),
    busyMs: prng.between(800, 4000),
    blackouts: prng.chance(0.3),
    snapshots: prng.chance(0.4),
  };
}

export function geometryOf(settings: Settings): Geometry {
  const { blockCount, regionBlocks } = settings;
  return { sizeBytes: blockCount * blockBytes, blockBytes, regionBlocks };
}
