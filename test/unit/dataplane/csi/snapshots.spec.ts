import assert from 'node:assert/strict';
import { Fault } from '../../../../dataplane/base/fault.ts';
import type { CreateVolumeRequest } from '../../../../dataplane/csi/messages.ts';
import { Refusal } from '../../../../dataplane/csi/refusal.ts';
import { Controller } from '../../../../dataplane/drive/controller.ts';
import { CsiController } from '../../../../dataplane/drive/csi-controller.ts';
import { CsiSnapshots } from '../../../../dataplane/drive/csi-snapshots.ts';
import { MemoryObjects, type Mishap } from '../control/memory-objects.ts';
import { QuickClock, turn } from '../control/quick-clock.ts';
import { node, used, volume } from '../control/shelf.ts';

const gibibyte = 2 ** 30;
const taking = { name: 'nightly', sourceVolumeId: 'v', parameters: {} };
const everything = { maxEntries: 0, startingToken: '', sourceVolumeId: '', snapshotId: '' };
const copying: CreateVolumeRequest = {
  name: 'copy',
  capacityRange: { requiredBytes: gibibyte, limitBytes: 0 },
  volumeCapabilities: [
    { mount: { fsType: '', mountFlags: [] }, accessMode: { mode: 'SINGLE_NODE_WRITER' } },
  ],
  parameters: {},
  mutableParameters: {},
};
const from = (snapshotId: string) => ({
  ...copying,
  volumeContentSource: { snapshot: { snapshotId } },
});
const clone = { ...copying, volumeContentSource: { volume: { volumeId: 'v' } } };

/** A used volume `v` of 1 GiB on kube1 and kube2 of three nodes, its engine, and agents. */
class Shelf {
  readonly objects = new MemoryObjects();
  readonly snapshots: CsiSnapshots;
  readonly csi: CsiController;
  /** An engine that makes nothing so. */
  idle = false;
  #living = true;

  constructor() {
    const { objects } = this;
    for (const name of ['kube1', 'kube2', 'kube3']) {
      objects.storageNodes.force(node(name, { gib: 10 }));
    }
    const made = used('v', { kube1: { inSync: true }, kube2: { inSync: true } });
    objects.volumes.force({ ...made, status: { ...made.status, formatted: 'yes' } });
    const clock = new QuickClock();
    let tokens = 0;
    const random = { token: () => `token-${(tokens += 1)}` };
    const log = { info: () => {}, warn: () => {} };
    const controller = new Controller({
      objects,
      clock,
      random,
      log,
      events: { tell: () => {} },
      now: () => '',
    });
    this.csi = new CsiController({ objects, clock, random, controller });
    this.snapshots = new CsiSnapshots({ objects, clock });
    void this.#live();
  }

  [Symbol.dispose](): void {
    this.#living = false;
  }

  get(name: string) {
    return this.objects.volumes.all.find(({ metadata }) => metadata.name === name);
  }

  /** What engines and agents make of the wishes. */
  async #live(): Promise<void> {
    while (this.#living) {
      for (const now of this.objects.volumes.all) {
        const { spec, status } = now;
        const { record } = status;
        if (record === undefined || this.idle) continue;
        const { snapshots = [], forgets = [] } = spec;
        const names = [...new Set([...record.snapshots, ...snapshots])];
        const next = { ...record, snapshots: names.filter((name) => !forgets.includes(name)) };
        const places = status.places.map((at) => ({ ...at, made: true }));
        const changed = { ...status, record: next, places };
        if (JSON.stringify(changed) === JSON.stringify(status)) continue;
        this.objects.volumes.force({ ...now, status: changed });
      }
      await turn();
    }
  }
}

