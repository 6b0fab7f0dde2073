/**
 * Everything a run acts on: the members with their disks, the network, the manager, and the engines
 * that come and go. It keeps them going as a scheduler would, and checks every record written.
 */
import { firstRecord, inSyncIds, type VolumeRecord } from '../../dataplane/volume/record.ts';
import { Attachment } from './attachment.ts';
import { SimCluster } from './cluster.ts';
import { SimMedium } from './medium.ts';
import { History } from './history.ts';
import { SimNetwork } from './link.ts';
import { type MemberPorts, SimMember } from './member.ts';
import { Photographer } from './photographer.ts';
import type { Plants } from './plants.ts';
import { blockBytes, geometryOf, lineage, type Settings, volume } from './settings.ts';
import type { World } from './world.ts';

/** How long it takes until a new engine stands in for one that was killed or ended. */
const afterKillMs = 50;
const afterEndMs = 80;
/** How long a person takes to repair what an engine complains about. */
const personMs = 700;

export class Shelf {
  readonly world: World;
  readonly settings: Settings;
  readonly history: History;
  readonly network: SimNetwork;
  readonly cluster: SimCluster;
  /** Also those that the record does not name any more: nobody turns a machine off at once. */
  readonly members: SimMember[];
  readonly #memberPorts: MemberPorts;
  readonly attachments: Attachment[] = [];
  readonly photographer: Photographer;
  readonly #plants: Plants;
  #nextValue = 1;
  #incarnations = 0;
  /** Engines that came before the manager was restored. */
  #attachedBefore = 0;
  /** The second phase: nothing goes wrong any more, and nobody asks for anything new. */
  healing = false;

  constructor(world: World, settings: Settings, plants: Plants) {
    this.world = world;
    this.settings = settings;
    this.#plants = plants;
    this.history = new History(settings.blockCount);
    this.photographer = new Photographer(world, this.history);
    this.network = new SimNetwork(world, settings.slowestLinkMs);
    this.cluster = new SimCluster(world, {
      record: recordOf(settings),
      lostAnswers: settings.lostAnswers,
      onWrite: (record, before) => {
        this.#checkRecord(record, before);
      },
    });
    this.#memberPorts = {
      world,
      network: this.network,
      geometry: geometryOf(settings),
      plants,
      incarnation: () => `i${(this.#incarnations += 1)}`,
    };
    this.members = this.cluster.record.members.map(({ id }) => this.#makeMember(id));
  }

  get newest(): Attachment | undefined {
    return this.attachments.at(-1);
  }

  get recorded(): readonly string[] {
    return inSyncIds(this.cluster.record);
  }

  /** Those that the record names. */
  get named(): readonly SimMember[] {
    const { members } = this.cluster.record;
    return this.members.filter((member) => members.some(({ id }) => id === member.id));
  }

  /** A replica server with an empty disk, under a name that none had before. */
  addMember(): SimMember {
    const member = this.#makeMember(`r${this.members.length + 1}`);
    this.members.push(member);
    void member.start(false);
    return member;
  }

  async begin(): Promise<void> {
    for (const member of this.members) void member.start(true);
    await this.world.runUntil(20 * this.settings.slowestDiskMs);
    this.attach();
  }

  /** A new engine with its clients; whoever was there before is not asked. */
  attach(): void {
    const { world, network, cluster, history, settings } = this;
    const attachment = new Attachment(
      {
        world,
        network,
        cluster,
        history,
        settings,
        plants: this.#plants,
        nextValue: () => this.#nextValue++,
      },
      this.attachments.length + 1,
      { clients: this.healing ? 0 : settings.clients },
    );
    this.attachments.push(attachment);
    attachment.start();
    if (settings.snapshots) {
      const { engine } = attachment;
      void this.photographer.work(engine, () => this.healing || attachment !== this.newest);
    }
    void this.#supervise(attachment);
  }

  killEngine(attachment: Attachment): void {
    attachment.process.kill();
    this.world.after(afterKillMs, () => {
      if (attachment === this.newest) this.attach();
    });
  }

  /** The manager is restored from a backup that is so many changes old. */
  rollBack(changes: number): void {
    this.#attachedBefore = this.attachments.length;
    this.cluster.rollBack(changes);
  }

  /** A person has been told, and does what the runbook says. */
  #putForward(): void {
    const opened = this.attachments.slice(this.#attachedBefore).some((one) => one.hasServed);
    this.cluster.putForward({ serving: this.newest?.engine.serving === true, opened });
  }

  /** Ends everything that still goes wrong, and lets the clients come to their end. */
  heal(): void {
    this.healing = true;
    this.world.note('HEAL');
    this.cluster.away = false;
    this.cluster.staleMs = 0;
    this.cluster.cutOff.clear();
    for (const { process, clients } of this.attachments) {
      process.resume();
      for (const client of clients) client.stopped = true;
      for (const { id } of this.members) {
        this.network.unblock(process.name, id);
        this.network.unblock(id, process.name);
      }
    }
    for (const member of this.members) {
      member.process.resume();
      member.medium.heal();
      if (!member.process.alive || member.failed) member.restart();
    }
    // An engine that needs no change of the record does not look at it; the next one will.
    const mustLook = this.cluster.isOlderUnnoticed;
    if (mustLook || this.newest?.process.alive !== true) this.attach();
  }

  #makeMember(id: string): SimMember {
    const { world, settings } = this;
    const prng = world.prng.fork(`disk ${id}`);
    const options = { name: id, dataUnitBytes: blockBytes, slowestMs: settings.slowestDiskMs };
    return new SimMember(this.#memberPorts, new SimMedium(prng, options));
  }

  #checkRecord(next: VolumeRecord, before: VolumeRecord): void {
    if (inSyncIds(next).length === 0) this.world.violate('I-09 the in-sync set is empty');
    // An engine that loses a member while it opens claims once more.
    const claims = next.epoch === before.epoch + 1;
    const same = next.epoch === before.epoch && next.writer === before.writer;
    if (!claims && !same) this.world.violate('I-01 an epoch changed in a way that is not a claim');
  }

  /** What a scheduler does: when the newest engine ends, another is started. */
  async #supervise(attachment: Attachment): Promise<void> {
    const fault = await attachment.engine.end();
    this.world.note(`${attachment.process.name} ended: ${fault.code}`);
    if (fault.code === 'cluster.rolled-back') {
      if (!this.cluster.looksRolledBack) {
        this.world.violate(`I-04 nothing was rolled back, yet: ${fault.message}`);
      }
      this.world.after(personMs, () => {
        this.#putForward();
      });
    }
    if (attachment !== this.newest) return;
    this.world.after(afterEndMs, () => {
      if (attachment === this.newest) this.attach();
    });
  }
}

function recordOf(settings: Settings): VolumeRecord {
  const ids = Array.from({ length: settings.members }, (_, index) => `r${index + 1}`);
  return firstRecord(
    { volume, lineage, ...geometryOf(settings) },
    ids.map((id) => ({ id, address: id })),
  );
}
