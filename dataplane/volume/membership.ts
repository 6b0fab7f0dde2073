/**
 * Losing members while serving (I-07, I-09, I-18, I-19). The record changes first; survivors then
 * durably note whom they miss and since when; only then does the lost member's answer stop being
 * needed.
 */
import { Fault } from '../base/fault.ts';
import type { Core } from './core.ts';
import type { MemberLink } from './member-link.ts';
import { grown, inSyncIds, retiringIds, shrunk } from './record.ts';
import type { Procedure } from './task.ts';

export class Membership {
  readonly #core: Core;
  /** Growing and shrinking take turns. */
  #busy = false;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Runs as long as the volume is served. */
  *watch(): Procedure {
    // What it would look at next, once it is over, is another engine's record.
    while (this.#core.ended === undefined) {
      yield* this.turn(() => this.#lost().length > 0 || this.#leaving().length > 0);
      if (this.#lost().length > 0) yield* this.#shrink();
      else yield* this.#retire();
      this.release();
    }
  }

  /**
   * The lease of earlier engines was waited for when the epoch was opened: the record may forget
   * them.
   */
  *forgetReaders(): Procedure {
    const core = this.#core;
    yield* this.turn(() => true);
    if (core.known.readersLeft) yield* core.swap({ ...core.known, readersLeft: false });
    if (!core.isMine) core.superseded();
    this.release();
  }

  /** Under the turn: lets go of absent members that the record does not name any more. */
  dismiss(): void {
    const core = this.#core;
    const { epoch, known } = core;
    for (const link of core.links.values()) {
      if (link.needed || known.members.some(({ id }) => id === link.id)) continue;
      link.dismissed = true;
      core.release(link);
      core.links.delete(link.id);
      const request = { kind: 'untrack', epoch, member: link.id } as const;
      for (const other of core.needed()) {
        core.ask(other, request, (heard) => core.judge(other, heard), true);
      }
    }
  }

  /** Waits for the condition and for its turn to change members. */
  *turn(ready: () => boolean): Procedure {
    // A member becomes lost by time alone, so this looks again with every heartbeat.
    while (this.#busy || !ready()) yield* this.#look(() => !this.#busy && ready());
    this.#busy = true;
  }

  release(): void {
    this.#busy = false;
  }

  *#look(ready: () => boolean): Procedure {
    const { nowMs, options } = this.#core;
    yield { ready, orAtMs: nowMs + options.heartbeatMs };
  }

  /** Members whose answer is needed and will not come, or is no longer asked for by the record. */
  #lost(): readonly MemberLink[] {
    const { options, nowMs } = this.#core;
    const recorded = inSyncIds(this.#core.known);
    return this.#core
      .needed()
      .filter(
        (link) =>
          link.broken !== '' ||
          (link.state !== 'up' && nowMs >= link.downSinceMs + options.memberLossMs) ||
          (link.role === 'in-sync' && !recorded.includes(link.id)),
      );
  }

  /** Members that were asked to leave, when everybody else who counts is there. */
  #leaving(): readonly MemberLink[] {
    const asked = retiringIds(this.#core.known);
    const needed = this.#core.needed();
    const left = needed.filter((link) => !asked.includes(link.id));
    if (left.length === 0 || !left.every((link) => link.usable)) return [];
    return needed.filter((link) => asked.includes(link.id));
  }

  /**
   * Lets members go that were asked to leave (I-07). They get every write until those who stay have
   * answered after the record was changed: should all of these turn out to be lost just then, the
   * others are counted in again, for they still hold everything.
   */
  *#retire(): Procedure {
    const core = this.#core;
    const leaving = this.#leaving();
    const left = core.needed().filter((link) => !leaving.includes(link));
    const gone = new Set(leaving.map((link) => link.id));
    // I-03: until it is forgotten below, this engine may still read from one of them.
    if (!(yield* core.swap(core.withAge(shrunk(core.known, gone, true))))) {
      if (!core.isMine) core.superseded();
      // One whose answer was lost may have come about, and somebody else may have written since.
      if (!core.isMine || inSyncIds(core.known).some((id) => gone.has(id))) return;
    }
    if (yield* this.#track(leaving, left)) {
      this.#forget(leaving);
      yield* core.swap({ ...core.known, readersLeft: false });
      return;
    }
    const lost = this.#lost();
    if (!left.every((link) => lost.includes(link))) return;
    for (const { id } of leaving.filter((link) => link.usable)) {
      const isOut = () => core.known.members.some((one) => one.id === id && !one.inSync);
      while (core.isMine && isOut()) yield* core.swap(core.withAge(grown(core.known, id)));
    }
  }

  *#shrink(): Procedure {
    const core = this.#core;
    for (;;) {
      const lost = this.#lost();
      if (lost.length === 0) {
        core.explain('members', '');
        return;
      }
      const members = inSyncIds(core.known).map((id) => core.link(id));
      const left = members.filter((link) => !lost.includes(link));
      if (left.length === 0) {
        yield* this.#wait(members);
        continue;
      }
      core.explain(
        'members',
        `I/O waits until the record says that ${accounts(lost)} is out of the in-sync set.`,
      );
      const gone = new Set(lost.map((link) => link.id));
      if (core.options.plants.shrinkBeforeSwap === true) this.#forget(lost);
      // I-03: who comes back just now gets what this engine writes, and not what the next one does.
      for (const link of lost) link.departing = true;
      if (!(yield* core.swap(core.withAge(shrunk(core.known, gone))))) {
        const counted = inSyncIds(core.known);
        for (const link of lost) link.departing = !counted.includes(link.id);
        if (core.isMine) continue;
        core.superseded();
        return;
      }
      if (yield* this.#track(lost, left)) {
        this.#forget(lost);
        core.explain('members', '');
        return;
      }
    }
  }

