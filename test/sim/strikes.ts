/**
 * What each fault does to the shelf, and when it may. Within the budget a member may lose something
 * only while another in-sync member has everything and was left alone for a while.
 */
import { filesOf } from '../../dataplane/store/layer-list.ts';
import type { Attachment } from './attachment.ts';
import { describe, type FaultKind, type SimFault } from './faults.ts';
import type { SimMember } from './member.ts';
import type { SimProcess } from './process.ts';
import { blockBytes } from './settings.ts';
import type { Shelf } from './shelf.ts';

/** How long after a disturbance a member does not count as the one that has everything. */
const calmMs = 1500;

/**
 * Faults that take no member out of the set. Once a copy is rotten the others must stay: a block
 * that is lost on one and rotten on the other is lost.
 */
const endured: ReadonlySet<FaultKind> = new Set(['reset', 'kill-engine', 'rot']);

interface Target {
  readonly fault: SimFault;
  readonly member: SimMember;
  readonly attachment: Attachment;
}

type Strike = (target: Target) => void;

export class Strikes {
  readonly #shelf: Shelf;
  readonly #strikes: Readonly<Record<FaultKind, Strike>>;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
    const takeDown = this.#takeDown.bind(this);
    this.#strikes = {
      'kill-member': takeDown,
      'power-member': takeDown,
      'stop-member': takeDown,
      'swap-disk': takeDown,
      'fail-sync': this.#failSync.bind(this),
      'slow-disk': this.#slowDown.bind(this),
      rot: this.#rot.bind(this),
      'pause-member': this.#pauseMember.bind(this),
      'pause-engine': this.#pauseEngine.bind(this),
      'kill-engine': ({ attachment }) => {
        shelf.killEngine(attachment);
      },
      'lose-node': this.#loseNode.bind(this),
      'move-engine': this.#moveEngine.bind(this),
      split: this.#split.bind(this),
      partition: this.#partition.bind(this),
      'one-way': this.#partition.bind(this),
      reset: ({ attachment, member }) => {
        shelf.network.reset(attachment.process.name, member.id);
      },
      'manager-away': this.#managerAway.bind(this),
      blackout: this.#blackout.bind(this),
    };
  }

  strike(fault: SimFault): void {
    const { members, newest, healing, world } = this.#shelf;
    const member = members[fault.member % members.length];
    if (member === undefined || newest === undefined || healing) return;
    const rotten = members.find((other) => other.disturbedUntilMs === Infinity);
    if (rotten !== undefined && !endured.has(fault.kind) && member !== rotten) return;
    world.note(`FAULT ${describe(fault)}`);
    this.#strikes[fault.kind]({ fault, member, attachment: newest });
  }

  #disturb(member: SimMember, forMs: number): void {
    const untilMs = this.#shelf.world.nowMs + forMs + calmMs;
    member.disturbedUntilMs = Math.max(member.disturbedUntilMs, untilMs);
  }

  #disturbAll(forMs: number): void {
    for (const member of this.#shelf.members) this.#disturb(member, forMs);
  }

  /** Somebody else is in sync, has lost nothing, and was not disturbed for a while. */
  #mayLose(member: SimMember): boolean {
    const { recorded, members, world } = this.#shelf;
    return members.some(
      (other) =>
        other !== member &&
        recorded.includes(other.id) &&
        other.process.alive &&
        other.hosted?.store.proven === true &&
        !other.failed &&
        other.disturbedUntilMs < world.nowMs,
    );
  }

  #takeDown({ fault, member }: Target): void {
    if (!this.#mayLose(member)) return;
    this.#disturb(member, fault.durationMs);
    if (fault.kind === 'stop-member') member.stop();
    else member.process.kill();
    if (fault.kind === 'power-member' || fault.kind === 'lose-node') member.medium.cutPower();
    if (fault.kind === 'swap-disk') member.medium.empty();
    this.#shelf.world.after(fault.durationMs, () => {
      member.restart();
    });
  }

  #loseNode(target: Target): void {
    if (!this.#mayLose(target.member)) return;
    this.#shelf.killEngine(target.attachment);
    this.#takeDown(target);
  }

  #failSync({ fault, member }: Target): void {
    if (!this.#mayLose(member)) return;
    this.#disturb(member, fault.durationMs);
    member.medium.failNextSync = true;
    this.#shelf.world.after(fault.durationMs, () => {
      member.medium.failNextSync = false;
      if (member.failed) member.restart();
    });
  }

  #slowDown({ fault, member }: Target): void {
    member.medium.hiccupMs = 50 + (fault.draw % 450);
    this.#shelf.world.after(fault.durationMs, () => {
      member.medium.hiccupMs = 0;
    });
  }

  /**
   * Silent corruption of some blocks on one of several copies, where it can be told from a write.
   */
  #rot({ fault, member }: Target): void {
    const { blockCount, regionBlocks, blackouts } = this.#shelf.settings;
    const store = member.hosted?.store;
    if (blackouts || store === undefined || !this.#mayLose(member)) return;
    const dirty = store.changed();
    for (let block = 0; block < blockCount; block++) {
      if (dirty?.has(Math.floor(block / regionBlocks)) !== false) continue;
      if (((fault.draw >> (block % 32)) & 1) === 0) continue;
      member.disturbedUntilMs = Infinity;
      member.medium.rot(filesOf(1).data, block * blockBytes + (fault.draw % blockBytes));
    }
  }

  #pauseMember({ fault, member }: Target): void {
    this.#disturb(member, fault.durationMs);
    this.#pauseFor(member.process, fault.durationMs);
  }

  #pauseEngine({ fault, attachment }: Target): void {
    this.#disturbAll(fault.durationMs);
    this.#pauseFor(attachment.process, fault.durationMs);
  }

  #pauseFor(process: SimProcess, forMs: number): void {
    process.pause();
    this.#shelf.world.after(forMs, () => {
      process.resume();
    });
  }

  /** People move a volume away from a node that struggles. */
  #moveEngine(target: Target): void {
    const { draw } = target.fault;
    if (draw % 2 === 0) this.#slowDown(target);
    this.#shelf.world.after(draw % 60, () => {
      if (!this.#shelf.healing) this.#shelf.attach();
    });
  }

  /**
   * The old engine keeps one member for itself, mostly without the manager; the next gets the
   * others.
   */
  #split({ fault, member: kept, attachment: old }: Target): void {
    const { cluster, members, world } = this.#shelf;
    this.#disturbAll(fault.durationMs);
    this.#shelf.attach();
    const next = this.#shelf.newest;
    if (next === undefined) return;
    if (fault.draw % 4 !== 0) {
      cluster.cutOff.add(old.process.name);
      world.after(fault.durationMs, () => cluster.cutOff.delete(old.process.name));
    }
    for (const member of members) {
      const far = member === kept ? next : old;
      this.#block(far.process.name, member.id, fault.durationMs);
      this.#block(member.id, far.process.name, fault.durationMs);
    }
  }

  #partition({ fault, member, attachment }: Target): void {
    this.#disturb(member, fault.durationMs);
    const engine = attachment.process.name;
    const outward = fault.kind === 'partition' || fault.draw % 2 === 0;
    const inward = fault.kind === 'partition' || fault.draw % 2 === 1;
    if (outward) this.#block(engine, member.id, fault.durationMs);
    if (inward) this.#block(member.id, engine, fault.durationMs);
  }

  #block(from: string, to: string, forMs: number): void {
    const { network, world } = this.#shelf;
    network.block(from, to);
    world.after(forMs, () => {
      network.unblock(from, to);
    });
  }

  #managerAway({ fault }: Target): void {
    const { cluster, world } = this.#shelf;
    this.#disturbAll(fault.durationMs);
    cluster.away = true;
    world.after(fault.durationMs, () => {
      cluster.away = false;
    });
  }

  #blackout(): void {
    const { settings, attachments, members, history, world } = this.#shelf;
    if (!settings.blackouts || this.#emptied()) return;
    for (const { process } of attachments) process.kill();
    for (const member of members) {
      member.process.kill();
      member.medium.cutPower();
      member.medium.failNextSync = false;
    }
    const wrong = history.lostEverything();
    if (wrong !== undefined) world.violate(`I-06 I-15 I-16 before the blackout: ${wrong}`);
    for (const member of members) {
      world.after(world.prng.between(10, 900), () => {
        if (!member.process.alive) member.restart();
      });
    }
    world.after(200, () => {
      this.#shelf.attach();
    });
  }

  /** A member that counts as in sync has lost its disk: a blackout now would ask for a person. */
  #emptied(): boolean {
    const { recorded, members } = this.#shelf;
    return members.some(
      ({ id, medium, hosted }) =>
        recorded.includes(id) &&
        (!medium.files.has('identity') || hosted?.store.state.standing === 'new'),
    );
  }
}
