/**
 * How a disk that was put back to an older state (a restored image, a machine's snapshot) is told
 * from one that was only away (I-24). The in-sync members grow older together: each durably counts
 * up, and remembers what all of them have reached. Nobody forgets what an older state would need
 * (dirty marks) before that. Who then comes back younger than others or the record remember it has
 * an older disk: it does not count as in sync, and is copied in full.
 *
 * The record remembers an age too, whenever a member might prove itself by having been stopped in
 * order: an older state can prove the same.
 */
import type { Core } from './core.ts';
import type { MemberLink } from './member-link.ts';
import type { MemberRequest } from './member.ts';
import type { Membership } from './membership.ts';
import type { Operations } from './operations.ts';
import type { Procedure } from './task.ts';

export class Ageing {
  readonly #core: Core;
  readonly #operations: Operations;
  readonly #membership: Membership;
  #busy = false;
  /** Flushed everywhere before everybody reached the present age, and before the one before it. */
  #flushedBefore = 0;
  #cleanThrough = 0;

  constructor(core: Core, operations: Operations, membership: Membership) {
    this.#core = core;
    this.#operations = operations;
    this.#membership = membership;
  }

  /** Writes up to here need no dirty mark any more: every member remembers that all are older. */
  get cleanThrough(): number {
    return this.#early ? this.#operations.cleanThrough : this.#cleanThrough;
  }

  /** Runs as long as the volume is served; rests when there is nothing to be forgotten. */
  *run(): Procedure {
    const { options } = this.#core;
    for (;;) {
      yield* this.#core.pause(options.growMs);
      if (!this.#early && this.#cleanThrough < this.#operations.cleanThrough) yield* this.grow();
    }
  }

  /** Everybody who counts, or is being filled, durably becomes older than all that was before. */
  *grow(): Procedure {
    const core = this.#core;
    yield { ready: () => !this.#busy };
    this.#busy = true;
    const flushedBefore = this.#operations.cleanThrough;
    const age = core.nextAge;
    yield* this.#everyone({ kind: 'grow', epoch: core.epoch, age, peerAge: core.age });
    core.age = age;
    this.#cleanThrough = this.#flushedBefore;
    this.#flushedBefore = flushedBefore;
    this.#busy = false;
  }

  /**
   * A member was stopped in order and is back within the epoch. What it was when it was stopped can
   * prove itself like what it is now: nothing is acknowledged before the record tells them apart.
   */
  *readmit(link: MemberLink): Procedure {
    const core = this.#core;
    core.readmissions += 1;
    link.readmissions += 1;
    yield* this.grow();
    yield* this.#membership.turn(() => true);
    while (!(yield* core.swap(core.withAge(core.known)))) {
      if (core.isMine) continue;
      core.superseded();
      break;
    }
    this.#membership.release();
    link.readmissions -= 1;
    core.readmissions -= 1;
    this.#operations.settle();
  }

  get #early(): boolean {
    return this.#core.options.plants.cleanedTooEarly === true;
  }

  /** Who is away is waited for until it is back or out. */
  *#everyone(request: MemberRequest): Procedure {
    const core = this.#core;
    const told = new Set<MemberLink>();
    const untold = () =>
      [...core.links.values()].filter((link) => link.role !== 'absent' && !told.has(link));
    const askable = () => untold().filter((link) => link.usable);
    while (untold().length > 0) {
      yield { ready: () => untold().length === 0 || askable().length > 0 };
      let open = 0;
      for (const link of askable()) {
        open += 1;
        core.ask(link, request, (heard) => {
          open -= 1;
          if (core.judge(link, heard)) told.add(link);
          // Nobody waits for a member that is only being filled.
          else if (link.broken !== '' && !link.needed) link.giveUp();
        });
      }
      yield { ready: () => open === 0 };
    }
  }
}
