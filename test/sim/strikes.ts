/**
 * What each fault does to the shelf, and when it may. Within the budget a member may lose something
 * only while another in-sync member has everything and was left alone for a while. Without it every
 * fault strikes that leaves a disk honest: what was synced stays, or is gone with the disk.
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

/** No rule can tell these from the truth once nobody is there who knows better (promises.md). */
const budgetOnly: ReadonlySet<FaultKind> = new Set([
  'misdirect-write',
  'lose-write',
  'roll-back-record',
  'two-writers',
  'roll-back-disk',
]);

interface Target {
  readonly fault: SimFault;
  readonly member: SimMember;
  readonly attachment: Attachment;
}

type Strike = (target: Target) => void;

export class Strikes {
  readonly #shelf: Shelf;
  readonly #budget: boolean;
  readonly #strikes: Readonly<Record<FaultKind, Strike>>;

  /** @param options budget: faults leave one member that has everything */
  constructor(shelf: Shelf, options: { readonly budget: boolean }) {
    this.#shelf = shelf;
    this.#budget = options.budget;
    const takeDown = this.#takeDown.bind(this);
    this.#strikes = {
      'kill-member': takeDown,
      'power-member': takeDown,
      'stop-member': takeDown,
      'swap-disk': takeDown,
      'fail-sync': this.#failSync.bind(this),
      'slow-disk': this.#slowDown.bind(this),
      'wrong-disk': this.#wrongDisk.bind(this),
      'full-disk': this.#fillUp.bind(this),
      rot: this.#rot.bind(this),
      'misdirect-write': this.#corruptNext.bind(this),
      'lose-write': this.#corruptNext.bind(this),
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
      'stale-reads': this.#staleReads.bind(this),
      'roll-back-record': this.#rollBackRecord.bind(this),
      'two-writers': this.#twoWriters.bind(this),
      'roll-back-disk': this.#rollBackDisk.bind(this),
      blackout: this.#blackout.bind(this),
    };
  }

  strike(fault: SimFault): void {
    const { members, newest, healing, world } = this.#shelf;
    const member = members[fault.member % members.length];
    if (member === undefined || newest === undefined || healing) return;
    if (!this.#budget && budgetOnly.has(fault.kind)) return;
    const rotten = members.find((other) => other.disturbedUntilMs === Infinity);
    const spared = this.#budget && member === rotten;
    if (rotten !== undefined && !endured.has(fault.kind) && !spared) return;
    world.note(`FAULT ${describe(fault)}`);
    this.#strikes[fault.kind]({ fault, member, attachment: newest });
  }

  #disturb(member: SimMember, forMs: number): void {
    const untilMs = this.#shelf.world.nowMs + forMs + calmMs;
    member.disturbedUntilMs = Math.max(member.disturbedUntilMs, untilMs);
  }

  #isRecovering({ disturbedUntilMs }: SimMember): boolean {
    return disturbedUntilMs !== Infinity && disturbedUntilMs >= this.#shelf.world.nowMs;
  }

  #disturbAll(forMs: number): void {
    for (const member of this.#shelf.members) this.#disturb(member, forMs);
  }

  /** Somebody else is in sync, has lost nothing, and was not disturbed for a while. */
  #mayLose(member: SimMember): boolean {
    const { recorded, members, world } = this.#shelf;
    if (!this.#budget) return true;
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

  /** Somebody puts the disk of another member into this one's slot, and later finds out. */
  #wrongDisk({ fault, member }: Target): void {
    const { members, world } = this.#shelf;
    const other = members[(members.indexOf(member) + 1) % members.length];
    if (other === undefined || other === member || !this.#mayLose(member)) return;
    this.#disturb(member, fault.durationMs);
    member.process.kill();
    member.medium.exchange(other.medium.own);
    member.restart();
    world.after(fault.durationMs, () => {
      member.process.kill();
      member.medium.putBack();
      member.restart();
    });
  }

  /** One disk, or all of them: writes wait for room, and nothing is lost. */
  #fillUp({ fault, member }: Target): void {
    const all = fault.draw % 3 === 0;
    if (!all && !this.#mayLose(member)) return;
    for (const one of all ? this.#shelf.members : [member]) {
      this.#disturb(one, fault.durationMs);
      one.medium.full = true;
      this.#shelf.world.after(fault.durationMs, () => {
        one.medium.full = false;
        if (one.failed) one.restart();
      });
    }
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
    const { settings, members } = this.#shelf;
    const { blockCount, regionBlocks, blackouts } = settings;
    const store = member.hosted?.store;
    if (store === undefined || blackouts || !this.#mayLose(member)) return;
    // After a crash a rotten block of a dirty region passes for the last write (note 2 of
    // promises.md).
    const sick = (other: SimMember) => !other.process.alive || this.#isRecovering(other);
    if (!this.#budget && members.some(sick)) return;
    const { dirty } = store;
    for (let block = 0; block < blockCount; block++) {
      if (dirty.has(Math.floor(block / regionBlocks))) continue;
      if (((fault.draw >> (block % 32)) & 1) === 0) continue;
      member.disturbedUntilMs = Infinity;
      member.medium.rot(filesOf(1).data, block * blockBytes + (fault.draw % blockBytes));
    }
  }

  /** Another engine, which reaches nobody but this member for a while. */
  #attachAlone(member: SimMember, forMs: number): void {
    this.#shelf.attach();
    const { newest, members } = this.#shelf;
    this.#disturbAll(forMs);
    for (const other of members) {
      if (newest !== undefined && other !== member)
        this.#block(newest.process.name, other.id, forMs);
    }
  }

  /** Silent corruption by the next write: it lands elsewhere, or not at all. */
  #corruptNext({ fault, member }: Target): void {
    if (this.#shelf.settings.blackouts || !this.#mayLose(member)) return;
    member.disturbedUntilMs = Infinity;
    if (fault.kind === 'lose-write') member.medium.loseNext = true;
    else member.medium.misdirectNext = fault.draw;
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

  #staleReads({ fault }: Target): void {
    const { cluster, world } = this.#shelf;
    cluster.staleMs = 10 + (fault.draw % 600);
    world.after(fault.durationMs, () => {
      cluster.staleMs = 0;
    });
  }

  #rollBackRecord({ fault }: Target): void {
    if (!this.#mayRollBack()) return;
    this.#disturbAll(fault.durationMs);
    this.#shelf.rollBack(1 + (fault.draw % 4));
  }

  /** Only while everybody is there who knows better: nobody else can notice. */
  #mayRollBack(): boolean {
    const { members, recorded, world, settings } = this.#shelf;
    // A list of snapshots that goes back within an epoch is noticed by the next engine only, which
    // then waits for a person to choose between two lists that are both wrong.
    if (settings.snapshots) return false;
    const know = members.filter(({ id }) => recorded.includes(id));
    return know.every((one) => one.process.alive && one.disturbedUntilMs < world.nowMs);
  }

  /**
   * The old engine lives and works, and the next claims the epoch that it has. Who could tell the
   * next one what the record forgot is mostly out of its reach.
   */
  #twoWriters({ fault, attachment: old }: Target): void {
    const { cluster, members, recorded, world } = this.#shelf;
    if (!this.#mayRollBack()) return;
    const know = members.filter(({ id }) => recorded.includes(id));
    this.#disturbAll(fault.durationMs);
    cluster.cutOff.add(old.process.name);
    world.after(fault.durationMs, () => cluster.cutOff.delete(old.process.name));
    this.#shelf.rollBack(cluster.changesSinceClaim);
    this.#shelf.attach();
    const next = this.#shelf.newest;
    if (next === undefined || fault.draw % 4 === 0) return;
    for (const { id } of know) {
      if (cluster.record.members.every((one) => one.inSync || one.id !== id)) {
        this.#block(next.process.name, id, fault.durationMs);
      }
    }
  }

  /**
   * Somebody keeps an image of the disk, half of the time of one that was stopped in order, and
   * puts it back later.
   */
  #rollBackDisk({ fault, member }: Target): void {
    if (!this.#mayLose(member)) return;
    const { world } = this.#shelf;
    let image = member.medium.own;
    if (fault.draw % 2 === 0) {
      this.#disturb(member, fault.durationMs);
      member.process.onDeath(() => {
        image = member.medium.own;
      });
      member.stop();
      world.after(50 + fault.durationMs / 4, () => {
        member.restart();
      });
    }
    world.after(fault.durationMs * (1 + (fault.draw % 3)), () => {
      if (this.#shelf.healing || !this.#mayLose(member)) return;
      world.note(`${member.id} is put back to an older state`);
      this.#disturb(member, 0);
      member.process.kill();
      member.medium.putImage(image);
      member.restart();
      if (fault.draw % 3 === 0) this.#attachAlone(member, fault.durationMs);
    });
  }

  #blackout(): void {
    const { settings, attachments, members, history, world } = this.#shelf;
    if (this.#budget && (!settings.blackouts || this.#emptied())) return;
    for (const { process } of attachments) process.kill();
    for (const member of members) {
      member.process.kill();
      member.medium.cutPower();
      member.medium.failNextSync = false;
    }
    const wrong = this.#budget ? history.lostEverything() : undefined;
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
