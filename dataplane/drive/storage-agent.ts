/**
 * What a storage node does for the volumes that have a place on it: makes their stores when they
 * are born, serves them, removes them when the volume is deleted, and reports the node's disks.
 *
 * Never: makes an empty store where there should be a full one (I-05); removes anything of a volume
 * that is not being deleted, except a store that left when it was asked to. A store that was
 * replaced elsewhere while its node was away is not served any more; it stays where it is, and the
 * node names it until somebody takes it away.
 */
import { Fault } from '../base/fault.ts';
import type { Place, StorageNodeObject, VolumeObject } from '../control/objects.ts';
import { orphanNote, orphansAmong } from '../control/orphans.ts';
import type { Clock } from '../ports/clock.ts';
import type { VolumeRecord } from '../volume/record.ts';
import type { Log } from '../ports/log.ts';
import type { Hint, Mirror, Objects } from '../ports/objects.ts';
import type { DeclaredDisk, StorageDisks } from '../ports/storage-disks.ts';
import { createStore, openStore } from './hosted-store.ts';
import type { ReplicaServer } from './replica.ts';
import { StoreCopies, type StoreCopy } from './store-copies.ts';

export interface StorageAgentPorts {
  readonly objects: Objects;
  readonly disks: StorageDisks;
  readonly clock: Clock;
  readonly log: Log;
  readonly replicas: ReplicaServer;
  /** Looks after volumes that are attached nowhere; left out where nobody does. */
  readonly tender?: { look(volumes: readonly VolumeObject[]): void; stop(): void };
  /** The wall clock as text, for people. */
  readonly now: () => string;
}

export interface StorageAgentOptions {
  readonly node: string;
  /** Where the replica server listens, for the engines on other nodes. */
  readonly address: string;
  readonly attach: 'nbd' | 'fuse' | 'none';
  readonly attachReason: string;
}

const lookMs = 3_000;
/** How often a node says that it is there when it has nothing else to say. */
const sayMs = 10_000;
/**
 * Before a store that has failed is opened anew, doubled with each failure: it is copied anew then,
 * and a disk that fails again and again must not keep the others busy.
 */
const reopenMs = 3_000;
const reopenMsMax = 10 * 60_000;

export class StorageAgent {
  readonly #ports: StorageAgentPorts;
  readonly #options: StorageAgentOptions;
  /** `volume/member` of the stores that are served. */
  readonly #served = new Set<string>();
  /** Stores that have failed while they were served, since this process started. */
  readonly #failed = new Map<string, { readonly times: number; readonly notBeforeMs: number }>();
  readonly #copies = new StoreCopies();
  readonly #complaints = new Map<string, string>();
  #saidMs = -Infinity;
  /** This node's own object, while it runs. */
  #nodes: Mirror<StorageNodeObject> | undefined;
  #stopped = false;
  #hinted = false;
  #wake: (() => void) | undefined;

