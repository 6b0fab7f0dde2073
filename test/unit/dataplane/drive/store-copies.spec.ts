import assert from 'node:assert/strict';
import {
  createStore,
  type HostedStore,
  openStore,
} from '../../../../dataplane/drive/hosted-store.ts';
import { ReplicaServer } from '../../../../dataplane/drive/replica.ts';
import { StorageAgent } from '../../../../dataplane/drive/storage-agent.ts';
import type { StorageDisks } from '../../../../dataplane/ports/storage-disks.ts';
import { MemoryObjects } from '../control/memory-objects.ts';
import { QuickClock, turn } from '../control/quick-clock.ts';
import { node, used } from '../control/shelf.ts';
import { MemoryDisk } from '../memory-disk.ts';

const sizeBytes = 2 ** 20;
const geometry = { sizeBytes, blockBytes: 4096, regionBlocks: 16 };
const frozen = Buffer.alloc(8192, 7);
const later = Buffer.alloc(8192, 9);
const plain = { sequence: 2, fua: false };

/** A node with one copy of `v`, of which there is a snapshot, and a volume that begins with it. */
class Shelf implements StorageDisks {
  readonly objects = new MemoryObjects();
  /** As they stood when they were put into service. */
  readonly standings: string[] = [];
  /** Copying stands still until it resolves. */
  gate = Promise.resolve();
  readonly #disks = new Map<string, MemoryDisk>();
  #agent: StorageAgent | undefined;

  async start(snapshots: readonly string[]): Promise<void> {
    const { objects } = this;
    objects.storageNodes.force(node('kube1'));
    const source = used('v', { kube1: { inSync: true } }, { copies: 1 });
    assert.ok(source.status.record !== undefined);
    const record = { ...source.status.record, ...geometry, snapshots };
    objects.volumes.force({ ...source, status: { ...source.status, record } });
    await this.#writeSource();
    const spec = {
      ...source.spec,
      source: { volume: 'v', snapshot: 's-1', formatted: 'yes' as const },
    };
    const places = source.status.places.map((at) => ({ ...at, made: false }));
    objects.volumes.force({
      metadata: { name: 'copy', uid: '', resourceVersion: '' },
      spec,
      status: {
        ...source.status,
        attachedTo: '',
        record: { ...record, volume: 'copy', epoch: 0, snapshots: [] },
        places,
      },
    });
    const log = { info: () => {}, warn: () => {} };
    const acceptor = { accept: async () => undefined, close: () => {} };
    const replicas = new Watched(
      { acceptor, log, onDefect: assert.ifError },
      { incarnation: 'i', plants: {} },
    );
    replicas.gate = () => this.gate;
    replicas.tell = ({ store }) => {
      if (store.identity.volume === 'copy') this.standings.push(store.state.standing);
    };
    this.#agent = new StorageAgent(
      { objects, disks: this, clock: new QuickClock(), log, replicas, now: () => 'now' },
      { node: 'kube1', address: 'kube1@10.0.0.1:7480', attach: 'fuse', attachReason: '' },
    );
    void this.#agent.run();
  }

  [Symbol.dispose](): void {
    this.#agent?.stop();
  }

  place() {
    return this.objects.volumes.all.find(({ metadata }) => metadata.name === 'copy')?.status
      .places[0];
  }

  async until(what: string, ready: () => boolean): Promise<void> {
    for (let look = 0; look < 5_000; look += 1) {
      if (ready()) return;
      await turn();
    }
    assert.fail(`waited for ${what}: ${this.place()?.problem}`);
  }

  disk(key: string): MemoryDisk {
    const disk = this.#disks.get(key) ?? new MemoryDisk();
    this.#disks.set(key, disk);
    return disk;
  }

  inspect = async () => ({ id: 'x', capacityBytes: 2 ** 40, freeBytes: 2 ** 40, problem: '' });
  store = async (_disk: object, volume: string, member: string) => this.disk(`${volume}/${member}`);
  removeStore = async (_disk: object, volume: string, member: string) => {
    this.#disks.delete(`${volume}/${member}`);
  };
  listStores = async () => [...this.#disks.keys()];

  async #writeSource(): Promise<void> {
    const identity = { volume: 'v', member: 'm1', geometry };
    const disk = this.disk('v/m1');
    await createStore(disk, identity, { lineage: 'l1', withVolume: true });
    const { store, runner } = await openStore(disk, identity);
    await runner.run(store.write(4096, frozen, plain));
    await runner.run(store.flush());
    await runner.run(store.snapshot('s-1'));
    await runner.run(store.write(4096, later, { ...plain, sequence: 3 }));
    await runner.run(store.flush());
    await runner.run(store.close());
    await runner.close();
  }
}

class Watched extends ReplicaServer {
  tell: (hosted: HostedStore) => void = () => {};
  gate = async () => {};

  override async readSnapshot(...asked: Parameters<ReplicaServer['readSnapshot']>) {
    await this.gate();
    return super.readSnapshot(...asked);
  }

  override add(hosted: HostedStore): void {
    this.tell(hosted);
    super.add(hosted);
  }
}

describe('store of a volume from a snapshot', () => {
  const made = (shelf: Shelf) => shelf.place()?.made === true;

  it('holds what the snapshot shows, and is served when it is whole, not before', async () => {
    using shelf = new Shelf();
    const gate = Promise.withResolvers<void>();
    shelf.gate = gate.promise;
    await shelf.start(['s-1']);
    // The agent looks many times while it is being copied.
    for (let look = 0; look < 200; look += 1) await turn();
    assert.deepEqual(shelf.standings, []);
    gate.resolve();
    await shelf.until('the copy', () => made(shelf));
    assert.deepEqual(shelf.standings, ['in-sync']);
    const opened = await openStore(shelf.disk('copy/m1'), { volume: 'copy', member: 'm1' });
    const { store, runner } = opened;
    const outcome = await runner.run(store.read({ offsetBytes: 0, lengthBytes: 16_384 }));
    assert.ok(outcome.kind === 'data');
    const zeroes = Buffer.alloc(4096);
    assert.deepEqual(Buffer.from(outcome.bytes), Buffer.concat([zeroes, frozen, zeroes]));
    await runner.close();
  });

  it('says what it waits for while there is no such snapshot, and begins when there is', async () => {
    using shelf = new Shelf();
    await shelf.start([]);
    await shelf.until('the reason', () => /no snapshot/.test(shelf.place()?.problem ?? ''));
    assert.deepEqual(shelf.standings, []);
    const source = shelf.objects.volumes.all.find(({ metadata }) => metadata.name === 'v');
    assert.ok(source?.status.record !== undefined);
    const record = { ...source.status.record, snapshots: ['s-1'] };
    shelf.objects.volumes.force({ ...source, status: { ...source.status, record } });
    await shelf.until('the copy', () => made(shelf));
  });

  it('is made anew where an earlier attempt was cut off in the middle', async () => {
    using shelf = new Shelf();
    const identity = { volume: 'copy', member: 'm1', geometry };
    const half = shelf.disk('copy/m1');
    await createStore(half, identity, { lineage: 'l1', withVolume: false });
    await shelf.start(['s-1']);
    await shelf.until('the copy', () => made(shelf));
    assert.deepEqual(shelf.standings, ['in-sync']);
  });
});
