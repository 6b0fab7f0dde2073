/**
 * Opening an epoch: claim it, have it promised, decide whose data counts, make the copies equal.
 * Nothing is read or acknowledged before this ends (I-01, I-02, I-03, I-04, I-09, I-10, I-12).
 */
import { assert } from '../base/assert.ts';
import { Bitmap } from '../base/bitmap.ts';
import { Fault } from '../base/fault.ts';
import { regionCount, regionSpan } from '../store/geometry.ts';
import type { Core } from './core.ts';
import { chunks, equalize } from './equalize.ts';
import type { MemberLink } from './member-link.ts';
import { claimed, inSyncIds, shrunk, type VolumeRecord } from './record.ts';
import type { Procedure } from './task.ts';

/** One in-sync member of the record, as far as it has been heard. */
export interface Candidate {
  readonly id: string;
  /** It has promised the new epoch. */
  readonly promised: boolean;
  readonly standing: 'new' | 'inconsistent' | 'in-sync' | undefined;
  readonly proven: boolean;
  /** I-24: its disk is in an older state than others, or the record, remember. */
  readonly older: boolean;
}

export type Decision =
  | { readonly kind: 'keep'; readonly kept: readonly string[] }
  /** Nobody who can be reached is known to hold everything. */
  | { readonly kind: 'wait'; readonly missing: readonly string[] };

/**
 * Whose data counts. A member that can prove that it lost nothing is enough. Without proof all must
 * be there: then nobody has more than these, and what none of them flushed was nobody's to keep.
 */
export function decide(candidates: readonly Candidate[]): Decision {
  const present = candidates.filter((member) => !member.older);
  const proven = present.filter(
    (member) => member.promised && member.proven && member.standing !== 'new',
  );
  if (proven.length > 0) return { kind: 'keep', kept: proven.map((member) => member.id) };
  // I-05: an emptied store is not a member that came back.
  const missing = present.filter((member) => !member.promised || member.standing === 'new');
  if (missing.length > 0) return { kind: 'wait', missing: missing.map((member) => member.id) };
  // What an older disk has lost nobody can say: one that is not must be there.
  if (present.length === 0) return { kind: 'wait', missing: candidates.map(({ id }) => id) };
  return { kind: 'keep', kept: present.map((member) => member.id) };
}