  constructor(ports: StorageAgentPorts, options: StorageAgentOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Ends with `stop`. */
  async run(): Promise<void> {
    const hint: Hint<VolumeObject> = (now, before) => {
      const known = [now, before];
      if (known.some((volume) => volume === undefined || this.#concerns(volume))) this.#hint();
    };
    const { objects } = this.#ports;
    using volumes = objects.volumes.mirror(hint);
    using nodes = objects.storageNodes.mirror((now, before) => {
      if (JSON.stringify(now?.spec) !== JSON.stringify(before?.spec)) this.#hint();
    }, this.#options.node);
    this.#nodes = nodes;
    while (!this.#stopped) {
      this.#hinted = false;
      try {
        await this.#look(volumes);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        this.#ports.log.warn(error.message);
      }
      if (!this.#hinted) await this.#rest();
    }
  }

  #hint(): void {
    this.#hinted = true;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#ports.tender?.stop();
    this.#wake?.();
  }

  #concerns({ status }: VolumeObject): boolean {
    const { node } = this.#options;
    return status.tendedBy === node || status.places.some((at) => at.node === node);
  }

  async #look(mirror: Mirror<VolumeObject>): Promise<void> {
    const { node: name } = this.#options;
    const [node] = (await this.#nodes?.all()) ?? [];
    if (node === undefined) {
      this.#complain('node', `no StorageNode ${name} is declared: add it to the stack's inventory`);
      return;
    }
    this.#complaints.delete('node');
    const volumes = await mirror.all();
    this.#ports.tender?.look(volumes);
    const known = await this.#report(node, volumes);
    await this.#withdraw(volumes);
    for (const volume of volumes) {
      for (const place of volume.status.places.filter((at) => at.node === name)) {
        await this.#tend(known, volume, place);
      }
    }
  }

  /** Says how the node is; gives the object with what was found. */
  async #report(
    node: StorageNodeObject,
    volumes: readonly VolumeObject[],
  ): Promise<StorageNodeObject> {
    const { disks, clock, now, objects } = this.#ports;
    const { address, attach, attachReason } = this.#options;
    const states = [];
    const notes = [];
    for (const { name, path } of node.spec.disks) {
      const id = node.status.disks.find((state) => state.name === name)?.id ?? '';
      const disk = { name, path, id };
      const state = await disks.inspect(disk);
      states.push({ name, ...state });
      if (state.problem !== '') continue;
      const found = orphansAmong(await disks.listStores(disk), node.metadata.name, volumes);
      if (found.length > 0) notes.push(orphanNote(name, path, found));
    }
    const problems = states.filter(({ problem }) => problem !== '');
    const status: StorageNodeObject['status'] = {
      ...node.status,
      address,
      attach,
      attachReason,
      disks: states,
      health: problems.length === 0 ? 'Ready' : 'Attention',
      message: [...problems.map(({ name, problem }) => `disk ${name}: ${problem}`), ...notes].join(
        '; ',
      ),
    };
    const nowMs = clock.nowMs();
    if (sameButRoom(status, node.status) && nowMs < this.#saidMs + sayMs)
      return { ...node, status };
    const written = await objects.storageNodes.putStatus({
      ...node,
      status: { ...status, seenAt: now() },
    });
    if (written.kind === 'written') {
      this.#saidMs = nowMs;
      this.#nodes?.learn(written.object);
    }
    if (written.kind === 'refused') this.#complain('node', written.message);
    return { ...node, status };
  }

  /** Stops serving stores that have no place any more: another copy was made instead. */
  async #withdraw(volumes: readonly VolumeObject[]): Promise<void> {
    for (const { metadata, status } of volumes) {
      for (const key of [...this.#served].filter((each) => each.startsWith(`${metadata.name}/`))) {
        const member = key.slice(metadata.name.length + 1);
        // Somebody may have bent the places; what the record counts is served.
        const counts = status.record?.members.some(({ id }) => id === member) ?? true;
        if (counts || status.places.some((at) => at.member === member)) continue;
        await this.#ports.replicas.remove(metadata.name, member);
        this.#served.delete(key);
        this.#ports.log.info('serves a store no more that was replaced', {
          volume: metadata.name,
          member,
        });
      }
    }
  }

  async #tend(node: StorageNodeObject, volume: VolumeObject, place: Place): Promise<void> {
    const key = `${volume.metadata.name}/${place.member}`;
    try {
      const disk = diskOf(node, place);
      if (volume.metadata.deletionTimestamp !== undefined) {
        if (volume.status.attachedTo === '') await this.#remove(volume, place, disk);
        return;
      }
      if (place.erase) {
        await this.#eraseRetired(volume, place, disk);
        return;
      }
      await this.#dropFailed(volume, place);
      // Nobody opens a store that is still being filled.
      if (!place.made && !(await this.#make(volume, place, disk))) return;
      if (!this.#served.has(key)) await this.#serve(volume, place, disk);
      this.#complaints.delete(key);
      if (place.problem !== '') await this.#note(volume, place, { problem: '' });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#complain(key, error.message);
      if (place.problem !== error.message) {
        await this.#note(volume, place, { problem: error.message });
      }
    }
  }

  /**
   * A store that has failed answers nothing any more, also when its disk is well again. It is let
   * go, and opened anew after a while: its engine then takes it for one that came back. Throws what
   * is wrong with it until then.
   */
  async #dropFailed({ metadata: { name } }: VolumeObject, { member }: Place): Promise<void> {
    const { replicas, clock } = this.#ports;
    const key = `${name}/${member}`;
    const failure = this.#served.has(key) ? replicas.failureOf(name, member) : undefined;
    if (failure !== undefined) {
      await replicas.remove(name, member);
      this.#served.delete(key);
      const times = (this.#failed.get(key)?.times ?? 0) + 1;
      const waitMs = Math.min(reopenMsMax, reopenMs * 2 ** (times - 1));
      this.#failed.set(key, { times, notBeforeMs: clock.nowMs() + waitMs });
      throw failure;
    }
    const known = this.#failed.get(key);
    if (known !== undefined && clock.nowMs() < known.notBeforeMs && !this.#served.has(key)) {
      throw new Fault('disk.failed', this.#complaints.get(key) ?? 'The store has failed.');
    }
  }

  /** False when there is nothing to serve yet. */
  async #make(volume: VolumeObject, place: Place, disk: DeclaredDisk): Promise<boolean> {
    // Decided on what is so now: what the list said may be old.
    const { name } = volume.metadata;
    const fresh = await this.#ports.objects.volumes.get(name);
    const record = fresh?.status.record;
    const same = fresh?.status.places.find((at) => at.member === place.member);
    if (fresh === undefined || record === undefined || same === undefined) return false;
    if (same.made) return true;
    if (fresh.spec.source !== undefined && record.epoch === 0) {
      const key = `${name}/${place.member}`;
      const begin = async () => this.#beginCopy(fresh, record, same, disk);
      if (!this.#copies.made(key, begin, () => this.#hint())) return false;
      await this.#serve(fresh, same, disk);
      await this.#note(fresh, same, { made: true, problem: '' });
      return true;
    }
    const store = await this.#ports.disks.store(disk, name, place.member, true);
    if (!(await store.list()).includes('identity')) {
      const { sizeBytes, blockBytes, regionBlocks, lineage } = record;
      const geometry = { sizeBytes, blockBytes, regionBlocks };
      const identity = { volume: name, member: place.member, geometry };
      // Before the first epoch all copies are empty and so equal; later ones have to be filled.
      await createStore(store, identity, { lineage, withVolume: record.epoch === 0 });
    }
    await this.#serve(fresh, same, disk);
    await this.#note(fresh, same, { made: true, problem: '' });
    return true;
  }

  /** From the copy of the source that lies on the same disk. */
  async #beginCopy(
    { metadata: { name }, spec: { source } }: VolumeObject,
    record: VolumeRecord,
    { member, disk: diskName }: Place,
    disk: DeclaredDisk,
  ): Promise<StoreCopy> {
    const { objects, disks, replicas } = this.#ports;
    const from = source === undefined ? undefined : await objects.volumes.get(source.volume);
    const beside = from?.status.places.find(
      (at) => at.node === this.#options.node && at.disk === diskName && at.made && !at.erase,
    );
    if (source === undefined || beside === undefined) {
      throw new Fault('store.missing', `No copy of ${source?.volume} lies on this disk any more.`, {
        hint: 'The volume is placed anew after a while.',
      });
    }
    if (from?.status.record?.snapshots.includes(source.snapshot) !== true) {
      throw new Fault('store.missing', `${source.volume} has no snapshot to begin with yet.`, {
        retriable: true,
      });
    }
    // What an interrupted copy left: it says of itself that it holds nothing.
    await disks.removeStore(disk, name, member);
    const { sizeBytes, blockBytes, regionBlocks, lineage } = record;
    const geometry = { sizeBytes, blockBytes, regionBlocks };
    const where = { volume: source.volume, member: beside.member };
    return {
      disk: await disks.store(disk, name, member, true),
      identity: { volume: name, member, geometry },
      lineage,
      read: async (span) => replicas.readSnapshot(where, source.snapshot, span),
    };
  }

  async #serve(volume: VolumeObject, { member }: Place, disk: DeclaredDisk): Promise<void> {
    const { name } = volume.metadata;
    const key = `${name}/${member}`;
    if (this.#served.has(key)) return;
    const { disks, replicas, log } = this.#ports;
    const store = await disks.store(disk, name, member, false);
    replicas.add(await openStore(store, { volume: name, member }));
    this.#served.add(key);
    log.info('serves a store', { volume: name, member, disk: disk.name });
  }

  /** A copy that others have taken the place of, by what is so now: the list may be old. */
  async #eraseRetired(volume: VolumeObject, place: Place, disk: DeclaredDisk): Promise<void> {
    const fresh = await this.#ports.objects.volumes.get(volume.metadata.name);
    const same = fresh?.status.places.find((at) => at.member === place.member);
    const counts = fresh?.status.record?.members.some(({ id }) => id === place.member) ?? true;
    if (fresh?.metadata.uid !== volume.metadata.uid || same?.erase !== true || counts) return;
    await this.#remove(fresh, place, disk);
  }

  async #remove(volume: VolumeObject, place: Place, disk: DeclaredDisk): Promise<void> {
    const { name } = volume.metadata;
    const { replicas, disks, objects, log } = this.#ports;
    await replicas.remove(name, place.member);
    this.#served.delete(`${name}/${place.member}`);
    await disks.removeStore(disk, name, place.member);
    log.info('removed a store that nobody needs', { volume: name, member: place.member });
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const fresh = await objects.volumes.get(name);
      if (fresh === undefined || fresh.metadata.uid !== volume.metadata.uid) return;
      const places = fresh.status.places.filter((at) => at.member !== place.member);
      if (places.length === fresh.status.places.length) return;
      const status = { ...fresh.status, places };
      if ((await objects.volumes.putStatus({ ...fresh, status })).kind === 'written') return;
    }
  }

