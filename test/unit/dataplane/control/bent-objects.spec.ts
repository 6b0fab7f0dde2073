/** Objects that somebody edited or deleted under running volumes: explained, never guessed. */
import assert from 'node:assert/strict';
import { toldOfNode } from '../../../../dataplane/control/conditions.ts';
import { lostRecordOf } from '../../../../dataplane/control/lost-record.ts';
import { NodeHealth, silenceMs } from '../../../../dataplane/control/node-health.ts';
import type { VolumeObject } from '../../../../dataplane/control/objects.ts';
import { place } from '../../../../dataplane/control/placement.ts';
import { repairOf } from '../../../../dataplane/control/repair.ts';
import { summaryOf } from '../../../../dataplane/control/summary.ts';
import { Controller } from '../../../../dataplane/drive/controller.ts';
import { MemoryObjects } from './memory-objects.ts';
import { QuickClock, turn } from './quick-clock.ts';
import { node, used } from './shelf.ts';

const good = { inSync: true };
const nodes = [node('kube1'), node('kube2'), node('kube3')];
const whole = used('v', { kube1: good, kube2: good });

function without(of: VolumeObject, ...keys: ('record' | 'places')[]): VolumeObject {
  const { record, ...status } = of.status;
  const places = keys.includes('places') ? [] : status.places;
  const kept = keys.includes('record') || record === undefined ? {} : { record };
  return { ...of, status: { ...status, ...kept, places } };
}

describe('volume whose record was taken away', () => {
  for (const [what, volume] of [
    ['has places', without(whole, 'record')],
    ['was formatted', formatted(without({ ...whole }, 'record', 'places'))],
  ] as const) {
    it(`is not made anew when it ${what}`, async () => {
      const objects = new MemoryObjects();
      for (const each of nodes) objects.storageNodes.force(each);
      objects.volumes.force({ ...volume, status: { ...volume.status, attachedTo: '' } });
      const controller = new Controller({
        objects,
        clock: new QuickClock(),
        random: { token: () => '0'.repeat(32) },
        log: { info: () => {}, warn: () => {} },
        events: { tell: () => {} },
        now: () => 'now',
      });
      void controller.run();
      for (let look = 0; look < 200; look += 1) await turn();
      controller.stop();
      const [now] = objects.volumes.all;
      assert.equal(now?.status.record, undefined);
      assert.equal(now?.status.safety, 'Unreachable');
      assert.match(now.status.message, /record .* taken out .* backup of the control plane/);
    });
  }

  it('names where the copies lie', () => {
    assert.match(lostRecordOf(without(whole, 'record')), /kube1 disk disk, kube2 disk disk/);
    assert.equal(lostRecordOf(whole), '');
    const fresh = without(used('w', {}), 'record');
    assert.equal(lostRecordOf({ ...fresh, status: { ...fresh.status, attachedTo: '' } }), '');
  });
});

describe('volume whose places were taken away', () => {
  const bent = without(whole, 'places');
  const shelf = { nodes, volumes: [bent], graceMs: 60_000, troubledMs: () => 10 ** 9 };

  it('keeps its copies while its engine counts them, and says what to put back', () => {
    const step = repairOf(bent, shelf);
    assert.notEqual(step.kind, 'remove');
    const idle = { ...bent, status: { ...bent.status, attachedTo: '' } };
    const told = repairOf(idle, { ...shelf, volumes: [idle], troubledMs: () => 1 });
    assert.match(told.note, /its place was taken out of the status: put it back/);
  });
});

describe('volume that is deleted while a pod uses it', () => {
  it('stays, and says what has to end first', () => {
    const metadata = { ...whole.metadata, deletionTimestamp: 'now' };
    const { safety, message } = summaryOf({ ...whole, metadata }, nodes);
    assert.equal(safety, 'Deleting');
    assert.match(message, /still attached to kube1: end the pods that use it/);
  });
});

describe('storage node', () => {
  const wish = { sizeBytes: 2 ** 30, copies: 2, diskTags: [], spread: 'node' } as const;

  it('that is deleted under running volumes is a lost node, by name', () => {
    const left = nodes.filter(({ metadata }) => metadata.name !== 'kube2');
    const v = used('v', { kube1: good, kube2: { inSync: false } });
    const shelf = { nodes: left, volumes: [v], graceMs: 1, troubledMs: () => 1 };
    const step = repairOf(v, shelf);
    assert.equal(step.kind, 'add');
    assert.match(step.note, /kube2 is not declared any more/);
  });

  it('without a usable disk takes no copy, and placement says why', () => {
    const bare = node('kube2');
    const none = {
      ...bare,
      spec: { ...bare.spec, disks: [] },
      status: { ...bare.status, disks: [] },
    };
    const answer = place(wish, [node('kube1'), none], []);
    assert.match(answer.kind === 'impossible' ? answer.why : '', /kube2 has no disk/);
    const unseen = { ...bare, status: { ...bare.status, disks: [] } };
    const other = place(wish, [node('kube1'), unseen], []);
    assert.match(other.kind === 'impossible' ? other.why : '', /disk disk has not been reported/);
  });

  it('whose clock is wrong by years is heard of all the same', () => {
    const health = new NodeHealth();
    for (let beat = 0; beat < 20; beat += 1) {
      const year = beat % 2 === 0 ? 1970 : 2099;
      const status = { ...node('kube1').status, seenAt: `${year}-01-01T00:00:${beat}Z` };
      const judged = health.judge(beat * silenceMs * 0.9, { ...node('kube1'), status });
      assert.equal(judged, undefined);
    }
  });

  it('that sees a disk of another node says so', () => {
    const shelf = { nodes, volumes: [], graceMs: 1, troubledMs: () => 0 };
    const [first] = nodes;
    assert.ok(first !== undefined);
    // In these tests every disk bears the same token.
    const { conditions } = toldOfNode(first, first.status, shelf, 'now');
    const shared = conditions.find(({ type }) => type === 'DiskShared');
    assert.match(shared?.message ?? '', /disk disk is the one that kube2 has too.*take it away/);
    const own = {
      ...first.status,
      disks: first.status.disks.map((disk) => ({ ...disk, id: 'y' })),
    };
    const after = toldOfNode(first, { ...own, conditions }, shelf, 'now').conditions;
    assert.ok(!after.some(({ type }) => type === 'DiskShared'));
  });
});

function formatted(volume: VolumeObject): VolumeObject {
  return { ...volume, status: { ...volume.status, formatted: 'yes' } };
}
