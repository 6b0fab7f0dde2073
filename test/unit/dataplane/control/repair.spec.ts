import assert from 'node:assert/strict';
import type { StorageNodeObject, VolumeObject } from '../../../../dataplane/control/objects.ts';
import { repaired, repairOf, type Repair } from '../../../../dataplane/control/repair.ts';
import { TroubleClock } from '../../../../dataplane/control/trouble-clock.ts';
import { node, used } from './shelf.ts';

const graceMs = 60_000;
const good = { inSync: true };
const behind = { inSync: false };
const newcomer = { inSync: false, departedAt: 0 };

describe('repair of a volume', () => {
  const silent = (name: string) => node(name, { health: 'Unknown' });
  const shelf = [node('kube1'), silent('kube2'), node('kube3')];
  const lost = used('v', { kube1: good, kube2: behind });

  function decide(
    volume: VolumeObject,
    nodes: readonly StorageNodeObject[] = shelf,
    parts: { readonly awayMs?: number; readonly others?: readonly VolumeObject[] } = {},
  ): Repair {
    const { awayMs = graceMs, others = [] } = parts;
    const volumes = [volume, ...others];
    return repairOf(volume, { nodes, volumes, graceMs, troubledMs: () => awayMs });
  }

  it('waits as long as the copy may come back, and says so', () => {
    const told = decide(lost, shelf, { awayMs: graceMs - 1 });
    assert.equal(told.kind, 'rest');
    assert.match(
      told.note,
      /kube2 is not heard of: another copy .* unless it is back within 1 min/,
    );
  });

  it('adds a copy on another node after the grace', () => {
    const told = decide(lost);
    assert.deepEqual(told, {
      kind: 'add',
      spot: { node: 'kube3', disk: 'disk' },
      note: 'Lost: kube2 is not heard of; another is made on kube3',
    });
  });

  it('takes a lost disk for a lost copy though its node is well', () => {
    const nodes = [node('kube1'), node('kube2', { problem: 'nothing is mounted' }), node('kube3')];
    const told = decide(lost, nodes);
    assert.equal(told.kind, 'add');
    assert.match(told.note, /kube2 disk disk: nothing is mounted/);
  });

  it('gives the new copy a name that no store on any disk can bear', () => {
    const nameOf = (token: string) => {
      const status = repaired(lost, decide(lost), shelf, token);
      const [one, two, added] = status?.record?.members ?? [];
      assert.deepEqual([one?.id, two?.id, added?.inSync], ['m1', 'm2', false]);
      assert.deepEqual(status?.places[2]?.member, added?.id);
      return added?.id;
    };
    assert.notEqual(nameOf('0123456789abcdef'), nameOf('fedcba9876543210'));
  });

  it('leaves a copy alone that is behind on a node that is well', () => {
    assert.deepEqual(decide(lost, [node('kube1'), node('kube2'), node('kube3')]), {
      kind: 'rest',
      note: '',
    });
  });

  it('makes one copy at a time', () => {
    const told = decide(used('v', { kube1: good, kube2: behind, kube3: newcomer }));
    assert.equal(told.kind, 'rest');
    assert.match(told.note, /A new copy is on kube3: it is being filled/);
  });

  it('lets the lost copy go when the new one is in sync', () => {
    const told = decide(used('v', { kube1: good, kube2: behind, kube3: good }));
    assert.deepEqual(told.kind === 'remove' && told.members, ['m2']);
  });

  it('lets the new copy go when the old one was back first', () => {
    const nodes = [node('kube1'), node('kube2'), node('kube3')];
    const told = decide(used('v', { kube1: good, kube2: good, kube3: newcomer }), nodes);
    assert.deepEqual(told.kind === 'remove' && told.members, ['m3']);
  });

  it('keeps the last old copies while one that counts cannot be reached', () => {
    const nodes = [silent('kube1'), silent('kube2'), node('kube3')];
    const told = decide(used('v', { kube1: good, kube2: behind, kube3: good }), nodes);
    assert.equal(told.kind, 'rest');
  });

  it('replaces two lost copies of three one after the other', () => {
    const nodes = [node('kube1'), silent('kube2'), silent('kube3'), node('kube4'), node('kube5')];
    const three = { copies: 3 };
    const first = used('v', { kube1: good, kube2: behind, kube3: behind }, three);
    assert.equal(decide(first, nodes).kind, 'add');
    const second = used('v', { kube1: good, kube2: behind, kube3: behind, kube4: good }, three);
    const removed = decide(second, nodes);
    assert.deepEqual(removed.kind === 'remove' && removed.members, ['m2']);
    const third = used('v', { kube1: good, kube3: behind, kube4: good }, three);
    const added = decide(third, nodes);
    assert.equal(added.kind === 'add' && added.spot.node, 'kube5');
  });

  it('lets a new copy go that was lost before it was filled', () => {
    const nodes = [node('kube1'), silent('kube2'), silent('kube3'), node('kube4')];
    const told = decide(used('v', { kube1: good, kube2: behind, kube3: newcomer }), nodes);
    assert.deepEqual(told.kind === 'remove' && told.members, ['m3']);
  });

  it('says what is missing when there is no place', () => {
    const told = decide(lost, [node('kube1'), silent('kube2'), node('kube3', { gib: 0 })]);
    assert.equal(told.kind, 'rest');
    assert.match(told.note, /no place for another: .*kube3.* Add a disk or bring back kube2/);
  });

  it('waits for a pod when nobody uses the volume', () => {
    const idle = { ...lost, status: { ...lost.status, attachedTo: '' } };
    assert.match(decide(idle).note, /another is made as soon as a pod uses the volume/);
  });

  it('fills no more than two volumes of a node at a time', () => {
    const others = ['a', 'b'].map((name) =>
      used(name, { kube4: good, kube3: newcomer }, { attachedTo: 'kube4' }),
    );
    const nodes = [...shelf, node('kube4', { schedulable: false })];
    const told = decide(lost, nodes, { others });
    assert.equal(told.kind, 'rest');
    assert.match(told.note, /another is made when other volumes are done/);
  });
});

describe('clock of copies in trouble', () => {
  const v = used('v', { kube1: good, kube2: behind });
  const away = [node('kube1'), node('kube2', { health: 'Unknown' })];

  it('counts while a copy is in trouble, and forgets it when it is well', () => {
    const clock = new TroubleClock();
    clock.look(0, [v], away);
    clock.look(5_000, [v], away);
    assert.equal(clock.forMs('uid-v', 'm2'), 5_000);
    assert.equal(clock.forMs('uid-v', 'm1'), 0);
    clock.look(10_000, [v], [node('kube1'), node('kube2')]);
    clock.look(15_000, [v], away);
    assert.equal(clock.forMs('uid-v', 'm2'), 0);
  });

  it('begins anew when nobody could look for a while', () => {
    const clock = new TroubleClock();
    clock.look(0, [v], away);
    clock.look(300_000, [v], away);
    assert.equal(clock.forMs('uid-v', 'm2'), 0);
  });
});
