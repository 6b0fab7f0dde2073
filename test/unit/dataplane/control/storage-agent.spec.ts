import assert from 'node:assert/strict';
import { openStore } from '../../../../dataplane/drive/hosted-store.ts';
import { ReplicaServer } from '../../../../dataplane/drive/replica.ts';
import { StorageAgent } from '../../../../dataplane/drive/storage-agent.ts';
import type { StorageDisks } from '../../../../dataplane/ports/storage-disks.ts';
import { MemoryDisk } from '../memory-disk.ts';
import { MemoryObjects } from './memory-objects.ts';
import { QuickClock, turn } from './quick-clock.ts';
import { node, used } from './shelf.ts';

describe('agent of a storage node', () => {
  it('fills no store of its own accord: one that repair adds is made as a new member', async () => {
    using shelf = new Shelf();
    await shelf.until('the store', () => shelf.place()?.made === true);
    const { store, runner } = await openStore(shelf.disks.storeAt('v/m2'), {
      volume: 'v',
      member: 'm2',
    });
    assert.equal(store.state.standing, 'new');
    await runner.close();
  });

  it('keeps and names a store that was replaced elsewhere, and serves it no more', async () => {
    using shelf = new Shelf();
    await shelf.until('the store', () => shelf.place()?.made === true);
    const [volume] = shelf.objects.volumes.all;
    assert.ok(volume !== undefined);
    const places = volume.status.places.filter(({ member }) => member !== 'm2');
    shelf.objects.volumes.force({ ...volume, status: { ...volume.status, places } });
    const told = () => shelf.objects.storageNodes.all[0]?.status;
    await shelf.until('the node to name it', () => (told()?.message ?? '') !== '');
    assert.match(told()?.message ?? '', /no volume counts any more: v\/m2; .*\/mnt\/disk\/larder/);
    assert.equal(told()?.health, 'Ready');
    await shelf.until('it to be let go', () =>
      shelf.log.includes('serves a store no more that was replaced'),
    );
    assert.ok((await shelf.disks.storeAt('v/m2').list()).includes('identity'));
  });
});

/** One node with a disk, on which a copy is wanted of a volume that was written to elsewhere. */
class Shelf {
  readonly objects = new MemoryObjects();
  readonly disks = new FewDisks();
  readonly log: string[] = [];
  readonly #agent: StorageAgent;

  constructor() {
    this.objects.storageNodes.force(node('kube2'));
    const v = used('v', {
      kube1: { inSync: true },
      kube2: { inSync: false, departedAt: 0 },
    });
    const places = v.status.places.map((at) => ({ ...at, made: at.node === 'kube1' }));
    this.objects.volumes.force({ ...v, status: { ...v.status, places } });
    const log = { info: (text: string) => void this.log.push(text), warn: () => {} };
    const acceptor = { accept: async () => undefined, close: () => {} };
    const replicas = new ReplicaServer(
      { acceptor, log, onDefect: assert.ifError },
      { incarnation: 'i', plants: {} },
    );
    this.#agent = new StorageAgent(
      {
        objects: this.objects,
        disks: this.disks,
        clock: new QuickClock(),
        log,
        replicas,
        now: () => 'now',
      },
      { node: 'kube2', address: 'kube2@10.0.0.2:7480', attach: 'fuse', attachReason: '' },
    );
    void this.#agent.run();
  }

  [Symbol.dispose](): void {
    this.#agent.stop();
  }

  place() {
    return this.objects.volumes.all[0]?.status.places.find(({ member }) => member === 'm2');
  }

  async until(what: string, ready: () => boolean): Promise<void> {
    for (let look = 0; look < 2_000; look += 1) {
      if (ready()) return;
      await turn();
    }
    assert.fail(`waited for ${what}`);
  }
}

class FewDisks implements StorageDisks {
  readonly #stores = new Map<string, MemoryDisk>();

  storeAt(key: string): MemoryDisk {
    const disk = this.#stores.get(key) ?? new MemoryDisk();
    this.#stores.set(key, disk);
    return disk;
  }

  async inspect() {
    return { id: 'x', capacityBytes: 2 ** 40, freeBytes: 2 ** 40, problem: '' };
  }

  async store(_disk: object, volume: string, member: string) {
    return this.storeAt(`${volume}/${member}`);
  }

  async removeStore(_disk: object, volume: string, member: string) {
    this.#stores.delete(`${volume}/${member}`);
  }

  async listStores() {
    return [...this.#stores.keys()];
  }
}
