/** What an engine reports of its volume, beside the requests (drive/measured-blocks.ts). */
import { counter, type Family, gauge } from './metrics.ts';

export interface EngineHealth {
  readonly epoch: number;
  readonly serving: boolean;
  /** For how long it has waited for something that it needs; 0 when all is well. */
  readonly waitingSeconds: number;
  readonly copiedBytes: number;
  readonly scrub: {
    readonly passes: number;
    readonly repairedBlocks: number;
    readonly differedBlocks: number;
    readonly lostBlocks: number;
  };
  /** Since the last pass ended; undefined before the first. */
  readonly scrubAgeSeconds: number | undefined;
}

export function engineFamilies(volume: string, engine: EngineHealth): readonly Family[] {
  const one = (value: number) => [{ labels: { volume }, value }];
  const { scrub, scrubAgeSeconds } = engine;
  return [
    gauge('larder_volume_epoch', 'The epoch this engine opened.', one(engine.epoch)),
    gauge(
      'larder_volume_serving',
      'Whether reads and writes are answered.',
      one(engine.serving ? 1 : 0),
    ),
    gauge(
      'larder_volume_waiting_seconds',
      'For how long the engine has waited for a member, the record or room; 0 when all is well.',
      one(engine.waitingSeconds),
    ),
    counter(
      'larder_volume_resync_bytes_total',
      'Sent from one copy to others to make them equal.',
      one(engine.copiedBytes),
    ),
    counter('larder_volume_scrub_passes_total', 'Times the scrub went through.', one(scrub.passes)),
    counter(
      'larder_volume_scrub_repaired_blocks_total',
      'Blocks that did not match their checksum on some copy, and do again.',
      one(scrub.repairedBlocks),
    ),
    counter(
      'larder_volume_scrub_differed_blocks_total',
      'Blocks that copies with good checksums showed differently, made equal.',
      one(scrub.differedBlocks),
    ),
    counter(
      'larder_volume_scrub_lost_blocks_total',
      'Blocks that no copy could read, counted in every pass.',
      one(scrub.lostBlocks),
    ),
    gauge(
      'larder_volume_scrub_age_seconds',
      'Since the last pass of the scrub ended.',
      scrubAgeSeconds === undefined ? [] : one(scrubAgeSeconds),
    ),
  ];
}
