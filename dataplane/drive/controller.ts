/**
 * The controller's loop: looks at every volume and carries out what the reconcilers decide. Holds
 * no state that matters: killed at any point, the next one derives the same from the objects. Two
 * of them at once are harmless, because every write is of the version that was read.
 */
import { Fault } from '../base/fault.ts';
import { born } from '../control/birth.ts';
import { toldOfNode } from '../control/conditions.ts';
import {
  type Happening,
  happeningOfNode,
  happeningOfRepair,
  happeningsOf,
  happeningsOfEngine,
} from '../control/happenings.ts';
import { lostRecordOf } from '../control/lost-record.ts';
import { NodeHealth } from '../control/node-health.ts';
import { dataFinalizer, type StorageNodeObject, type VolumeObject } from '../control/objects.ts';
import { noRoomToGrow, place, placeBeside } from '../control/placement.ts';
import type { Shelf } from '../control/copies.ts';
import { repaired } from '../control/repaired.ts';
import { repairOf } from '../control/repair.ts';
import { spreadingOf } from '../control/spreading.ts';
import { told, withAddresses } from '../control/told.ts';
import { TroubleClock } from '../control/trouble-clock.ts';
import type { Clock } from '../ports/clock.ts';
import type { Events } from '../ports/events.ts';
import type { Log } from '../ports/log.ts';
import type { Objects } from '../ports/objects.ts';
import type { Random } from '../ports/random.ts';
import { ShelfView } from './shelf-view.ts';

export interface ControllerPorts {
  readonly objects: Objects;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly events: Events;
  /** Lets pods of lost nodes run elsewhere; left out where there are no pods. */
  readonly failOver?: { look(shelf: Shelf): Promise<void> };
  /** The wall clock as text, for people. */
  readonly now: () => string;
}

export interface ControllerOptions {
  /** How long a copy may be away before another is made elsewhere; default 30 min. */
  readonly repairAfterMs?: number;
}

const repairAfterMs = 30 * 60_000;
/** Between two looks for copies that should go where there is more room. */
const spreadMs = 30_000;
/** Between two looks at everything when nothing gives a hint. */
const lookMs = 5_000;
/** Hints come in swarms. */
const settleMs = 100;

export class Controller {
  readonly #ports: ControllerPorts;
  readonly #repairAfterMs: number;
  readonly #view: ShelfView;
  readonly #health = new NodeHealth();
  readonly #trouble = new TroubleClock();
  #spreadAtMs = -Infinity;
  /** What was seen last, to tell what is new; lost with the controller. */
  readonly #healthOf = new Map<string, StorageNodeObject['status']['health']>();
  readonly #engineSaid = new Map<string, ReadonlyMap<string, string>>();
  #stopped = false;
  #wake: (() => void) | undefined;
  #hinted = false;
  /** Placing counts what others were promised, so it happens one after the other. */
  #placing: Promise<unknown> = Promise.resolve();

  constructor(ports: ControllerPorts, options: ControllerOptions = {}) {
    this.#ports = ports;
    this.#view = new ShelfView(ports.objects);
    this.#repairAfterMs = options.repairAfterMs ?? repairAfterMs;
  }

