/**
 * What the owner wants of a volume beside its record, made so while it is served: the record says
 * what is, the wish what shall be. A wish is read with the record, so that it is known again after
 * a crash of whomever; nobody has to tell the engine, and nothing is done twice.
 */
import type { Core } from './core.ts';
import type { Cuts } from './cuts.ts';
import type { CutRequest } from './engine-events.ts';
import type { Procedure } from './task.ts';

/** A member that refuses (no room) is asked again; a person may have helped. */
const againMs = 10_000;

export class Wishes {
  readonly #core: Core;
  readonly #cuts: Cuts;

  constructor(core: Core, cuts: Cuts) {
    this.#core = core;
    this.#cuts = cuts;
  }

  /** Runs as long as the volume is served. */
  *run(): Procedure {
    const core = this.#core;
    for (;;) {
      yield { ready: () => !core.cutting && this.#next() !== undefined };
      const request = this.#next();
      if (request === undefined) continue;
      const answer = yield* this.#cuts.make(request);
      const why = answer.kind === 'failed' ? answer.fault.message : '';
      core.explain('wish', why);
      if (why !== '') yield* core.pause(againMs);
    }
  }

  /** Whatever is wanted and not so yet, one thing at a time. */
  #next(): CutRequest | undefined {
    const { wish, known } = this.#core;
    if (wish === undefined) return undefined;
    const { sizeBytes, snapshots = [], forgets = [] } = wish;
    if (sizeBytes > known.sizeBytes) return { kind: 'resize', sizeBytes };
    const forgotten = forgets.find((name) => known.snapshots.includes(name));
    if (forgotten !== undefined) return { kind: 'forget', name: forgotten };
    const missing = snapshots.find(
      (name) => !known.snapshots.includes(name) && !forgets.includes(name),
    );
    return missing === undefined ? undefined : { kind: 'snapshot', name: missing };
  }
}