  /**
   * Nobody is left. Whoever comes back without a loss may go on; if nobody can, it is over (I-09).
   */
  *#wait(lost: readonly MemberLink[]): Procedure {
    const core = this.#core;
    core.explain(
      'members',
      `I/O waits because no in-sync member can be reached: ${accounts(lost)}. Bring one of them back.`,
    );
    if (lost.every((link) => link.broken !== '')) {
      const why = lost.map((link) => `${link.id}: ${link.broken}`).join('; ');
      core.end(
        new Fault('volume.data-lost', `No in-sync member holds what was acknowledged (${why}).`, {
          hint: 'Attach the volume again: it opens with what the members made durable.',
        }),
      );
    }
    const shown = () => lost.map((link) => `${link.usable}${link.account}`).join();
    const before = shown();
    yield { ready: () => shown() !== before };
  }

  /** I-13. True when every member that is left and still there has it durably. */
  *#track(lost: readonly MemberLink[], left: readonly MemberLink[]): Procedure<boolean> {
    const core = this.#core;
    const calls = [];
    for (const { id } of lost) {
      const generation = core.known.members.find((member) => member.id === id)?.departedAt ?? 0;
      const absence = { member: id, generation };
      for (const link of left) {
        if (link.tracks.get(id) === generation) continue;
        const request = { kind: 'track', epoch: core.epoch, absence, whole: false } as const;
        calls.push({ link, request });
      }
    }
    for (;;) {
      if (yield* core.callAll(calls)) break;
      // A member that is away now either comes back within its time and is asked again, or is lost
      // too.
      yield* this.#look(() => left.every((link) => link.usable || link.broken !== ''));
      if (this.#lost().some((link) => left.includes(link))) return false;
    }
    for (const { link, request } of calls) {
      link.tracks.set(request.absence.member, request.absence.generation);
    }
    return true;
  }

  #forget(lost: readonly MemberLink[]): void {
    for (const link of lost) this.#core.release(link);
  }
}

function accounts(links: readonly MemberLink[]): string {
  return links.map((link) => link.account).join(' and ');
}
