/**
 * The scrub (I-21): while a volume is served, every block of every in-sync member, and then every
 * block that only a snapshot shows, is read at leisure and compared, so that rot is found while
 * another copy still has what it destroyed.
 *
 * Promises: at most one step (`limits.copyBytesMax`) is under way, no faster than the written rate,
 * and after clients and copying; each step is alone on its range, where members that count must be
 * equal, dirty or not. Nothing is changed without a finding. Never: overwrites a block with one
 * that does not match its checksum; remembers its place: each opening begins somewhere else
 * (docs/decisions/0083).
 */
import { limits } from '../base/limits.ts';
import { Prng } from '../base/prng.ts';
import { type ByteSpan, regionCount, regionSpan } from '../store/geometry.ts';
import type { Core } from './core.ts';
import type { ScrubFinding, ScrubState } from './engine-events.ts';
import { chunks, digestsOf, equalize } from './equalize.ts';
import type { MemberLink } from './member-link.ts';
import type { Operations } from './operations.ts';
import { repairBlock } from './repair.ts';
import { verdicts } from './scrub-verdict.ts';
import { SnapshotScrub } from './snapshot-scrub.ts';
import type { Procedure } from './task.ts';

type BlockFinding = Extract<ScrubFinding, { blocks: readonly number[] }>;

export class Scrub {
  readonly #core: Core;
  readonly #operations: Operations;
  readonly #counts = { repaired: 0, differed: 0, lost: 0 };
  readonly #snapshots: SnapshotScrub;
  #passes = 0;
  #lastPassEndedAtMs: number | undefined;

  constructor(core: Core, operations: Operations) {
    this.#core = core;
    this.#operations = operations;
    this.#snapshots = new SnapshotScrub(core, {
      pace: (span) => this.#wait(span),
      report: (finding) => {
        this.#report(finding);
      },
    });
  }

  get state(): ScrubState {
    const { repaired, differed, lost } = this.#counts;
    return {
      passes: this.#passes,
      lastPassEndedAtMs: this.#lastPassEndedAtMs,
      repairedBlocks: repaired,
      differedBlocks: differed,
      lostBlocks: lost,
    };
  }

  /** Runs as long as the volume is served. */
  *run(): Procedure {
    const core = this.#core;
    const start = new Prng(0).fork(core.options.incarnation);
    let region = start.between(0, regionCount(core.geometry) - 1);
    for (;;) {
      const begunAtMs = core.nowMs;
      for (let walked = 0; walked < regionCount(core.geometry); walked++) {
        yield* this.#region(region);
        region = (region + 1) % regionCount(core.geometry);
      }
      yield* this.#snapshots.run();
      this.#passes += 1;
      this.#lastPassEndedAtMs = core.nowMs;
      const finding = { kind: 'pass', tookMs: core.nowMs - begunAtMs, ...this.state } as const;
      core.command({ kind: 'found', finding });
    }
  }

  *#region(region: number): Procedure {
    const core = this.#core;
    for (const span of chunks(regionSpan(core.geometry, region))) {
      do {
        yield* this.#wait(span);
      } while (!(yield* this.#step(span)));
    }
  }

  *#wait(span: ByteSpan): Procedure {
    yield* this.#core.pause(this.#paceMs(span));
    yield* this.#giveWay();
  }

  /** The written rate, and slower where a pass would be over too soon. */
  #paceMs({ lengthBytes }: ByteSpan): number {
    const { geometry, options } = this.#core;
    const shareOfPass = (options.scrubPassMs * lengthBytes) / geometry.sizeBytes;
    return Math.max(shareOfPass, (lengthBytes / limits.scrubBytesPerSecond) * 1000);
  }

  /** Clients first, but not for ever; copying and cuts first, however long they take. */
  *#giveWay(): Procedure {
    const core = this.#core;
    const untilMs = core.nowMs + limits.scrubPatienceMs;
    yield { ready: () => this.#operations.idle, orAtMs: untilMs };
    const copying = () => [...core.links.values()].some((link) => link.held);
    yield { ready: () => !core.cutting && !copying() };
  }

  /** False when it has to be done again: somebody was lost on the way. */
  *#step(span: ByteSpan): Procedure<boolean> {
    const { plants } = this.#core.options;
    if (plants.scrubWithoutOrder === true) return yield* this.#compare(span);
    const turn = yield* this.#operations.enter(span);
    const compared = yield* this.#compare(span);
    this.#operations.leave(turn);
    return compared;
  }

  *#compare(span: ByteSpan): Procedure<boolean> {
    const core = this.#core;
    const members = core.needed();
    const [first, ...targets] = members;
    if (core.options.plants.scrubFromBadCopy === true && first !== undefined) {
      return yield* equalize(core, { sources: [first], targets, span });
    }
    const request = { kind: 'digest', epoch: core.epoch, span } as const;
    const digests = yield* digestsOf(
      core,
      members.map((link) => ({ link, request })),
    );
    if (digests.length === 0) return false;
    const findings = new Map<BlockFinding['kind'], { blocks: number[]; members: Set<string> }>();
    const { blockBytes } = core.geometry;
    let complete = true;
    for (const { index, right, wrong, differ } of verdicts(digests)) {
      const block = { offsetBytes: span.offsetBytes + index * blockBytes, lengthBytes: blockBytes };
      const kind = right.length === 0 ? 'lost' : differ ? 'differed' : 'repaired';
      const bad = wrong.flatMap((place) => members[place] ?? []);
      if (kind !== 'lost' && !(yield* this.#repair(block, bad))) {
        complete = false;
        continue;
      }
      const finding = findings.get(kind) ?? { blocks: [], members: new Set() };
      finding.blocks.push(block.offsetBytes / blockBytes);
      for (const { id } of bad) finding.members.add(id);
      findings.set(kind, finding);
    }
    for (const [kind, found] of findings) {
      this.#report({ kind, blocks: found.blocks, members: [...found.members] });
    }
    // Their regions are dirty now; a block that rots there may pass for a write after a crash.
    if (findings.has('repaired') || findings.has('differed')) this.#operations.flushQuietly();
    return complete;
  }

  *#repair(block: ByteSpan, bad: readonly MemberLink[]): Procedure<boolean> {
    const repaired = yield* repairBlock(this.#core, block, bad);
    return repaired?.everywhere === true;
  }

  #report(finding: BlockFinding): void {
    this.#counts[finding.kind] += finding.blocks.length;
    this.#core.command({ kind: 'found', finding });
  }
}
