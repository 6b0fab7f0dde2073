/**
 * Bringing an absent member back (I-05, I-08, I-13, I-14). From the first moment it gets every new
 * write; meanwhile what it missed is copied, region by region, each step alone on its range; then
 * it flushes, and only then does the record count it in.
 */
import type { Bitmap } from '../base/bitmap.ts';
import { regionSpan } from '../store/geometry.ts';
import type { Absence } from '../store/superblock.ts';
import type { Ageing } from './ageing.ts';
import type { Core } from './core.ts';
import { chunks, equalize } from './equalize.ts';
import type { MemberReport } from './member.ts';
import type { MemberLink } from './member-link.ts';
import type { Membership } from './membership.ts';
import { leftOver } from './opening.ts';
import type { Operations } from './operations.ts';
import { grown, inSyncIds } from './record.ts';
import type { Procedure } from './task.ts';

/** Of the time, while clients work: keeps what they lose by it below 30 %. */
const copyShare = 0.2;
/** A disk that stalls must not stop the copying for long. */
const copyPauseMs = 200;

export class CatchUp {
  readonly #core: Core;
  readonly #operations: Operations;
  readonly #membership: Membership;
  readonly #ageing: Ageing;
  /** One member is copied at a time. */
  #busy = false;

  constructor(core: Core, operations: Operations, membership: Membership, ageing: Ageing) {
    this.#core = core;
    this.#operations = operations;
    this.#membership = membership;
    this.#ageing = ageing;
  }

