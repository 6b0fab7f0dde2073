/** Engines of volumes that are attached nowhere: one for each that this node is named for. */
import assert from 'node:assert/strict';
import { Fault } from '../../../../dataplane/base/fault.ts';
import type { VolumeObject } from '../../../../dataplane/control/objects.ts';
import { Tender } from '../../../../dataplane/drive/tender.ts';
import type { Cluster, SwapOutcome, VersionedRecord } from '../../../../dataplane/ports/cluster.ts';
import type { VolumeRecord } from '../../../../dataplane/volume/record.ts';
import { QuickClock, turn } from './quick-clock.ts';
import { used } from './shelf.ts';

const good = { inSync: true };
const times = {
  leaseMs: 1_500,
  heartbeatMs: 300,
  memberLossMs: 1_200,
  retryMs: 100,
  quietFlushMs: 5_000,
  growMs: 5_000,
  scrubPassMs: 3_600_000,
};

function tended(by: string, attachedTo = ''): VolumeObject {
  const volume = used('v', { kube1: good, kube2: good });
  return { ...volume, status: { ...volume.status, attachedTo, tendedBy: by } };
}

describe('tender of a node', () => {
  it('opens the volumes that it is named for, once, and no others', async () => {
    using shelf = new Shelf();
    for (let look = 0; look < 3; look += 1) {
      shelf.tender.look([tended('kube1')]);
      await shelf.turns();
    }
    assert.equal(shelf.record.epoch, 4, 'one engine has claimed the next epoch');
    assert.equal(shelf.opened, 1);
    using other = new Shelf();
    other.tender.look([tended('kube2'), tended(''), tended('kube1', 'kube3')]);
    await other.turns();
    assert.equal(other.opened, 0);
  });

  it('lets go when its name is taken away, and opens anew when it is named again', async () => {
    using shelf = new Shelf();
    shelf.tender.look([tended('kube1')]);
    await shelf.turns();
    shelf.tender.look([tended('')]);
    await shelf.turns();
    const at = shelf.record.epoch;
    shelf.tender.look([tended('')]);
    await shelf.turns();
    assert.equal(shelf.record.epoch, at, 'nothing is written any more');
    shelf.tender.look([tended('kube1')]);
    await shelf.turns();
    assert.equal(shelf.record.epoch, at + 1);
    assert.equal(shelf.opened, 2);
  });

  it('gives way to the engine that a pod needs', async () => {
    using shelf = new Shelf();
    shelf.tender.look([tended('kube1')]);
    await shelf.turns();
    shelf.change({ ...shelf.record, epoch: shelf.record.epoch + 1, writer: 'of the pod' });
    shelf.tender.look([tended('', 'kube3')]);
    await shelf.turns();
    assert.equal(shelf.record.writer, 'of the pod');
    assert.deepEqual(shelf.warnings, []);
  });
});

/** A record, and members that nobody can reach. */
class Shelf implements Cluster {
  record: VolumeRecord;
  opened = 0;
  readonly warnings: string[] = [];
  readonly tender: Tender;
  #version = 1;
  #tokens = 0;

  constructor() {
    const { record } = tended('').status;
    assert.ok(record !== undefined);
    this.record = record;
    const clusterOf = () => {
      this.opened += 1;
      return this;
    };
    this.tender = new Tender(
      {
        clock: new QuickClock(),
        random: { token: () => `token-${(this.#tokens += 1)}` },
        log: { info: () => {}, warn: (text) => void this.warnings.push(text) },
        connector: {
          connect: async () => {
            throw new Fault('link.lost', 'Nobody is there.');
          },
        },
        clusterOf,
      },
      { node: 'kube1', times },
    );
  }

  [Symbol.dispose](): void {
    this.tender.stop();
  }

  change(next: VolumeRecord): void {
    this.record = next;
    this.#version += 1;
  }

  async read(): Promise<VersionedRecord> {
    return { version: String(this.#version), record: this.record };
  }

  async swap(_volume: string, expected: string, next: VolumeRecord): Promise<SwapOutcome> {
    if (expected !== String(this.#version)) return { kind: 'conflict' };
    this.change(next);
    return { kind: 'written', version: String(this.#version) };
  }

  async turns(): Promise<void> {
    for (let time = 0; time < 30; time += 1) await turn();
  }
}
