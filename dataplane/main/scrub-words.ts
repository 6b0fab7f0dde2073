/** What the scrub found, as lines of the log. */
import type { Log } from '../ports/log.ts';
import type { ScrubFinding } from '../volume/engine-events.ts';

const words = {
  repaired: 'scrub repaired blocks that did not match their checksum; look after that disk',
  differed: 'scrub found copies that differ though each matches its checksum, and made them equal',
  lost: 'scrub found blocks that no copy can read; restore them from a backup, or write them again',
} as const;

export function tellFinding(log: Log, volume: string, finding: ScrubFinding): void {
  if (finding.kind === 'pass') {
    const {
      tookMs,
      repairedBlocks: repaired,
      differedBlocks: differed,
      lostBlocks: lost,
    } = finding;
    const tookHours = Math.round(tookMs / 360_000) / 10;
    log.info('scrub ended a pass', { volume, tookHours, repaired, differed, lost });
    return;
  }
  const { blocks, members, snapshot } = finding;
  const where = { volume, ...(snapshot === undefined ? {} : { snapshot }) };
  log.warn(words[finding.kind], { ...where, blocks: blocks.join(' '), members: members.join(' ') });
}