  /** Runs as long as the volume is served, once for each member. */
  *watch(link: MemberLink): Procedure {
    const core = this.#core;
    const absent = () => link.role === 'absent' && !link.dismissed && !this.#isRetiring(link);
    for (;;) {
      yield { ready: () => absent() && (link.broken !== '' || (!this.#busy && link.usable)) };
      let done = false;
      if (link.usable) {
        this.#busy = true;
        link.held = true;
        done = yield* this.#fill(link);
        link.held = false;
        this.#busy = false;
      }
      if (done) continue;
      if (!link.needed) core.release(link);
      yield* core.pause(core.options.retryMs);
    }
  }

  #isRetiring(link: MemberLink): boolean {
    return this.#core.known.members.some(({ id, retiring }) => id === link.id && retiring);
  }

  /** False when it has to begin again: somebody was lost on the way. */
  *#fill(link: MemberLink): Procedure<boolean> {
    const core = this.#core;
    const { report } = link;
    const member = core.known.members.find((other) => other.id === link.id);
    if (report === undefined || member === undefined) return false;
    const absence = { member: link.id, generation: member.departedAt };
    const { epoch } = core;
    // As it stood when it promised; what it is sent from here on is not a loss.
    const ownDirty = core.regionsOf(report.dirty);
    // I-05: what survivors know about an earlier store of this member says nothing about this one.
    if (report.standing === 'new' && !(yield* this.#trackWhole(absence))) return false;
    // I-14: durable before the first byte.
    const target = { kind: 'become', epoch, standing: 'inconsistent', proven: false } as const;
    if ((yield* core.call(link, target)).kind !== 'done') return false;
    if (!(yield* this.#cutLikeOthers(link, absence, report))) return false;
    link.role = 'copying';
    // Writes sent before this moment did not go to the newcomer; when they are done, survivors know
    // them.
    yield* this.#operations.settled();
    const plan = yield* this.#missed(absence, report.age);
    if (plan === undefined) {
      // I-13: somebody does not know what it missed. From now on everybody says "everything".
      yield* this.#trackWhole(absence);
      return false;
    }
    if (core.options.plants.ownLossForgotten !== true) plan.addAll(ownDirty);
    if (!(yield* this.#copy(link, plan, absence))) return false;
    return yield* this.#join(link);
  }

  /** True when every member that counts durably takes every region as changed for this one. */
  *#trackWhole(absence: Absence): Procedure<boolean> {
    const core = this.#core;
    const request = { kind: 'track', epoch: core.epoch, absence, whole: true } as const;
    return yield* core.callAll(core.needed().map((link) => ({ link, request })));
  }

  /**
   * Undefined when the member that is asked did not keep track, remembers it to have been older
   * (I-24), or cannot be asked.
   */
  *#missed(absence: Absence, reported: number): Procedure<Bitmap | undefined> {
    const core = this.#core;
    const trusting = core.options.plants.olderDiskTrusted === true;
    const age = trusting ? Number.MAX_SAFE_INTEGER : reported;
    const source = core.needed().find((other) => other.usable);
    if (source === undefined) return undefined;
    const heard = yield* core.call(source, { kind: 'changed', epoch: core.epoch, absence, age });
    if (heard.kind !== 'changed' || heard.regions === undefined) return undefined;
    return core.regionsOf(heard.regions);
  }

  /**
   * Gives it the size and the snapshots of the record. Its head is filled with what a snapshot it
   * missed shows, oldest first, and frozen; new writes do not go to it meanwhile, survivors track
   * them.
   */
  *#cutLikeOthers(link: MemberLink, absence: Absence, report: MemberReport): Procedure<boolean> {
    const core = this.#core;
    const { epoch, known } = core;
    const { sizeBytes, snapshots } = known;
    const resize = { kind: 'resize', epoch, sizeBytes } as const;
    if (link.sizeBytes < sizeBytes) {
      if ((yield* core.call(link, resize)).kind !== 'done') return false;
      link.sizeBytes = sizeBytes;
    }
    for (const name of leftOver(link, known)) {
      if ((yield* core.call(link, { kind: 'forget', epoch, name })).kind !== 'done') return false;
      link.snapshots.delete(name);
    }
    const missing = snapshots.filter((name) => !link.snapshots.has(name));
    if (missing.length === 0) return true;
    if (core.options.plants.snapshotNotCopied === true) {
      for (const name of missing) {
        yield* core.call(link, { kind: 'snapshot', epoch, name });
        link.snapshots.add(name);
      }
      return true;
    }
    const plan = yield* this.#missed(absence, report.age);
    if (plan === undefined) {
      yield* this.#trackWhole(absence);
      return false;
    }
    plan.addAll(core.regionsOf(report.dirty));
    for (const snapshot of missing) {
      if (!(yield* this.#fillSnapshot(link, plan, snapshot))) return false;
      if ((yield* core.call(link, { kind: 'flush', epoch })).kind !== 'done') return false;
      const freeze = { kind: 'snapshot', epoch, name: snapshot } as const;
      if ((yield* core.call(link, freeze)).kind !== 'done') return false;
      link.snapshots.add(snapshot);
    }
    return true;
  }

  *#fillSnapshot(link: MemberLink, plan: Bitmap, snapshot: string): Procedure<boolean> {
    const core = this.#core;
    for (const region of plan.members()) {
      for (const span of chunks(regionSpan(core.geometry, region))) {
        const begun = { atMs: core.nowMs, taken: this.#operations.taken };
        const sources = core.needed().filter((other) => other.usable);
        if (!(yield* equalize(core, { sources, targets: [link], span, snapshot }))) return false;
        yield* this.#giveWay(begun);
      }
    }
    return true;
  }

  *#copy(link: MemberLink, plan: Bitmap, absence: Absence): Procedure<boolean> {
    const core = this.#core;
    // How far it has come is made durable about as often as the member is heard of.
    let savedAtMs = core.nowMs;
    for (const region of plan.members()) {
      const { offsetBytes: beforeBytes } = regionSpan(core.geometry, region);
      if (core.nowMs >= savedAtMs + core.options.heartbeatMs) {
        if (!(yield* this.#checkpoint(link, absence, beforeBytes))) return false;
        savedAtMs = core.nowMs;
      }
      for (const span of chunks(regionSpan(core.geometry, region))) {
        const unlocked = core.options.plants.copyWithoutOrder === true;
        const turn = unlocked ? undefined : yield* this.#operations.enter(span);
        const begun = { atMs: core.nowMs, taken: this.#operations.taken };
        const copied =
          link.role === 'copying' &&
          (yield* equalize(core, {
            sources: core.needed().filter((other) => other.usable),
            targets: [link],
            span,
          }));
        if (turn !== undefined) this.#operations.leave(turn);
        if (!copied) return false;
        yield* this.#giveWay(begun);
      }
    }
    return true;
  }

  /** From here it goes on when it is interrupted. */
  *#checkpoint(link: MemberLink, absence: Absence, beforeBytes: number): Procedure<boolean> {
    const core = this.#core;
    const { epoch } = core;
    // I-13: whoever was let go meanwhile has not got every write that was accepted.
    if (link.role !== 'copying') return false;
    // I-23: to be cut like the others it may have to be filled with what is older than its head.
    const goesOn = () =>
      core.options.plants.cursorOfLetGo === true ||
      (link.role === 'copying' && !core.cutting && link.hasCuts(core.known));
    if (!goesOn()) return false;
    const { acceptedThrough: sequence } = this.#operations;
    if ((yield* core.call(link, { kind: 'flush', epoch })).kind !== 'done') return false;
    // I-24: what it is now can be told from what it was.
    yield* this.#ageing.grow();
    // Given up meanwhile, it has missed writes since.
    if (!goesOn()) return false;
    const cursor = { age: core.age, beforeBytes, sequence };
    const request = { kind: 'copied', epoch, absence, ...cursor } as const;
    const told = [...core.needed(), link].filter((other) => other.usable);
    yield* core.callAll(told.map((other) => ({ link: other, request })));
    return link.role === 'copying' && link.usable;
  }

  /** Clients come first: while they work, copying takes its share of the time and no more. */
  *#giveWay(begun: { readonly atMs: number; readonly taken: number }): Procedure {
    const core = this.#core;
    if (this.#operations.idle && this.#operations.taken === begun.taken) return;
    const pauseMs = (core.nowMs - begun.atMs) * (1 / copyShare - 1);
    yield* core.pause(Math.min(pauseMs, copyPauseMs));
  }

  /** I-08: flushed, able to prove itself, aware of the other absent ones; then counted in. */
  *#join(link: MemberLink): Procedure<boolean> {
    const core = this.#core;
    const { epoch } = core;
    if ((yield* core.call(link, { kind: 'flush', epoch })).kind !== 'done') return false;
    const proof = { kind: 'become', epoch, standing: 'inconsistent', proven: true } as const;
    if ((yield* core.call(link, proof)).kind !== 'done') return false;
    // I-24: older than everything that may be found of it later.
    yield* this.#ageing.grow();
    yield* this.#membership.turn(() => !core.cutting);
    const joined = yield* this.#grow(link);
    this.#membership.release();
    if (!joined) return false;
    const calls = core
      .needed()
      .filter((other) => other !== link)
      .map((other) => ({
        link: other,
        request: { kind: 'untrack', epoch, member: link.id } as const,
      }));
    for (const { link: other } of calls) other.tracks.delete(link.id);
    yield* core.callAll(calls);
    const settled = { kind: 'become', epoch, standing: 'in-sync', proven: true } as const;
    yield* core.call(link, settled);
    return true;
  }

  /** Under the turn of membership: nobody else comes or goes meanwhile. */
  *#grow(link: MemberLink): Procedure<boolean> {
    const core = this.#core;
    for (;;) {
      if (!(yield* this.#trackOthers(link)) || link.role !== 'copying') return false;
      // Somebody took it out of the record while it was filled: it is let go of like any other.
      if (!core.known.members.some(({ id }) => id === link.id)) return false;
      if (this.#isRetiring(link)) return false;
      // A snapshot or a resize may have come after it was cut like the others: once more.
      if (!link.hasCuts(core.known)) return false;
      link.role = 'joining';
      const swapped = yield* core.swap(core.withAge(grown(core.known, link.id)));
      // One whose answer was lost may have come about, and somebody else may have written since.
      if (swapped || (core.isMine && inSyncIds(core.known).includes(link.id))) {
        link.role = 'in-sync';
        return true;
      }
      link.role = 'copying';
      if (core.options.plants.timeoutIsFailure === true) return false;
      if (!core.isMine) {
        core.superseded();
        return false;
      }
    }
  }

  /** I-13: a member that counts knows what every absent one misses. */
  *#trackOthers(link: MemberLink): Procedure<boolean> {
    const core = this.#core;
    const others = core.known.members.filter((other) => !other.inSync && other.id !== link.id);
    const tracked = yield* core.callAll(
      others.map((other) => ({
        link,
        request: {
          kind: 'track',
          epoch: core.epoch,
          absence: { member: other.id, generation: other.departedAt },
          whole: true,
        },
      })),
    );
    for (const other of others) link.tracks.set(other.id, other.departedAt);
    return tracked;
  }
}