export class Opening {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Ends when the volume may be served, or never. */
  *open(): Procedure {
    const core = this.#core;
    const found = yield* core.read();
    if (found.doubt !== '' && core.options.plants.rollbackIgnored !== true) {
      core.rolledBack(found.doubt);
      return;
    }
    core.addLinks();
    let startedFrom = found.epoch;
    for (;;) {
      if (!(yield* this.#claim(startedFrom))) return;
      startedFrom = core.epoch;
      for (const link of core.links.values()) {
        core.release(link);
        link.tracks.clear();
      }
      for (const id of inSyncIds(core.known)) core.link(id).role = 'in-sync';
      if (yield* this.#attempt()) return;
    }
  }

  /** I-01. False when another engine has claimed since this one started: it has ended. */
  *#claim(startedFrom: number): Procedure<boolean> {
    const core = this.#core;
    core.explain('opening', 'Claiming the next epoch.');
    for (;;) {
      if (core.known.epoch !== startedFrom) {
        core.superseded();
        return false;
      }
      const next = claimed(core.known, core.options.incarnation);
      if (!(yield* core.swap(next))) continue;
      // I-02: only now may a member be asked to promise it; another may have claimed the same.
      core.epoch = next.epoch;
      return true;
    }
  }

  /** False: a member was lost on the way, and everything starts again with a new epoch. */
  *#attempt(): Procedure<boolean> {
    const core = this.#core;
    const decision = yield* this.#gather();
    const { kept, firstPromiseAtMs } = decision;
    const readersLeft = decision.silent || core.known.readersLeft;
    const links = kept.map((id) => core.link(id));
    // I-10: who goes away from here on may come back as another, with an empty disk.
    for (const link of links) link.held = true;
    if (!(yield* this.#grow(links))) return false;
    const gone = new Set(inSyncIds(core.known).filter((id) => !kept.includes(id)));
    // I-03: the removal is in the record before anything is served.
    const left = gone.size > 0 ? shrunk(core.known, gone, readersLeft) : core.known;
    if (!(yield* core.swap(core.withAge(left)))) return false;
    for (const id of gone) core.link(id).role = 'absent';
    if (!(yield* this.#trackAbsent(links, gone))) return false;
    if (!(yield* this.#reconcile(links))) return false;
    if (readersLeft && core.options.plants.noLeaseWait !== true) {
      // I-03, I-16: whoever cannot be reached may still answer the old engine's reads.
      const untilMs = firstPromiseAtMs + core.options.leaseMs * 1.25;
      core.explain('opening', 'Waiting until the old engine can no longer read.');
      yield { ready: () => false, orAtMs: untilMs };
    }
    if (!(yield* this.#forgetCuts(links))) return false;
    const told = yield* core.callAll(
      links.map((link) => ({
        link,
        request: { kind: 'become', epoch: core.epoch, standing: 'in-sync', proven: true },
      })),
    );
    if (!told || links.some((link) => !link.usable)) return false;
    assert(
      inSyncIds(core.known).every((id) => core.link(id).usable),
      'I-02 every recorded in-sync member has promised before the first answer',
    );
    for (const link of links) link.held = false;
    core.serving = true;
    core.explain('opening', '');
    return true;
  }

  /**
   * I-24: what the members are from here on can be told from what they were before. Their peers are
   * not told yet: some may still be younger than others, after an engine that died on the way.
   */
  *#grow(links: readonly MemberLink[]): Procedure<boolean> {
    const core = this.#core;
    const { epoch, nextAge: age } = core;
    const request = { kind: 'grow', epoch, age, peerAge: 0 } as const;
    const told = yield* core.callAll(links.map((link) => ({ link, request })));
    if (told) core.age = age;
    return told;
  }

  /** Waits for promises until it can be decided who counts. */
  *#gather(): Procedure<{
    readonly kept: readonly string[];
    readonly firstPromiseAtMs: number;
    /** Somebody in the in-sync set did not promise. */
    readonly silent: boolean;
  }> {
    const core = this.#core;
    const graceEndsAtMs = core.nowMs + core.options.memberLossMs;
    const links = inSyncIds(core.known).map((id) => core.link(id));
    let firstPromiseAtMs = Infinity;
    const heard = () => {
      const all = links.every((link) => link.usable && link.report !== undefined);
      if (links.some((link) => link.usable)) {
        firstPromiseAtMs = Math.min(firstPromiseAtMs, core.nowMs);
      }
      return all;
    };
    core.explain('opening', `Waiting for ${links.map((link) => link.id).join(', ')}.`);
    yield { ready: heard, orAtMs: graceEndsAtMs };
    for (;;) {
      heard();
      const trusting = core.options.plants.emptyTrusted === true;
      const age = this.#ageOfAll(links);
      const older = ({ report }: MemberLink) =>
        report !== undefined && report.age < age && !(trusting && report.standing === 'new');
      const decision = decide(
        links.map((link) => ({
          id: link.id,
          promised: link.usable && link.report !== undefined && link.hasCuts(core.known),
          standing: trusting && link.report !== undefined ? 'in-sync' : link.report?.standing,
          proven: link.report?.proven ?? false,
          older: older(link),
        })),
      );
      if (decision.kind === 'keep') {
        const silent = links.some((link) => !link.usable);
        return { kept: decision.kept, firstPromiseAtMs, silent };
      }
      this.#explain(decision.missing, links);
      if (links.every((link) => link.usable)) this.#endIfLost(links, links.every(older));
      const shown = () =>
        links
          .map((link) => `${link.usable}${link.report?.standing}${link.report?.age}${link.account}`)
          .join();
      const before = shown();
      yield { ready: () => shown() !== before };
    }
  }

  #explain(missing: readonly string[], links: readonly MemberLink[]): void {
    const accounts = links.filter(({ id }) => missing.includes(id)).map((link) => link.account);
    this.#core.explain(
      'opening',
      `Waiting for ${accounts.join(' and ')}: only there may be what was flushed last. Bring it back; going on without is an operator's explicit act.`,
    );
  }

  /** Everybody is there, and nobody has what the record says. */
  #endIfLost(links: readonly MemberLink[], older: boolean): void {
    const core = this.#core;
    if (older) {
      const ages = links.map((link) => `${link.id} has age ${link.report?.age}`).join(', ');
      core.end(
        new Fault(
          'volume.data-lost',
          `Every in-sync member came back with an older disk: ${ages}; the record remembers ${core.known.age}.`,
          { hint: 'Bring back the disks as they were last, or see docs/runbooks/rolled-back.md.' },
        ),
      );
    } else if (links.every((link) => link.lacks(core.known))) {
      core.rolledBack(
        'The record names a size or snapshots that no in-sync member has: it is an older one.',
      );
    } else if (links.every((link) => link.report?.standing === 'new')) {
      core.end(
        new Fault('volume.data-lost', 'Every in-sync member came back empty.', {
          hint: 'Bring back a disk that holds this volume, or restore it from a backup.',
        }),
      );
    }
  }

  /** I-24: none that counts was ever younger than its peers or the record say. */
  #ageOfAll(links: readonly MemberLink[]): number {
    const core = this.#core;
    if (core.options.plants.olderDiskTrusted === true) return 0;
    const reports = links.filter((link) => link.usable).map((link) => link.report);
    return Math.max(core.known.age, ...reports.map((report) => report?.peerAge ?? 0));
  }

  /** Snapshots that were on their way when an engine died: the record does not know them. */
  *#forgetCuts(links: readonly MemberLink[]): Procedure<boolean> {
    const core = this.#core;
    const { epoch } = core;
    const calls = links.flatMap((link) =>
      leftOver(link, core.known).map((name) => ({
        link,
        request: { kind: 'forget', epoch, name } as const,
      })),
    );
    return yield* core.callAll(calls);
  }

  /** I-13: from now on every kept member knows what each absent one misses. */
  *#trackAbsent(links: readonly MemberLink[], gone: ReadonlySet<string>): Procedure<boolean> {
    const core = this.#core;
    // A member has room for as many as the record may name: others were taken out of it meanwhile.
    const named = (id: string) => core.known.members.some((member) => member.id === id);
    const forgotten = links.flatMap((link) =>
      (link.report?.absences ?? [])
        .filter(({ member }) => !named(member))
        .map(({ member }) => ({
          link,
          request: { kind: 'untrack', epoch: core.epoch, member } as const,
        })),
    );
    if (!(yield* core.callAll(forgotten))) return false;
    const calls = [];
    for (const member of core.known.members.filter((other) => !other.inSync)) {
      const absence = { member: member.id, generation: member.departedAt };
      for (const link of links) {
        const known = link.report?.absences.some(
          (other) => other.member === absence.member && other.generation === absence.generation,
        );
        link.tracks.set(member.id, absence.generation);
        if (known === true) continue;
        const whole = !gone.has(member.id);
        calls.push({
          link,
          request: { kind: 'track', epoch: core.epoch, absence, whole } as const,
        });
      }
    }
    return yield* core.callAll(calls);
  }

  /** I-12: what may differ is copied from one member to the others before anybody reads it. */
  *#reconcile(links: readonly MemberLink[]): Procedure<boolean> {
    const core = this.#core;
    const [source, ...targets] = links;
    if (source === undefined) return false;
    core.explain('opening', 'Making the copies equal after an unclean end.');
    if (targets.length > 0 && core.options.plants.noReconcile !== true) {
      const regions = new Bitmap(regionCount(core.geometry));
      for (const link of links) {
        if (link.report === undefined) return false;
        regions.addAll(core.regionsOf(link.report.dirty));
      }
      for (const region of regions.members()) {
        for (const span of chunks(regionSpan(core.geometry, region))) {
          const work = { sources: links, targets, span };
          if (!(yield* equalize(core, work))) return false;
        }
      }
    }
    return yield* core.callAll(
      links.map((link) => ({ link, request: { kind: 'flush', epoch: core.epoch } })),
    );
  }
}

/** Snapshots of a member that the record does not name. */
export function leftOver(link: MemberLink, record: VolumeRecord): readonly string[] {
  return [...link.snapshots].filter((name) => !record.snapshots.includes(name));
}
