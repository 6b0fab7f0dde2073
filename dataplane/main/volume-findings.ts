/**
 * What an engine finds out about its volume and people should see in the volume's status: that
 * acknowledged writes were lost, and what the scrub found. Told as it comes, the newest last; what
 * cannot be told is in the log all the same.
 */
import { Fault } from '../base/fault.ts';
import type { Cluster, VolumeFinding } from '../ports/cluster.ts';
import type { Log } from '../ports/log.ts';
import type { ScrubFinding } from '../volume/engine-events.ts';

const blocksShown = 8;

export class VolumeFindings {
  readonly #cluster: Cluster;
  readonly #volume: string;
  readonly #log: Log;
  #waiting: VolumeFinding | undefined;
  #telling: Promise<void> | undefined;

  constructor(cluster: Cluster, volume: string, log: Log) {
    this.#cluster = cluster;
    this.#volume = volume;
    this.#log = log;
  }

  scrubbed(finding: ScrubFinding): void {
    const said = saidOf(finding);
    if (said === undefined || this.#cluster.report === undefined) return;
    // Blocks that are lost are not hidden by others that were repaired after them.
    if (this.#waiting?.status === 'False' && said.status === 'True') return;
    this.#waiting = said;
    this.#telling ??= this.#tellAll();
  }

  /** Resolves when it has been told, or when that is impossible just now. */
  async lost(fault: Fault): Promise<void> {
    await this.#telling;
    await this.#tell({
      type: 'DataLost',
      status: 'True',
      reason: 'WritesLost',
      message: `${fault.message} ${fault.hint} Then look whether what uses it is whole, or restore it from a backup.`,
    });
  }

  async #tellAll(): Promise<void> {
    for (let next = this.#waiting; next !== undefined; next = this.#waiting) {
      this.#waiting = undefined;
      await this.#tell(next);
    }
    this.#telling = undefined;
  }

  async #tell(finding: VolumeFinding): Promise<void> {
    try {
      await this.#cluster.report?.(this.#volume, finding);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#log.warn(`not told in the status: ${error.message}`, { volume: this.#volume });
    }
  }
}

/** Undefined for what is no news. */
function saidOf(finding: ScrubFinding): VolumeFinding | undefined {
  const type = 'Intact';
  if (finding.kind === 'pass') {
    const { lostBlocks, repairedBlocks, differedBlocks } = finding;
    if (lostBlocks > 0) return undefined;
    const mended = repairedBlocks + differedBlocks;
    const what = mended === 0 ? 'found nothing wrong' : `mended ${mended} blocks since it started`;
    return { type, status: 'True', reason: 'Scrubbed', message: `The scrub ${what}.` };
  }
  const { kind, blocks, members, snapshot } = finding;
  const more = blocks.length > blocksShown ? ' …' : '';
  const of = snapshot === undefined ? '' : ` of snapshot ${snapshot}`;
  const where = `block ${blocks.slice(0, blocksShown).join(' ')}${more}${of} on ${members.join(', ')}`;
  if (kind === 'lost') {
    const message = `The scrub found what no copy can read: ${where}. Restore it from a backup, or write it anew.`;
    return { type, status: 'False', reason: 'BlocksLost', message };
  }
  const message =
    kind === 'repaired'
      ? `The scrub repaired what did not match its checksum: ${where}. Look after that disk.`
      : `The scrub made copies equal that differed: ${where}. Look after the disks and the memory.`;
  return { type, status: 'True', reason: kind === 'repaired' ? 'Repaired' : 'MadeEqual', message };
}
