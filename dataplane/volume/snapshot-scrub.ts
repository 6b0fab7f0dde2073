/**
 * The scrub of snapshots (I-21): blocks that a snapshot shows and nothing newer does are read on
 * every in-sync member, compared, and mended in place from one that matches its checksum. Blocks
 * that something newer shows too lie in the same place, and are met there.
 *
 * A snapshot never changes, so nothing has to wait for it; one that is given up meanwhile is left.
 */
import { limits } from '../base/limits.ts';
import type { ByteSpan } from '../store/geometry.ts';
import type { Core } from './core.ts';
import type { ScrubFinding } from './engine-events.ts';
import { chunks, digestsOf } from './equalize.ts';
import type { MemberLink } from './member-link.ts';
import { type Verdict, verdicts } from './scrub-verdict.ts';
import type { Procedure } from './task.ts';

export type SnapshotFinding = Extract<ScrubFinding, { blocks: readonly number[] }>;

/** What the scrub of the volume lends: its pace, and its voice. */
export interface ScrubHost {
  /** Ends when the span may be read. */
  readonly pace: (span: ByteSpan) => Procedure;
  readonly report: (finding: SnapshotFinding) => void;
}

export class SnapshotScrub {
  readonly #core: Core;
  readonly #host: ScrubHost;

  constructor(core: Core, host: ScrubHost) {
    this.#core = core;
    this.#host = host;
  }

  /** All of them once. */
  *run(): Procedure {
    const { snapshots } = this.#core.known;
    for (const [place, name] of snapshots.entries()) {
      yield* this.#snapshot(name, snapshots[place + 1] ?? '');
    }
  }

  *#snapshot(from: string, to: string): Procedure {
    const core = this.#core;
    const { sizeBytes } = core.geometry;
    for (let at = 0; at < sizeBytes; at += limits.statusBytesMax) {
      const lengthBytes = Math.min(limits.statusBytesMax, sizeBytes - at);
      for (const run of yield* this.#alone(from, to, { offsetBytes: at, lengthBytes })) {
        for (const span of chunks(run)) {
          yield* this.#host.pace(span);
          if (!core.known.snapshots.includes(from)) return;
          yield* this.#compare(from, span);
        }
      }
    }
  }

  /** Where the next view may show something else; nothing when that cannot be learned now. */
  *#alone(from: string, to: string, span: ByteSpan): Procedure<readonly ByteSpan[]> {
    const core = this.#core;
    const link = core.needed().find((other) => other.usable);
    if (link === undefined || !core.known.snapshots.includes(from)) return [];
    const { epoch } = core;
    const heard = yield* core.call(link, { kind: 'difference', epoch, span, from, to });
    if (heard.kind !== 'extents') return [];
    const { blockBytes } = core.geometry;
    const runs: ByteSpan[] = [];
    let offsetBytes = span.offsetBytes;
    for (const { blocks, stored } of heard.extents) {
      const lengthBytes = blocks * blockBytes;
      if (stored) runs.push({ offsetBytes, lengthBytes });
      offsetBytes += lengthBytes;
    }
    return runs;
  }

  *#compare(snapshot: string, span: ByteSpan): Procedure {
    const core = this.#core;
    const members = core.needed();
    const request = { kind: 'digest', epoch: core.epoch, span, snapshot } as const;
    const digests = yield* digestsOf(
      core,
      members.map((link) => ({ link, request })),
    );
    for (const found of verdicts(digests)) {
      const { blockBytes } = core.geometry;
      const offsetBytes = span.offsetBytes + found.index * blockBytes;
      const block = { offsetBytes, lengthBytes: blockBytes };
      const wrong = found.wrong.flatMap((place) => members[place] ?? []);
      const kind = yield* this.#mend(snapshot, block, { found, members, wrong });
      if (kind === undefined) continue;
      const blocks = [offsetBytes / blockBytes];
      this.#host.report({ kind, blocks, members: wrong.map(({ id }) => id), snapshot });
    }
  }

  /** What became of it; undefined when somebody did not answer: the next pass meets it again. */
  *#mend(
    snapshot: string,
    span: ByteSpan,
    judged: {
      readonly found: Verdict;
      readonly members: readonly MemberLink[];
      readonly wrong: readonly MemberLink[];
    },
  ): Procedure<SnapshotFinding['kind'] | undefined> {
    const core = this.#core;
    const { found, members, wrong } = judged;
    const source = members[found.right[0] ?? -1];
    if (source === undefined) return 'lost';
    const { epoch } = core;
    const heard = yield* core.call(source, { kind: 'read', epoch, span, snapshot });
    if (heard.kind !== 'data') return undefined;
    const { bytes } = heard;
    const { offsetBytes } = span;
    for (const link of wrong) {
      const request = { kind: 'mend', epoch, offsetBytes, bytes, snapshot } as const;
      const answer = yield* core.call(link, request);
      // Its checksum is of other bytes, or is lost itself: here nothing can put it right.
      if (answer.kind === 'corrupt') return found.differ ? 'differed' : 'lost';
      if (answer.kind !== 'done') return undefined;
    }
    return 'repaired';
  }
}
