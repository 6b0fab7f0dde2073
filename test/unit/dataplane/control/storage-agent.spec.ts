import assert from 'node:assert/strict';
import { Fault } from '../../../../dataplane/base/fault.ts';
import { type HostedStore, openStore } from '../../../../dataplane/drive/hosted-store.ts';
import { ReplicaServer } from '../../../../dataplane/drive/replica.ts';
import { StorageAgent } from '../../../../dataplane/drive/storage-agent.ts';
import { FewDisks } from './few-disks.ts';
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
    const bent = { ...volume.status, places };
    shelf.objects.volumes.force({ ...volume, status: bent });
    for (let look = 0; look < 50; look += 1) await turn();
    assert.ok(!shelf.log.some((line) => line.includes('no more')), 'the record counts it still');
    const { record } = volume.status;
    assert.ok(record !== undefined);
    const members = record.members.filter(({ id }) => id !== 'm2');
    const status = { ...bent, record: { ...record, members } };
    const [newest] = shelf.objects.volumes.all;
    assert.ok(newest !== undefined);
    shelf.objects.volumes.force({ ...newest, status });
    const told = () => shelf.objects.storageNodes.all[0]?.status;
    await shelf.until('the node to name it', () => (told()?.message ?? '') !== '');
    assert.match(told()?.message ?? '', /no volume counts any more: v\/m2; .*\/mnt\/disk\/larder/);
    assert.equal(told()?.health, 'Ready');
    await shelf.until('it to be let go', () =>
      shelf.log.includes('serves a store no more that was replaced'),
    );
    assert.ok((await shelf.disks.storeAt('v/m2').list()).includes('identity'));
  });

  it('says why a store has failed, and opens it anew when its disk works again', async () => {
    using shelf = new Shelf();
    const isServed = () => shelf.place()?.made === true && shelf.place()?.problem === '';
    await shelf.until('the store', isServed);
    shelf.replicas.fail(new Fault('disk.failed', 'sync of data: EIO'));
    shelf.disks.problem = 'it cannot be read: EIO';
    await shelf.until('the reason', () => shelf.place()?.problem === 'sync of data: EIO');
    await shelf.until('the state of the disk', () =>
      /cannot be read/.test(shelf.place()?.problem ?? ''),
    );
    assert.equal(shelf.replicas.failureOf('v', 'm2'), undefined, 'it is let go');
    shelf.disks.problem = '';
    await shelf.until('the store to be served again', isServed);
    assert.equal(shelf.log.filter((line) => line === 'serves a store').length, 2);
  });

  it('waits longer before it opens a store that fails again', async () => {
    using shelf = new Shelf();
    const isServed = () => shelf.place()?.made === true && shelf.place()?.problem === '';
    const waits: number[] = [];
    for (const _ of [1, 2, 3]) {
      await shelf.until('the store', isServed);
      shelf.replicas.fail(new Fault('disk.failed', 'EIO'));
      await shelf.until('the reason', () => shelf.place()?.problem === 'EIO');
      const atMs = shelf.clock.nowMs();
      await shelf.until('the store', isServed);
      waits.push(shelf.clock.nowMs() - atMs);
    }
    const [first = 0, second = 0, third = 0] = waits;
    assert.ok(first >= 3_000 && second >= 6_000 && third >= 12_000, waits.join());
  });
});

/** One node with a disk, on which a copy is wanted of a volume that was written to elsewhere. */
class Shelf {
  readonly objects = new MemoryObjects();
  readonly disks = new FewDisks();
  readonly log: string[] = [];
  readonly clock = new QuickClock();
  readonly replicas: FailingReplicas;
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
    this.replicas = new FailingReplicas(
      { acceptor, log, onDefect: assert.ifError },
      { incarnation: 'i', plants: {} },
    );
    this.#agent = new StorageAgent(
      {
        objects: this.objects,
        disks: this.disks,
        clock: this.clock,
        log,
        replicas: this.replicas,
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

/** A server whose newest store can be made to fail. */
class FailingReplicas extends ReplicaServer {
  #newest: HostedStore | undefined;

  override add(hosted: HostedStore): void {
    this.#newest = hosted;
    super.add(hosted);
  }

  fail(fault: Fault): void {
    this.#newest?.store.fail(fault);
  }
}
