/**
 * What changes every copy at one point in the order of writes: a snapshot, a larger size, and the
 * giving up of a snapshot.
 *
 * Promises: a snapshot is one cut, the same on all members, and once it is in the record no member
 * counts as in sync without it. Everything may be asked for again; what is so already is left as it
 * is. The order is: members first, then the record. What a crash leaves on members beyond the
 * record, the next opening takes away, so that a name never stands for two cuts.
 */
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import type { Core } from './core.ts';
import type { Answer, CutRequest } from './engine-events.ts';
import type { MemberRequest } from './member.ts';
import type { MemberLink } from './member-link.ts';
import type { Membership } from './membership.ts';
import type { Operations } from './operations.ts';
import type { VolumeRecord } from './record.ts';
import type { Procedure } from './task.ts';

const done: Answer = { kind: 'done' };

export class Cuts {
  readonly #core: Core;
  readonly #operations: Operations;
  readonly #membership: Membership;
  /** Asked for and not answered. */
  readonly #open = new Set<number>();

  constructor(core: Core, operations: Operations, membership: Membership) {
    this.#core = core;
    this.#operations = operations;
    this.#membership = membership;
  }

  *run(id: number, request: CutRequest): Procedure {
    this.#open.add(id);
    const answer = yield* this.make(request);
    this.#open.delete(id);
    this.#core.command({ kind: 'answer', id, answer });
  }

  /** In turn with the other cuts. */
  *make(request: CutRequest): Procedure<Answer> {
    const core = this.#core;
    yield { ready: () => core.serving && !core.cutting };
    core.cutting = true;
    const answer = yield* this.#answer(request);
    core.cutting = false;
    return answer;
  }

  /** Answers what is open with the reason why the engine is over. */
  abandon(fault: Fault): void {
    for (const id of this.#open) {
      const answer = { kind: 'failed', reason: 'io', fault } as const;
      this.#core.command({ kind: 'answer', id, answer });
    }
    this.#open.clear();
  }

  *#answer(request: CutRequest): Procedure<Answer> {
    switch (request.kind) {
      case 'snapshot':
        return yield* this.#snapshot(request.name);
      case 'forget':
        return yield* this.#forget(request.name);
      case 'resize':
        return yield* this.#resize(request.sizeBytes);
    }
  }

  *#snapshot(name: string): Procedure<Answer> {
    const core = this.#core;
    const { epoch, known } = core;
    if (known.snapshots.includes(name)) return done;
    if (known.snapshots.length >= limits.snapshotsMax) {
      return refused(`The volume has ${limits.snapshotsMax} snapshots, the most it may.`);
    }
    const cut = yield* this.#atOnePoint({ kind: 'snapshot', epoch, name });
    if (cut !== undefined) {
      yield* this.#tell({ kind: 'forget', epoch, name });
      return refused(cut);
    }
    yield* this.#record(({ snapshots, ...now }) =>
      // A swap without an answer may have come about already.
      ({ ...now, snapshots: snapshots.includes(name) ? snapshots : [...snapshots, name] }),
    );
    return done;
  }

  *#resize(sizeBytes: number): Procedure<Answer> {
    const core = this.#core;
    const { epoch, known } = core;
    if (sizeBytes === known.sizeBytes) return done;
    if (sizeBytes < known.sizeBytes || sizeBytes % known.blockBytes !== 0) {
      return refused(
        `A volume of ${known.sizeBytes} bytes cannot get ${sizeBytes}: it grows, by whole blocks of ${known.blockBytes}.`,
      );
    }
    const cut = yield* this.#atOnePoint({ kind: 'resize', epoch, sizeBytes });
    if (cut !== undefined) return refused(cut);
    yield* this.#record((now) => ({ ...now, sizeBytes }));
    return done;
  }

  /** The record first: what it does not name may go. */
  *#forget(name: string): Procedure<Answer> {
    const core = this.#core;
    if (core.known.snapshots.includes(name)) {
      yield* this.#record((now) => ({
        ...now,
        snapshots: now.snapshots.filter((other) => other !== name),
      }));
    }
    yield* this.#tell({ kind: 'forget', epoch: core.epoch, name });
    for (const link of core.links.values()) link.snapshots.delete(name);
    return done;
  }

  /** Undefined when every needed member has done it before any write that came later. */
  *#atOnePoint(request: MemberRequest): Procedure<string | undefined> {
    const core = this.#core;
    const turn =
      core.options.plants.cutWithoutOrder === true
        ? undefined
        : yield* this.#operations.enter({ offsetBytes: 0, lengthBytes: core.known.sizeBytes });
    // Who is being filled begins again, and gets the cut on the way.
    for (const link of core.links.values()) if (link.role === 'copying') core.release(link);
    const refusal = yield* this.#everyone(request);
    if (turn !== undefined) this.#operations.leave(turn);
    return refusal;
  }

  /**
   * Asks every member that may not be missed, those that were away again. Who fails leaves (I-18),
   * and is then not asked any more.
   */
  *#everyone(request: MemberRequest): Procedure<string | undefined> {
    const core = this.#core;
    const has = new Set<MemberLink>();
    for (;;) {
      const missing = core.needed().filter((link) => !has.has(link));
      if (missing.length === 0) return undefined;
      const link = missing.find((other) => other.usable);
      if (link === undefined) {
        yield { ready: () => core.needed().every((other) => has.has(other) || other.usable) };
        continue;
      }
      const heard = yield* core.hear(link, request);
      if (heard.kind === 'failed' && heard.code === 'input.invalid') {
        return `${link.id} refuses: ${heard.reason}`;
      }
      if (!core.judge(link, heard) || heard.kind !== 'done') continue;
      has.add(link);
      if (request.kind === 'snapshot') link.snapshots.add(request.name);
      if (request.kind === 'resize') link.sizeBytes = request.sizeBytes;
    }
  }

  /** Everybody who hears it; the others are told when they come back. */
  *#tell(request: MemberRequest): Procedure {
    const core = this.#core;
    const links = [...core.links.values()].filter((link) => link.usable && link.role !== 'absent');
    yield* core.callAll(links.map((link) => ({ link, request })));
  }

  *#record(change: (now: VolumeRecord) => VolumeRecord): Procedure {
    const core = this.#core;
    yield* this.#membership.turn(() => true);
    while (!(yield* core.swap(change(core.known)))) {
      if (core.isMine) continue;
      core.superseded();
      break;
    }
    this.#membership.release();
  }
}

function refused(message: string): Answer {
  const hint = 'Ask for something else, or delete snapshots that are not needed.';
  return { kind: 'failed', reason: 'io', fault: new Fault('input.invalid', message, { hint }) };
}
