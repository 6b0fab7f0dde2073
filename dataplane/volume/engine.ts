/**
 * The engine of one volume as a machine: events in, commands out. It decides everything about
 * epochs, members, order and acknowledgement, and touches nothing: `drive/engine.ts` carries out
 * the commands over the ports, in the simulator as in production.
 */
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { Ageing } from './ageing.ts';
import { CatchUp } from './catch-up.ts';
import { Core } from './core.ts';
import { Cuts } from './cuts.ts';
import { Lease } from './lease.ts';
import type { EngineCommand, EngineEvent, EngineOptions, ScrubState } from './engine-events.ts';
import type { MemberReport, Welcome } from './member.ts';
import type { MemberLink } from './member-link.ts';
import { Membership } from './membership.ts';
import { Opening } from './opening.ts';
import { Operations } from './operations.ts';
import type { VolumeRecord } from './record.ts';
import { Scrub } from './scrub.ts';
import type { Procedure } from './task.ts';
import { Wishes } from './wishes.ts';

/**
 * A connection whose member has not promised after so many times `memberLossMs` is given up and
 * opened anew: it may be half of one. Until then a slow disk may finish what older engines began.
 */
const handshakeLosses = 10;
/** Beats after a hint about the record when it is read once more. */
const againBeats = 40;

export class Engine {
  readonly #core: Core;
  readonly #lease: Lease;
  readonly #operations: Operations;
  readonly #membership: Membership;
  readonly #ageing: Ageing;
  readonly #catchUp: CatchUp;
  readonly #cuts: Cuts;
  readonly #scrub: Scrub;
  readonly #wishes: Wishes;
  #stopping = false;
  /** Somebody may have written the record since it was read. */
  #hinted = false;