  /** Writes something about one place, on the newest version. */
  async #note(volume: VolumeObject, place: Place, news: Partial<Place>): Promise<void> {
    const { volumes } = this.#ports.objects;
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const fresh = await volumes.get(volume.metadata.name);
      if (fresh === undefined || fresh.metadata.uid !== volume.metadata.uid) return;
      const places = fresh.status.places.map((at) =>
        at.member === place.member ? { ...at, ...news } : at,
      );
      const outcome = await volumes.putStatus({ ...fresh, status: { ...fresh.status, places } });
      if (outcome.kind === 'written') return;
    }
  }

  /** Once, not with every look. */
  #complain(about: string, problem: string): void {
    if (this.#complaints.get(about) === problem) return;
    this.#complaints.set(about, problem);
    this.#ports.log.warn(problem, { about });
  }

  async #rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#ports.clock.after(lookMs, resolve);
      this.#wake = () => {
        timer[Symbol.dispose]();
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

function diskOf(node: StorageNodeObject, place: Place): DeclaredDisk {
  const declared = node.spec.disks.find(({ name }) => name === place.disk);
  if (declared === undefined) {
    throw new Fault(
      'disk.failed',
      `The disk ${place.disk} is not declared for ${place.node} any more.`,
      {
        hint: 'Put it back into the inventory: a copy of this volume lies on it.',
      },
    );
  }
  const id = node.status.disks.find(({ name }) => name === place.disk)?.id ?? '';
  return { name: declared.name, path: declared.path, id };
}

/** Free room changes all the time and is said with the next report. */
function sameButRoom(a: StorageNodeObject['status'], b: StorageNodeObject['status']): boolean {
  const essence = (status: StorageNodeObject['status']) =>
    JSON.stringify({
      ...status,
      seenAt: '',
      disks: status.disks.map((disk) => ({ ...disk, freeBytes: 0 })),
    });
  return essence(a) === essence(b);
}