describe('snapshots through CSI', () => {
  for (const mishap of ['lost request', 'lost answer', 'conflict'] satisfies Mishap[]) {
    it(`are made, used, and given up whichever call meets a ${mishap}`, async function () {
      this.timeout(20_000);
      for (let at = 0; at <= 40; at += 1) {
        using shelf = new Shelf();
        Object.assign(shelf.objects, { mishap, mishapAt: at });
        const { snapshotId, readyToUse } = await insisting(() => shelf.snapshots.create(taking));
        assert.ok(readyToUse);
        const [cut = ''] = shelf.get('v')?.status.record?.snapshots ?? [];
        assert.match(cut, /^s-uid-/);
        await insisting(() => shelf.csi.createVolume(from(snapshotId)));
        assert.deepEqual(shelf.get('copy')?.spec.source, {
          volume: 'v',
          snapshot: cut,
          formatted: 'yes',
        });
        assert.equal(shelf.get('copy')?.status.formatted, 'yes');
        await insisting(() => shelf.snapshots.delete(snapshotId));
        assert.deepEqual(shelf.get('v')?.status.record?.snapshots, [], `${mishap} at call ${at}`);
        assert.deepEqual(shelf.objects.snapshots.all, []);
      }
    });
  }

  it('are one, however often the same is asked for, and another for another volume', async () => {
    using shelf = new Shelf();
    const first = await shelf.snapshots.create(taking);
    assert.deepEqual(await shelf.snapshots.create(taking), first);
    assert.equal(shelf.get('v')?.spec.snapshots?.length, 1);
    shelf.objects.volumes.force(used('w', { kube1: { inSync: true } }));
    await assert.rejects(shelf.snapshots.create({ ...taking, sourceVolumeId: 'w' }), {
      code: 'ALREADY_EXISTS',
      message: /a snapshot nightly of v; asked for one of w/,
    });
  });

  it('never bear a name again that another bore', async () => {
    using shelf = new Shelf();
    const cuts: (string | undefined)[] = [];
    for (const _ of [1, 2]) {
      const { snapshotId } = await shelf.snapshots.create(taking);
      cuts.push(shelf.get('v')?.status.record?.snapshots[0]);
      await shelf.snapshots.delete(snapshotId);
    }
    assert.notEqual(cuts[0], cuts[1]);
  });

  it('say what they wait for when no engine makes them', async () => {
    using shelf = new Shelf();
    shelf.idle = true;
    await assert.rejects(shelf.snapshots.create(taking), {
      code: 'UNAVAILABLE',
      message: /snapshot of v is not made yet; it waits for its engine on kube1/,
    });
    assert.deepEqual((await shelf.snapshots.list(everything)).entries, []);
    shelf.idle = false;
    assert.ok((await shelf.snapshots.create(taking)).readyToUse);
    assert.equal((await shelf.snapshots.list(everything)).entries.length, 1);
  });

  it('are refused of what is not there, and beyond the most that a volume may have', async () => {
    using shelf = new Shelf();
    await assert.rejects(shelf.snapshots.create({ ...taking, sourceVolumeId: 'w' }), {
      code: 'NOT_FOUND',
    });
    const now = shelf.get('v');
    assert.ok(now !== undefined);
    const snapshots = Array.from({ length: 64 }, (_, index) => `s-${index}`);
    shelf.objects.volumes.force({ ...now, spec: { ...now.spec, snapshots } });
    await assert.rejects(shelf.snapshots.create(taking), {
      code: 'RESOURCE_EXHAUSTED',
      message: /v has 64 snapshots, the most it may: delete some/,
    });
  });

  it('keep their volume from being deleted', async () => {
    using shelf = new Shelf();
    await shelf.snapshots.create(taking);
    await shelf.csi.unpublish('v', 'kube1');
    await assert.rejects(shelf.csi.deleteVolume('v'), {
      code: 'FAILED_PRECONDITION',
      message: /v has 1 snapshots, which lie with it: delete them first/,
    });
  });
});

