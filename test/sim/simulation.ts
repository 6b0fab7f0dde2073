/**
 * One run: a volume with its replica servers, engines that come and go, clients, and the faults of
 * the seed; the real `drive/` over the twins. Two phases: faults while clients work, then
 * everything is healed and must come to rest: in sync, byte-equal, every answer explained
 * (docs/simulation.md).
 */
import { Fault } from '../../dataplane/base/fault.ts';
import { Prng } from '../../dataplane/base/prng.ts';
import { createStore, type HostedStore, openStore } from '../../dataplane/drive/hosted-store.ts';
import { EngineDrive } from '../../dataplane/drive/engine.ts';
import { ReplicaServer } from '../../dataplane/drive/replica.ts';
import { regionCount, regionsOf } from '../../dataplane/store/geometry.ts';
import { RegionMap, regionsFile } from '../../dataplane/store/region-map.ts';
import { inSyncIds, type VolumeRecord } from '../../dataplane/volume/record.ts';
import { Client } from './client.ts';
import { SimClock } from './clock.ts';
import { SimCluster } from './cluster.ts';
import { SimDisk, SimMedium } from './disk.ts';
import { describe, drawFaults, type FaultKind, type SimFault } from './faults.ts';
import { History } from './history.ts';
import { SimNetwork } from './link.ts';
import { SimProcess } from './process.ts';
import type { Plants } from './plants.ts';
import { World } from './world.ts';

const volume = 'volume';
const lineage = 'lineage';
const times = { heartbeatMs: 50, retryMs: 20, quietFlushMs: 350 };
/** How long after a disturbance a member does not count as the one that has everything. */
const calmMs = 1500;
/** Time after which a member that is away has been missed. */
const noticeMs = 1200;
/** Time to come to rest after everything is healed. */
const settleMs = 60_000;

export interface RunOptions {
  readonly seed: number;
  readonly plants?: Plants;
  /**
   * The only kinds of faults, and as many as there can be; for mistakes that need a rare meeting.
   */
  readonly focus?: readonly FaultKind[];
  /** Indexes of faults to leave out. */
  readonly without?: ReadonlySet<number>;
  /** Lines of the story in the result; 200 unless told. */
  readonly linesKept?: number;
}

export interface RunResult {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly hash: string;
  readonly faults: readonly SimFault[];
  readonly settings: Settings;
  readonly lines: readonly string[];
  readonly eventCount: number;
}

interface Settings {
  readonly members: number;
  readonly blockCount: number;
  readonly regionBlocks: number;
  readonly clients: number;
  readonly thinkMs: number;
  readonly flushShare: number;
  readonly slowestDiskMs: number;
  readonly slowestLinkMs: number;
  readonly lostAnswers: number;
  readonly leaseMs: number;
  readonly memberLossMs: number;
  readonly faults: number;
  readonly busyMs: number;
  /** Everything may lose its power at once; then what was not flushed may be gone. */
  readonly blackouts: boolean;
}

interface Member {
  readonly id: string;
  readonly medium: SimMedium;
  process: SimProcess;
  hosted: HostedStore | undefined;
  server: ReplicaServer | undefined;
  disturbedUntilMs: number;
}

interface Attachment {
  readonly process: SimProcess;
  readonly engine: EngineDrive;
  readonly clients: readonly Client[];
}

const blockBytes = 64;

/**
 * Faults that take no member out of the set. Once a copy is rotten the others must stay: a block
 * that is lost on one and rotten on the other is lost.
 */
function endures(kind: FaultKind): boolean {
  return kind === 'reset' || kind === 'kill-engine' || kind === 'rot';
}