  /** Ends with `stop`. */
  async run(): Promise<void> {
    const { log } = this.#ports;
    const hint = () => {
      this.#hinted = true;
      this.#wake?.();
    };
    using view = this.#view;
    view.keepUp(hint);
    while (!this.#stopped) {
      this.#hinted = false;
      try {
        await this.#lookAtAll();
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        log.warn(error.message);
      }
      await this.#pause();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /**
   * Gives the volume its places and first record, if it has none. Returns why that is impossible,
   * or the volume as it is then.
   */
  async provision(name: string): Promise<VolumeObject | { readonly why: string } | undefined> {
    return this.#inTurn(async () => this.#provision(name));
  }

  /**
   * Promises the volume so much room, if there is so much on each disk that holds a copy. Returns
   * the volume as it is then, why it is impossible, or undefined when there is no such volume.
   */
  async grow(
    name: string,
    sizeBytes: number,
  ): Promise<VolumeObject | { readonly why: string } | 'again' | undefined> {
    const { objects } = this.#ports;
    return this.#inTurn(async () => {
      const [nodes, volumes] = await Promise.all([
        objects.storageNodes.list(),
        objects.volumes.list(),
      ]);
      const volume = volumes.find(({ metadata }) => metadata.name === name);
      if (volume === undefined || volume.spec.sizeBytes >= sizeBytes) return volume;
      const why = noRoomToGrow(volume, sizeBytes, nodes, volumes);
      if (why !== '') return { why };
      const written = await objects.volumes.put({ ...volume, spec: { ...volume.spec, sizeBytes } });
      return written.kind === 'written' ? written.object : 'again';
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#placing.then(work);
    this.#placing = turn.catch(() => {});
    return turn;
  }

  async #provision(name: string): Promise<VolumeObject | { readonly why: string } | undefined> {
    const { random } = this.#ports;
    const { volume, nodes, volumes } = await this.#view.closely(name);
    if (volume === undefined || volume.status.record !== undefined) return volume;
    const lost = lostRecordOf(volume);
    if (lost !== '') return { why: lost };
    const preferred = volume.metadata.annotations?.[preferredAnnotation]?.split(',') ?? [];
    const wish = { ...volume.spec, preferred };
    const { source } = volume.spec;
    const from = volumes.find(({ metadata }) => metadata.name === source?.volume);
    const placement =
      source === undefined ? place(wish, nodes, volumes) : placeBeside(wish, from, nodes, volumes);
    if (placement.kind === 'impossible') return { why: placement.why };
    const status = born(volume, placement.spots, nodes, random.token());
    const written = await this.#view.put({ ...volume, status });
    return written.kind === 'written' ? written.object : undefined;
  }

  async #lookAtAll(): Promise<void> {
    const { nodes, volumes } = await this.#view.all();
    const nowMs = this.#ports.clock.nowMs();
    this.#trouble.look(nowMs, volumes, nodes);
    const shelf = this.#shelfOf(nodes, volumes);
    for (const node of nodes) await this.#lookAtNode(nowMs, node, shelf);
    await this.#ports.failOver?.look(shelf);
    for (const volume of volumes) await this.#lookAt(volume, nodes, volumes);
    const uids = new Set([...volumes, ...nodes].map(({ metadata }) => metadata.uid));
    for (const map of [this.#healthOf, this.#engineSaid]) {
      for (const uid of map.keys()) if (!uids.has(uid)) map.delete(uid);
    }
    await this.#spread();
  }

  async #lookAtNode(nowMs: number, node: StorageNodeObject, shelf: Shelf): Promise<void> {
    const { now } = this.#ports;
    const { uid } = node.metadata;
    const judged = this.#health.judge(nowMs, node) ?? node.status;
    const status = toldOfNode(node, judged, shelf, now());
    if (JSON.stringify(status) !== JSON.stringify(node.status)) {
      await this.#view.putNode({ ...node, status });
    }
    const before = this.#healthOf.get(uid);
    this.#healthOf.set(uid, status.health);
    if (before !== undefined) this.#tell(happeningOfNode(node, before, status));
  }