describe('volume from a snapshot', () => {
  it('begins beside the copies of its source, on no other node', async () => {
    using shelf = new Shelf();
    const { snapshotId } = await shelf.snapshots.create(taking);
    await shelf.csi.createVolume(from(snapshotId));
    const nodes = shelf.get('copy')?.status.places.map((at) => at.node);
    assert.deepEqual(nodes, ['kube1', 'kube2']);
  });

  it('is refused when it is smaller, holds something else, or is of another Namespace', async () => {
    using shelf = new Shelf();
    const parameters = { 'csi.storage.k8s.io/volumesnapshot/namespace': 'theirs' };
    const { snapshotId } = await shelf.snapshots.create({ ...taking, parameters });
    const capacityRange = { requiredBytes: gibibyte / 2, limitBytes: 0 };
    await assert.rejects(shelf.csi.createVolume({ ...from(snapshotId), capacityRange }), {
      code: 'OUT_OF_RANGE',
      message: /536870912 bytes were asked for; the source has 1073741824/,
    });
    const volumeCapabilities = [{ block: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } as const }];
    await assert.rejects(shelf.csi.createVolume({ ...from(snapshotId), volumeCapabilities }), {
      code: 'INVALID_ARGUMENT',
      message: /The source holds ext4/,
    });
    const own = { 'csi.storage.k8s.io/pvc/namespace': 'ours' };
    await assert.rejects(shelf.csi.createVolume({ ...from(snapshotId), parameters: own }), {
      code: 'INVALID_ARGUMENT',
      message: /nightly belongs to the Namespace theirs and cannot be used from ours/,
    });
    await assert.rejects(shelf.csi.createVolume(from('gone')), { code: 'NOT_FOUND' });
  });

  it('is refused with the disks that have no room, and leaves nothing behind', async () => {
    using shelf = new Shelf();
    for (const at of ['kube1', 'kube2']) {
      shelf.objects.volumes.force(volume(`full-${at}`, { gib: 8, on: [at] }));
    }
    const { snapshotId } = await shelf.snapshots.create(taking);
    await assert.rejects(shelf.csi.createVolume(from(snapshotId)), {
      code: 'RESOURCE_EXHAUSTED',
      message:
        /beside the copies of the volume it is made from.*kube1: disk disk has room for 512 MiB/,
    });
  });
});

describe('copy of a volume', () => {
  it('is made from a cut of its own, which is given up afterwards', async () => {
    using shelf = new Shelf();
    await shelf.csi.createVolume(clone);
    assert.match(shelf.get('copy')?.spec.source?.snapshot ?? '', /^c-token-/);
    assert.deepEqual(shelf.get('v')?.spec.snapshots, []);
    // The same again is the same volume, and cuts nothing.
    await shelf.csi.createVolume(clone);
    await settled();
    assert.deepEqual(shelf.get('v')?.status.record?.snapshots, []);
  });

  it('leaves no cut of its source when it cannot be placed, or is deleted half made', async () => {
    using shelf = new Shelf();
    const capacityRange = { requiredBytes: 64 * gibibyte, limitBytes: 0 };
    await assert.rejects(shelf.csi.createVolume({ ...clone, capacityRange }), {
      code: 'RESOURCE_EXHAUSTED',
    });
    assert.deepEqual(shelf.get('v')?.spec.snapshots, []);
    shelf.idle = true;
    const name = 'half';
    await assert.rejects(shelf.csi.createVolume({ ...clone, name }), { code: 'UNAVAILABLE' });
    assert.equal(shelf.get('v')?.spec.snapshots?.length, 1);
    await shelf.csi.deleteVolume(name);
    assert.deepEqual(shelf.get('v')?.spec.snapshots, []);
  });

  it('is not made of one that is just being formatted: it could be formatted again', async () => {
    using shelf = new Shelf();
    const now = shelf.get('v');
    assert.ok(now !== undefined);
    shelf.objects.volumes.force({ ...now, status: { ...now.status, formatted: 'begun' } });
    await assert.rejects(shelf.csi.createVolume(clone), {
      code: 'UNAVAILABLE',
      message: /v is being formatted; ask again/,
    });
    assert.equal(shelf.get('copy'), undefined);
  });
});

async function settled(): Promise<void> {
  for (let times = 0; times < 10; times += 1) await turn();
}

async function insisting<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const again = ['ABORTED', 'UNAVAILABLE'];
      const transient =
        error instanceof Fault || (error instanceof Refusal && again.includes(error.code));
      if (!transient || attempt === 6) throw error;
    }
  }
}