function draw(prng: Prng): Settings {
  const blockCount = prng.between(4, 32);
  return {
    members: prng.pick([1, 2, 2, 2, 2, 3, 3, 3]) ?? 2,
    blockCount,
    regionBlocks: prng.between(2, 8),
    clients: prng.between(1, 5),
    thinkMs: prng.between(5, 60),
    flushShare: prng.fraction() * 0.2,
    slowestDiskMs: prng.between(1, 12),
    slowestLinkMs: prng.between(1, 20),
    lostAnswers: prng.chance(0.5) ? 0 : prng.fraction() * 0.4,
    leaseMs: prng.pick([200, 300, 1000, 1000]) ?? 300,
    memberLossMs: prng.pick([120, 200]) ?? 200,
    faults: prng.between(0, 9),
    busyMs: prng.between(800, 4000),
    blackouts: prng.chance(0.3),
  };
}

export class Simulation {
  readonly #world: World;
  readonly #seed: number;
  readonly #settings: Settings;
  readonly #plants: Plants;
  readonly #faults: readonly SimFault[];
  readonly #without: ReadonlySet<number>;
  readonly #history: History;
  readonly #network: SimNetwork;
  readonly #cluster: SimCluster;
  readonly #members: Member[] = [];
  readonly #attachments: Attachment[] = [];
  #nextValue = 1;
  #incarnations = 0;
  #healing = false;