  constructor(options: EngineOptions) {
    this.#core = new Core(options);
    this.#lease = new Lease(options.leaseMs);
    this.#operations = new Operations(this.#core, this.#lease);
    this.#membership = new Membership(this.#core);
    const parts = [this.#core, this.#operations, this.#membership] as const;
    this.#ageing = new Ageing(...parts);
    this.#catchUp = new CatchUp(...parts, this.#ageing);
    this.#cuts = new Cuts(...parts);
    this.#scrub = new Scrub(this.#core, this.#operations);
    this.#wishes = new Wishes(this.#core, this.#cuts);
  }

  get serving(): boolean {
    return this.#core.serving;
  }

  get epoch(): number {
    return this.#core.epoch;
  }

  /** What it waits for, in words; empty when all is well. */
  get reason(): string {
    return this.#core.reason;
  }

  /** Bytes that were sent from one member to others to make them equal. */
  get copiedBytes(): number {
    return this.#core.copiedBytes;
  }

  get scrub(): ScrubState {
    return this.#scrub.state;
  }

  /** Undefined before the record was read. */
  get record(): VolumeRecord | undefined {
    return this.#core.record;
  }

  /** When to send a `wake` if nothing else happens; Infinity for never. */
  get wakeAtMs(): number {
    return this.#core.tasks.wakeAtMs();
  }

  step(nowMs: number, event: EngineEvent): readonly EngineCommand[] {
    const core = this.#core;
    assert(nowMs >= core.nowMs, 'I-16 the monotonic clock does not go back');
    core.nowMs = nowMs;
    if (core.ended === undefined) {
      this.#take(event);
      core.tasks.run(nowMs);
    } else if (event.kind === 'request' || event.kind === 'cut') {
      this.#refuse(event.id, core.ended);
    }
    if (core.ended !== undefined) {
      this.#operations.abandon(core.ended);
      this.#cuts.abandon(core.ended);
    }
    return core.takeCommands();
  }

  #take(event: EngineEvent): void {
    const core = this.#core;
    switch (event.kind) {
      case 'start':
        core.tasks.start(this.#live());
        return;
      case 'wake':
        return;
      case 'record-read':
        core.recordRead(event.outcome);
        return;
      case 'swapped':
        core.swapped(event.outcome);
        return;
      case 'record-hint':
        this.#hinted = true;
        return;
      case 'connected':
        this.#connected(core.link(event.member), event.welcome);
        return;
      case 'disconnected':
        this.#disconnected(core.link(event.member), event.why);
        return;
      case 'reply':
        core.link(event.member).answer(event.id, event.reply);
        return;
      case 'request':
        if (this.#stopping) this.#refuse(event.id, ending());
        else this.#operations.submit(event.id, event.request);
        return;
      case 'cut':
        if (this.#stopping) this.#refuse(event.id, ending());
        else core.tasks.start(this.#cuts.run(event.id, event.request));
        return;
      case 'stop':
        this.#stopping = true;
        core.tasks.start(this.#leave());
    }
  }

  *#live(): Procedure {
    const core = this.#core;
    const opening = new Opening(core);
    core.tasks.start(this.#connectAll());
    yield* opening.open();
    if (!core.serving) return;
    this.#operations.serve();
    core.tasks.start(this.#membership.watch());
    core.tasks.start(this.#membership.forgetReaders());
    for (const link of core.links.values()) this.#care(link);
    core.tasks.start(this.#flushQuietly());
    core.tasks.start(this.#ageing.run());
    core.tasks.start(this.#scrub.run());
    core.tasks.start(this.#followRecord());
    core.tasks.start(this.#wishes.run());
  }

  /** What is done for each member while the volume is served. */
  #care(link: MemberLink): void {
    this.#core.tasks.start(this.#catchUp.watch(link));
    this.#core.tasks.start(this.#beat(link));
  }

  /** Members that somebody added to the record are filled; those that were taken out are let go. */
  *#followRecord(): Procedure {
    const core = this.#core;
    // What was read may be older than what the hint was about, and no other hint would come.
    let againAtMs = Infinity;
    for (;;) {
      const due = () => (this.#hinted || core.nowMs >= againAtMs) && !core.cutting;
      yield* this.#membership.turn(due);
      againAtMs = this.#hinted ? core.nowMs + againBeats * core.options.heartbeatMs : Infinity;
      this.#hinted = false;
      yield* core.read();
      if (!core.isMine) {
        core.superseded();
        return;
      }
      for (const link of core.addLinks()) {
        core.tasks.start(this.#keepConnected(link));
        this.#care(link);
      }
      this.#membership.dismiss();
      this.#membership.release();
    }
  }

  *#connectAll(): Procedure {
    yield { ready: () => this.#core.epoch > 0 && this.#core.links.size > 0 };
    for (const link of this.#core.links.values()) {
      this.#core.tasks.start(this.#keepConnected(link));
    }
  }

  *#keepConnected(link: MemberLink): Procedure {
    const core = this.#core;
    for (;;) {
      yield { ready: () => link.state === 'down' && core.isMine && !link.dismissed };
      link.state = 'connecting';
      core.command({ kind: 'connect', member: link.id, address: link.address });
      const handshakeMs = handshakeLosses * core.options.memberLossMs;
      const decided = () => link.state === 'up' || link.state === 'down';
      yield { ready: decided, orAtMs: core.nowMs + handshakeMs };
      if (!decided()) this.#hangUp(link, `it did not promise within ${handshakeMs} ms`);
      yield { ready: () => link.state === 'down' };
      yield* core.pause(core.options.retryMs);
    }
  }

  #connected(link: MemberLink, welcome: Welcome): void {
    const core = this.#core;
    if (link.state !== 'connecting') return;
    const { lineage, volume } = core.known;
    if (
      welcome.member !== link.id ||
      welcome.volume !== volume ||
      (welcome.lineage !== lineage && welcome.standing !== 'new')
    ) {
      const { member, lineage: other } = welcome;
      const found = `${welcome.volume}/${member} of lineage ${other}`;
      this.#hangUp(link, `what answers there is ${found}, not ${volume}/${link.id} of ${lineage}`);
      return;
    }
    if (welcome.promisedEpoch > core.epoch && core.options.plants.rollbackIgnored !== true) {
      core.tasks.start(this.#explainNewerEpoch(welcome.promisedEpoch, link.id));
      this.#hangUp(link, `it has promised epoch ${welcome.promisedEpoch}`);
      return;
    }
    const restarted = link.incarnation !== '' && link.incarnation !== welcome.incarnation;
    if (core.serving && link.needed && restarted) this.#restarted(link, welcome.proven);
    link.incarnation = welcome.incarnation;
    link.state = 'promising';
    this.#askPromise(link);
  }

  /** I-10. A member that counts was stopped and started meanwhile. */
  #restarted(link: MemberLink, proven: boolean): void {
    const { restartIgnored } = this.#core.options.plants;
    link.returned = true;
    if (!proven && restartIgnored !== true) {
      // What it had acknowledged and not flushed may be gone.
      link.broken = 'it was restarted and cannot prove that it lost nothing';
    } else if (link.readmissions > 0) {
      // I-24: what it was when it was stopped before would prove the same.
      link.broken = 'it was restarted once more before its return was noted in the record';
    }
  }

  #askPromise(link: MemberLink): void {
    const core = this.#core;
    const { epoch, options } = core;
    const request = { kind: 'promise', epoch, writer: options.incarnation } as const;
    const id = link.ask({
      request,
      lasting: false,
      hear: (heard) => {
        if (heard.kind !== 'promised') {
          if (core.judge(link, heard)) this.#hangUp(link, `it answers ${heard.kind} to a promise`);
          return;
        }
        if (this.#knowsBetter(link.id, heard.report)) return;
        link.promised(heard.report);
        link.state = 'up';
        link.why = '';
        this.#checkAge(link, heard.report);
        if (link.broken !== '') return;
        if (link.returned) core.tasks.start(this.#ageing.readmit(link));
        link.returned = false;
        for (const [question, request] of link.open()) {
          core.command({ kind: 'send', member: link.id, id: question, request });
        }
      },
    });
    core.command({ kind: 'send', member: link.id, id, request });
  }

  /** I-24: a member that counts is as old as it was told to be, or has an older disk. */
  #checkAge(link: MemberLink, { age }: MemberReport): void {
    const core = this.#core;
    if (!core.serving || !link.needed || age >= core.age) return;
    if (core.options.plants.olderDiskTrusted === true) return;
    link.broken = `its disk is in an older state: it has age ${age}, and had ${core.age}`;
  }

  #hangUp(link: MemberLink, why: string): void {
    this.#core.command({ kind: 'disconnect', member: link.id });
    this.#disconnected(link, why);
  }

  #disconnected(link: MemberLink, why: string): void {
    if (link.state === 'up') link.downSinceMs = this.#core.nowMs;
    link.state = 'down';
    link.why = why;
    link.report = undefined;
    if (link.held) link.broken = 'it went away in the middle of a procedure';
    if (link.role === 'copying') link.role = 'absent';
    link.drop(link.role === 'absent');
  }

  /** I-04: either somebody opened a later epoch, or the record was put back to an older state. */
  *#explainNewerEpoch(promisedEpoch: number, member: string): Procedure {
    const core = this.#core;
    const mine = core.epoch;
    const record = yield* core.read();
    if (record.epoch >= promisedEpoch) {
      if (record.epoch !== mine) core.superseded();
      return;
    }
    core.rolledBack(
      `Member ${member} has promised epoch ${promisedEpoch}; the record says ${record.epoch}.`,
    );
  }

  /** I-04: it keeps track of somebody who, by the record, has not left yet. */
  #knowsBetter(member: string, report: MemberReport): boolean {
    const { generation } = this.#core.known;
    const ahead = report.absences.find((absence) => absence.generation > generation);
    if (ahead === undefined || this.#core.options.plants.rollbackIgnored === true) return false;
    this.#core.rolledBack(
      `Member ${member} knows that ${ahead.member} left in generation ${ahead.generation}; the record says ${generation}.`,
    );
    return true;
  }

  *#beat(link: MemberLink): Procedure {
    const core = this.#core;
    const { heartbeatMs, memberLossMs } = core.options;
    for (;;) {
      yield { ready: () => link.usable && link.role !== 'absent' };
      const askedAtMs = core.nowMs;
      let heard = false;
      const cleanThrough = link.role === 'in-sync' ? this.#ageing.cleanThrough : 0;
      core.ask(link, { kind: 'heartbeat', epoch: core.epoch, cleanThrough }, (answer) => {
        heard = true;
        if (!core.judge(link, answer)) return;
        this.#lease.confirm(link.id, askedAtMs);
        this.#operations.leaseRenewed();
      });
      yield { ready: () => heard, orAtMs: askedAtMs + memberLossMs };
      if (!heard) {
        // It does not answer: the connection is as good as gone, and has been since the question.
        this.#hangUp(link, `it has not answered for ${memberLossMs} ms`);
        link.downSinceMs = askedAtMs;
      }
      yield* core.pause(heartbeatMs);
    }
  }

  *#flushQuietly(): Procedure {
    for (;;) {
      yield* this.#core.pause(this.#core.options.quietFlushMs);
      if (this.#operations.unflushed) this.#operations.flushQuietly();
    }
  }

  *#leave(): Procedure {
    const core = this.#core;
    yield { ready: () => !core.serving || this.#operations.idle };
    if (core.serving && this.#operations.unflushed) this.#operations.flushQuietly();
    yield { ready: () => !core.serving || this.#operations.idle };
    core.end(ending());
  }

  #refuse(id: number, fault: Fault): void {
    this.#core.command({ kind: 'answer', id, answer: { kind: 'failed', reason: 'io', fault } });
  }
}

function ending(): Fault {
  return new Fault('volume.ending', 'The engine has left this volume.', {
    hint: 'Attach the volume again.',
  });
}