  /** One copy of the whole shelf at a time, when nothing else is going on. */
  async #spread(): Promise<void> {
    const { clock, log } = this.#ports;
    if (clock.nowMs() < this.#spreadAtMs + spreadMs) return;
    this.#spreadAtMs = clock.nowMs();
    await this.#inTurn(async () => {
      const { nodes, volumes } = await this.#view.all();
      const move = spreadingOf(this.#shelfOf(nodes, volumes));
      const volume = volumes.find(({ metadata }) => metadata.name === move?.volume);
      if (move === undefined || volume === undefined) return;
      const status = repaired(volume, { kind: 'move', ...move }, nodes, '');
      if (status === undefined) return;
      const written = await this.#view.put({ ...volume, status });
      if (written.kind === 'written') log.info(move.note, { volume: move.volume });
    });
  }

  #shelfOf(nodes: readonly StorageNodeObject[], volumes: readonly VolumeObject[]): Shelf {
    const troubledMs = (uid: string, member: string) => this.#trouble.forMs(uid, member);
    return { nodes, volumes, graceMs: this.#repairAfterMs, troubledMs };
  }

  async #lookAt(
    volume: VolumeObject,
    nodes: readonly StorageNodeObject[],
    volumes: readonly VolumeObject[],
  ): Promise<void> {
    const { objects } = this.#ports;
    const { metadata, status } = volume;
    this.#tellOfEngine(volume);
    if (metadata.deletionTimestamp !== undefined && status.places.length === 0) {
      const finalizers = (metadata.finalizers ?? []).filter((name) => name !== dataFinalizer);
      await objects.volumes.put({ ...volume, metadata: { ...metadata, finalizers } });
      return;
    }
    if (metadata.deletionTimestamp === undefined && status.record === undefined) {
      const outcome = await this.provision(metadata.name);
      if (outcome !== undefined && 'why' in outcome) {
        await this.#say(volume, { ...status, message: outcome.why }, nodes);
      }
      return;
    }
    const repair = repairOf(volume, this.#shelfOf(nodes, volumes));
    if (repair.kind !== 'rest') {
      await this.#inTurn(async () => this.#repair(metadata.name));
      return;
    }
    await this.#say(volume, withAddresses(volume, nodes).status, nodes, repair.note);
  }

  /** Decided on what is so now: other repairs and births have promised room meanwhile. */
  async #repair(name: string): Promise<void> {
    const { random, log, now } = this.#ports;
    const { volume, nodes, volumes } = await this.#view.closely(name);
    if (volume === undefined) return;
    const repair = repairOf(volume, this.#shelfOf(nodes, volumes));
    const status = repaired(volume, repair, nodes, random.token());
    if (status === undefined) return;
    // A copy that is let go needs nobody's attention any more.
    const note = repair.kind === 'remove' ? '' : repair.note;
    const said = told({ ...volume, status }, nodes, note, now());
    const written = await this.#view.put({ ...volume, status: said });
    // Anything else is looked at again: whatever became of it stands in the object.
    if (written.kind === 'written' && repair.kind !== 'tend') {
      log.info(repair.note, { volume: name });
      this.#tell(happeningOfRepair(volume, repair));
    }
    if (written.kind === 'written') this.#tellOfChange(volume, said);
    if (written.kind === 'refused') log.warn(written.message, { volume: name });
  }

  /** Writes the status when it says something new. */
  async #say(
    volume: VolumeObject,
    status: VolumeObject['status'],
    nodes: readonly StorageNodeObject[],
    note = '',
  ): Promise<void> {
    const { now } = this.#ports;
    const next = told({ ...volume, status }, nodes, note, now());
    if (JSON.stringify(next) === JSON.stringify(volume.status)) return;
    const written = await this.#view.put({ ...volume, status: next });
    if (written.kind !== 'written') return;
    this.#tellOfChange(volume, next);
  }

  #tellOfChange(volume: VolumeObject, next: VolumeObject['status']): void {
    for (const happening of happeningsOf(volume, volume.status, next)) this.#tell(happening);
  }

  /** What engines found, which they write into the conditions. */
  #tellOfEngine(volume: VolumeObject): void {
    const { uid } = volume.metadata;
    const known = this.#engineSaid.get(uid) ?? new Map<string, string>();
    for (const happening of happeningsOfEngine(volume, known)) this.#tell(happening);
    const { conditions } = volume.status;
    const times = conditions.map((each) => [each.type, each.lastTransitionTime] as const);
    this.#engineSaid.set(uid, new Map(times));
  }

  #tell(happening: Happening | undefined): void {
    if (happening !== undefined) this.#ports.events.tell(happening);
  }

  async #pause(): Promise<void> {
    const { clock } = this.#ports;
    if (!this.#hinted) await this.#rest(lookMs);
    if (!this.#stopped) {
      await new Promise<void>((resolve) => {
        clock.after(settleMs, resolve);
      });
    }
  }

  async #rest(forMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#ports.clock.after(forMs, resolve);
      this.#wake = () => {
        timer[Symbol.dispose]();
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

/** On a Volume: nodes where a copy is wanted, first the pod's. */
export const preferredAnnotation = 'larder.dev/preferred-nodes';