  constructor(options: RunOptions) {
    this.#world = new World(options.seed, options.linesKept ?? 200);
    this.#seed = options.seed;
    const { prng } = this.#world;
    this.#settings = draw(prng.fork('settings'));
    this.#plants = options.plants ?? {};
    this.#without = options.without ?? new Set();
    const { faults, busyMs, blockCount, slowestLinkMs, lostAnswers } = this.#settings;
    const { focus } = options;
    const count = focus === undefined ? faults : 9;
    this.#faults = drawFaults(prng.fork('faults'), { count, endMs: busyMs }, focus);
    this.#history = new History(blockCount);
    this.#network = new SimNetwork(this.#world, slowestLinkMs);
    this.#cluster = new SimCluster(this.#world, {
      record: this.#firstRecord(),
      lostAnswers,
      onWrite: (record) => {
        this.#checkRecord(record);
      },
    });
  }

  async run(): Promise<RunResult> {
    const world = this.#world;
    await this.#begin();
    this.#faults.forEach((fault, index) => {
      if (this.#without.has(index)) return;
      world.after(fault.atMs, () => {
        this.#strike(fault);
      });
    });
    await world.runUntil(this.#settings.busyMs);
    this.#heal();
    // Long enough for everybody to notice who is away: before that "in sync" is only the last word.
    await world.runUntil(world.nowMs + noticeMs);
    await world.runUntil(world.nowMs + settleMs, () => this.#settled());
    if (world.violation === undefined && !this.#settled()) world.violate(this.#unsettled());
    if (world.violation === undefined) await this.#finish();
    return {
      seed: this.#seed,
      violation: world.violation,
      hash: world.hash,
      faults: this.#faults,
      settings: this.#settings,
      lines: world.lines,
      eventCount: world.eventCount,
    };
  }

  #firstRecord(): VolumeRecord {
    const { members, blockCount, regionBlocks } = this.#settings;
    return {
      volume,
      lineage,
      sizeBytes: blockCount * blockBytes,
      blockBytes,
      regionBlocks,
      epoch: 0,
      writer: '',
      generation: 0,
      readersLeft: false,
      members: Array.from({ length: members }, (_, index) => ({
        id: `r${index + 1}`,
        address: `r${index + 1}`,
        inSync: true,
        departedAt: 0,
      })),
    };
  }

  async #begin(): Promise<void> {
    const { members, slowestDiskMs } = this.#settings;
    const prng = this.#world.prng.fork('disks');
    for (let index = 1; index <= members; index++) {
      const id = `r${index}`;
      const medium = new SimMedium(prng.fork(id), {
        name: id,
        dataUnitBytes: blockBytes,
        slowestMs: slowestDiskMs,
      });
      medium.onDataWrite = (offsetBytes, lengthBytes) => {
        this.#checkIntent(medium, offsetBytes, lengthBytes);
      };
      const process = new SimProcess(this.#world, id);
      const none = { hosted: undefined, server: undefined, disturbedUntilMs: 0 };
      const member: Member = { id, medium, process, ...none };
      this.#members.push(member);
      void this.#startMember(member, true);
    }
    await this.#world.runUntil(20 * slowestDiskMs);
    this.#attach();
  }

  #checkRecord(next: VolumeRecord): void {
    const before = this.#cluster.record;
    if (inSyncIds(next).length === 0) this.#world.violate('I-09 the in-sync set is empty');
    const claims = next.epoch === before.epoch + 1 && next.writer !== before.writer;
    const same = next.epoch === before.epoch && next.writer === before.writer;
    if (!claims && !same) this.#world.violate('I-01 an epoch changed in a way that is not a claim');
  }

  /** Reads the region map from the medium, as a crash at this moment would leave it. */
  #checkIntent(medium: SimMedium, offsetBytes: number, lengthBytes: number): void {
    const { sizeBytes, regionBlocks } = this.#cluster.record;
    const geometry = { sizeBytes, blockBytes, regionBlocks };
    const map = RegionMap.load(regionCount(geometry), medium.content(regionsFile).medium);
    const { first, end } = regionsOf(geometry, { offsetBytes, lengthBytes });
    for (let region = first; region < end; region++) {
      if (map.isDirty(region)) continue;
      this.#world.violate(`I-11 ${medium.name} writes to region ${region}, which is not dirty`);
    }
  }

  async #startMember(member: Member, withVolume: boolean): Promise<void> {
    const process = new SimProcess(this.#world, member.id);
    member.process = process;
    member.hosted = undefined;
    const disk = new SimDisk(member.medium, process);
    try {
      const { sizeBytes, regionBlocks } = this.#cluster.record;
      const geometry = { sizeBytes, blockBytes, regionBlocks };
      if (!(await disk.list()).includes('identity')) {
        const identity = { volume, member: member.id, geometry };
        await createStore(disk, identity, { lineage, withVolume });
      }
      const hosted = await openStore(disk, { volume, member: member.id }, this.#plants);
      member.hosted = hosted;
      this.#incarnations += 1;
      const server = new ReplicaServer(
        {
          acceptor: this.#network.listen(process, member.id),
          log: { info: () => {}, warn: (text) => this.#world.note(`${member.id} warns: ${text}`) },
          onDefect: (error) => {
            process.defect(error);
          },
        },
        { incarnation: `i${this.#incarnations}`, plants: this.#plants },
      );
      member.server = server;
      server.add(hosted);
      await server.serve();
    } catch (error) {
      if (!(error instanceof Fault)) process.defect(error);
      else {
        // The process ends and is started again, as its supervisor would.
        this.#world.note(`${member.id} does not start: ${error.message}`);
        this.#world.after(100, () => {
          if (member.process === process && process.alive) this.#restart(member);
        });
      }
    }
  }

  /** A new engine with its clients, on a host of its own. */
  #attach(): void {
    const number = this.#attachments.length + 1;
    const process = new SimProcess(this.#world, `e${number}`);
    const { leaseMs, memberLossMs } = this.#settings;
    // A node without a copy of its own prefers nobody.
    const preferred = `r${number % (this.#members.length + 1)}`;
    const engine = new EngineDrive(
      {
        clock: new SimClock(process),
        connector: this.#network.connectorOf(process),
        cluster: this.#cluster.seenBy(process),
        onDefect: (error) => {
          process.defect(error);
        },
      },
      volume,
      {
        incarnation: process.name,
        preferred,
        ...times,
        leaseMs,
        memberLossMs,
        plants: this.#plants,
      },
    );
    const { blockCount, clients: count, thinkMs, flushShare } = this.#settings;
    const clients = Array.from(
      { length: this.#healing ? 0 : count },
      (_, index) =>
        new Client(this.#world, this.#history, engine, {
          name: `c${number}.${index + 1}`,
          blockBytes,
          blockCount,
          hotBlocks: Math.max(1, Math.floor(blockCount / 3)),
          thinkMs,
          flushShare,
          readsOnly: index === 1,
          nextValue: () => this.#nextValue++,
        }),
    );
    const attachment: Attachment = { process, engine, clients };
    this.#attachments.push(attachment);
    process.deliver(0, 'starts', () => {
      engine.start();
    });
    for (const client of clients) void client.work();
    void this.#supervise(attachment);
  }

  /** What a scheduler does: when the newest engine ends, another is started. */
  async #supervise(attachment: Attachment): Promise<void> {
    const fault = await attachment.engine.end();
    this.#world.note(`${attachment.process.name} ended: ${fault.code}`);
    if (fault.code === 'cluster.rolled-back') {
      this.#world.violate(`I-04 nothing was rolled back, yet: ${fault.message}`);
    }
    if (attachment !== this.#attachments.at(-1)) return;
    this.#world.after(80, () => {
      if (attachment === this.#attachments.at(-1)) this.#attach();
    });
  }

  #strike(fault: SimFault): void {
    const member = this.#members[fault.member % this.#members.length];
    const attachment = this.#attachments.at(-1);
    if (member === undefined || attachment === undefined || this.#healing) return;
    const rotten = this.#members.find((other) => other.disturbedUntilMs === Infinity);
    if (rotten !== undefined && !endures(fault.kind) && member !== rotten) return;
    this.#world.note(`FAULT ${describe(fault)}`);
    const after = (run: () => void) => {
      this.#world.after(fault.durationMs, run);
    };
    const disturb = (who: Member) => {
      const until = this.#world.nowMs + fault.durationMs + calmMs;
      who.disturbedUntilMs = Math.max(who.disturbedUntilMs, until);
    };
    switch (fault.kind) {
      case 'kill-member':
      case 'power-member':
      case 'stop-member':
      case 'swap-disk':
        if (!this.#mayLose(member)) return;
        disturb(member);
        this.#takeDown(member, fault);
        return;
      case 'fail-sync':
        if (!this.#mayLose(member)) return;
        disturb(member);
        member.medium.failNextSync = true;
        after(() => {
          member.medium.failNextSync = false;
          if (member.hosted?.store.failure !== undefined) this.#restart(member);
        });
        return;
      case 'rot':
        this.#rot(member, fault);
        return;
      case 'slow-disk':
        this.#slowDown(member, fault);
        return;
      case 'pause-member':
        disturb(member);
        this.#pauseFor(member.process, fault.durationMs);
        return;
      case 'pause-engine':
        for (const other of this.#members) disturb(other);
        this.#pauseFor(attachment.process, fault.durationMs);
        return;
      case 'kill-engine':
        this.#killEngine(attachment);
        return;
      case 'lose-node':
        if (!this.#mayLose(member)) return;
        disturb(member);
        this.#killEngine(attachment);
        this.#takeDown(member, { ...fault, kind: 'power-member' });
        return;
      case 'split':
        for (const other of this.#members) disturb(other);
        this.#split(attachment, member, fault);
        return;
      case 'move-engine':
        // People move a volume away from a node that struggles.
        if (fault.draw % 2 === 0) this.#slowDown(member, fault);
        this.#world.after(fault.draw % 60, () => {
          if (!this.#healing) this.#attach();
        });
        return;
      case 'partition':
      case 'one-way':
        disturb(member);
        this.#partition(attachment.process.name, member.id, fault);
        return;
      case 'reset':
        this.#network.reset(attachment.process.name, member.id);
        return;
      case 'manager-away':
        for (const other of this.#members) disturb(other);
        this.#cluster.away = true;
        after(() => {
          this.#cluster.away = false;
        });
        return;
      case 'blackout':
        if (this.#settings.blackouts && !this.#emptied()) this.#blackout();
    }
  }

  #slowDown(member: Member, fault: SimFault): void {
    member.medium.hiccupMs = 50 + (fault.draw % 450);
    this.#world.after(fault.durationMs, () => {
      member.medium.hiccupMs = 0;
    });
  }

  #killEngine(attachment: Attachment): void {
    attachment.process.kill();
    this.#world.after(50, () => {
      if (attachment === this.#attachments.at(-1)) this.#attach();
    });
  }

  /**
   * The old engine keeps one member for itself, mostly without the manager; the next gets the
   * others.
   */
  #split(old: Attachment, kept: Member, fault: SimFault): void {
    this.#attach();
    const next = this.#attachments.at(-1);
    if (next === undefined) return;
    if (fault.draw % 4 !== 0) {
      this.#cluster.cutOff.add(old.process.name);
      this.#world.after(fault.durationMs, () => this.#cluster.cutOff.delete(old.process.name));
    }
    for (const member of this.#members) {
      const far = member === kept ? next : old;
      this.#partition(far.process.name, member.id, { ...fault, kind: 'partition' });
    }
  }

  #pauseFor(process: SimProcess, forMs: number): void {
    process.pause();
    this.#world.after(forMs, () => {
      process.resume();
    });
  }

  #partition(engine: string, member: string, fault: SimFault): void {
    const ways: readonly (readonly [string, string])[] = [
      [engine, member],
      [member, engine],
    ];
    const chosen = fault.kind === 'partition' ? ways : [ways[fault.draw % 2] ?? ways[0]];
    for (const way of chosen) {
      if (way === undefined) continue;
      this.#network.block(...way);
      this.#world.after(fault.durationMs, () => {
        this.#network.unblock(...way);
      });
    }
  }

  /** Somebody else is in sync, has lost nothing, and was not disturbed for a while. */
  #mayLose(member: Member): boolean {
    const recorded = inSyncIds(this.#cluster.record);
    return this.#members.some(
      (other) =>
        other !== member &&
        recorded.includes(other.id) &&
        other.process.alive &&
        other.hosted?.store.proven === true &&
        other.hosted.store.failure === undefined &&
        other.disturbedUntilMs < this.#world.nowMs,
    );
  }

  #takeDown(member: Member, fault: SimFault): void {
    if (fault.kind === 'stop-member') {
      // A graceful stop: it flushes and can prove it.
      const { server, process } = member;
      void server?.stop().then(() => {
        process.kill();
      });
    } else {
      member.process.kill();
    }
    if (fault.kind === 'power-member') member.medium.cutPower();
    if (fault.kind === 'swap-disk') member.medium.empty();
    this.#world.after(fault.durationMs, () => {
      this.#restart(member);
    });
  }

  #restart(member: Member): void {
    member.process.kill();
    void this.#startMember(member, false);
  }

  /**
   * Silent corruption of some blocks on one of several copies, where it can be told from a write.
   */
  #rot(member: Member, fault: SimFault): void {
    const { blockCount, regionBlocks, blackouts } = this.#settings;
    const store = member.hosted?.store;
    if (blackouts || store === undefined || !this.#mayLose(member)) return;
    const dirty = store.changed();
    for (let block = 0; block < blockCount; block++) {
      if (dirty?.has(Math.floor(block / regionBlocks)) !== false) continue;
      if (((fault.draw >> (block % 32)) & 1) === 0) continue;
      member.disturbedUntilMs = Infinity;
      member.medium.rot('data', block * blockBytes + (fault.draw % blockBytes));
    }
  }

  /** A member that counts as in sync has lost its disk: a blackout now would ask for a person. */
  #emptied(): boolean {
    const recorded = inSyncIds(this.#cluster.record);
    return this.#members.some(
      ({ id, medium, hosted }) =>
        recorded.includes(id) &&
        (!medium.files.has('identity') || hosted?.store.state.standing === 'new'),
    );
  }

  #blackout(): void {
    for (const { process } of this.#attachments) process.kill();
    for (const member of this.#members) {
      member.process.kill();
      member.medium.cutPower();
      member.medium.failNextSync = false;
    }
    const wrong = this.#history.lostEverything();
    if (wrong !== undefined) this.#world.violate(`I-06 I-15 I-16 before the blackout: ${wrong}`);
    for (const member of this.#members) {
      this.#world.after(this.#world.prng.between(10, 900), () => {
        if (!member.process.alive) this.#restart(member);
      });
    }
    this.#world.after(200, () => {
      this.#attach();
    });
  }

  #heal(): void {
    this.#healing = true;
    this.#world.note('HEAL');
    this.#cluster.away = false;
    this.#cluster.cutOff.clear();
    for (const { process, clients } of this.#attachments) {
      process.resume();
      for (const client of clients) client.stopped = true;
      for (const member of this.#members) {
        this.#network.unblock(process.name, member.id);
        this.#network.unblock(member.id, process.name);
      }
    }
    for (const member of this.#members) {
      member.process.resume();
      member.medium.failNextSync = false;
      member.medium.hiccupMs = 0;
      if (!member.process.alive || member.hosted?.store.failure !== undefined) {
        this.#restart(member);
      }
    }
    const last = this.#attachments.at(-1);
    if (last === undefined || !last.process.alive) this.#attach();
  }

  /** Served, and everybody in sync. */
  #settled(): boolean {
    const last = this.#attachments.at(-1);
    return (
      last?.engine.serving === true &&
      last.process.alive &&
      last.clients.every((client) => client.finished) &&
      inSyncIds(this.#cluster.record).length === this.#members.length
    );
  }

  #unsettled(): string {
    const last = this.#attachments.at(-1);
    const members = this.#cluster.record.members.map(
      ({ id, inSync }) => `${id} ${inSync ? 'in sync' : 'absent'}`,
    );
    return (
      `not at rest ${settleMs} ms after everything was healed: ` +
      `${last?.process.name} serving=${last?.engine.serving} reason="${last?.engine.reason}"; ${members.join(', ')}`
    );
  }

  async #finish(): Promise<void> {
    const world = this.#world;
    const engine = this.#attachments.at(-1)?.engine;
    if (engine === undefined) return;
    const { blockCount } = this.#settings;
    const reader = new Client(world, this.#history, engine, {
      name: 'final',
      blockBytes,
      blockCount,
      hotBlocks: 1,
      thinkMs: 0,
      flushShare: 0,
      readsOnly: true,
      nextValue: () => 0,
    });
    let done = false;
    void reader.readAll().then(async (read) => {
      if (!read) world.violate('I-21 a block could not be read after everything was healed');
      await engine.flush();
      done = true;
    });
    await world.runUntil(world.nowMs + settleMs, () => done);
    if (!done) world.violate('I-07 the last reads were not answered');
    const wrong = this.#history.check();
    if (wrong !== undefined) world.violate(`I-06 I-15 I-16 ${wrong}`);
    this.#compareCopies();
  }

  /**
   * In sync means equal. A block that rotted and was not read since is one that repair has yet to
   * meet.
   */
  #compareCopies(): void {
    const images = this.#members.map((member) => ({ id: member.id, image: this.#image(member) }));
    for (let block = 0; block < this.#settings.blockCount; block++) {
      const seen = images.map(({ id, image }) => `${id}: ${image[block]}`);
      const values = new Set(images.map(({ image }) => image[block]));
      values.delete('unreadable');
      if (values.size > 1) this.#world.violate(`I-12 block ${block} differs: ${seen.join(', ')}`);
    }
  }

  /** What the store would answer, read past its process. */
  #image(member: Member): readonly string[] {
    const store = member.hosted?.store;
    const values: string[] = [];
    if (store === undefined) return values;
    for (let block = 0; block < this.#settings.blockCount; block++) {
      const step = store.read({ offsetBytes: block * blockBytes, lengthBytes: blockBytes });
      let next = step.next(undefined);
      while (next.done !== true) {
        const command = next.value;
        if (command.kind !== 'read') throw new Error(`a read asked for ${command.kind}`);
        const { offsetBytes, lengthBytes } = command.span;
        const bytes = new Uint8Array(lengthBytes);
        const { cache } = member.medium.content(command.file);
        bytes.set(cache.subarray(offsetBytes, offsetBytes + lengthBytes));
        next = step.next(bytes);
      }
      const outcome = next.value;
      values.push(
        outcome.kind === 'data' ? Buffer.from(outcome.bytes).toString('hex') : 'unreadable',
      );
    }
    return values;
  }
}
