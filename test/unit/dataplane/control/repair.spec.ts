import assert from 'node:assert/strict';
import type { StorageNodeObject, VolumeObject } from '../../../../dataplane/control/objects.ts';
import { repairOf, type Repair } from '../../../../dataplane/control/repair.ts';
import { repaired } from '../../../../dataplane/control/repaired.ts';
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

  it('has an engine make what is wanted of a volume that nobody uses', () => {
    const nodes = [node('kube1'), node('kube2')];
    const resting = used('v', { kube1: good, kube2: good }, { attachedTo: '' });
    assert.equal(decide(resting, nodes).kind, 'rest');
    for (const wish of [{ snapshots: ['s-1'] }, { sizeBytes: 2 * resting.spec.sizeBytes }]) {
      const told = decide({ ...resting, spec: { ...resting.spec, ...wish } }, nodes);
      assert.equal(told.kind === 'tend' && told.node, 'kube1', JSON.stringify(wish));
    }
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

  it('has a node with a good copy look after a volume that nobody uses', () => {
    const idle = (tendedBy: string, of = lost) => ({
      ...of,
      status: { ...of.status, attachedTo: '', tendedBy },
    });
    const first = decide(idle(''));
    assert.equal(first.kind === 'tend' && first.node, 'kube1');
    assert.equal(decide(idle('kube1')).kind, 'add');
    const doubtful = used('v', { kube1: good, kube2: good });
    const found = decide(idle('', doubtful));
    assert.equal(found.kind === 'tend' && found.node, 'kube1', 'an engine finds out who is there');
    const back = used('v', { kube1: good, kube3: behind });
    const filling = decide(idle('', back));
    assert.equal(filling.kind === 'tend' && filling.node, 'kube1', 'what is behind is filled');
    const done = decide(idle('kube1', used('v', { kube1: good, kube3: good })));
    assert.equal(done.kind === 'tend' && done.node, '', 'and it is let go when all is well');
  });

  it('has a node look after four volumes at a time, though many came back at once', () => {
    const idle = (name: string, tendedBy: string) => {
      const v = used(name, { kube1: good, kube2: behind });
      return { ...v, status: { ...v.status, attachedTo: '', tendedBy } };
    };
    const well = [node('kube1'), node('kube2')];
    const others = ['a', 'b', 'c', 'd'].map((name) => idle(name, 'kube1'));
    const fifth = decide(idle('v', ''), well, { others });
    assert.deepEqual(fifth, {
      kind: 'rest',
      note: 'Its copies are looked after when other volumes are done',
    });
    const fourth = decide(idle('v', ''), well, { others: others.slice(1) });
    assert.equal(fourth.kind === 'tend' && fourth.node, 'kube1');
    assert.equal(decide(idle('v', 'kube1'), well, { others }).kind, 'rest', 'who has it goes on');
  });

  it('ends the tending when a pod uses the volume', () => {
    const both = { ...lost, status: { ...lost.status, tendedBy: 'kube3' } };
    const told = decide(both);
    assert.equal(told.kind === 'tend' && told.node, '');
  });

  describe('of a node that is being emptied', () => {
    const nodes = [node('kube1'), node('kube2', { evacuate: true }), node('kube3')];
    const leaving = used('v', { kube1: good, kube2: good });
    const asked = (member: string, of: VolumeObject) => {
      const { record } = of.status;
      assert.ok(record !== undefined);
      const members = record.members.map((each) =>
        each.id === member ? { ...each, retiring: true } : each,
      );
      return { ...of, status: { ...of.status, record: { ...record, members } } };
    };

    it('makes the copy elsewhere at once, before anything leaves', () => {
      const told = decide(leaving, nodes, { awayMs: 0 });
      assert.equal(told.kind === 'add' && told.spot.node, 'kube3');
      assert.match(told.note, /The copy on kube2 has to leave; another is made on kube3/);
    });

    it('lets nothing go while the new copy is being filled', () => {
      const filling = used('v', { kube1: good, kube2: good, kube3: newcomer });
      const told = decide(filling, nodes, { awayMs: 0 });
      assert.equal(told.kind, 'rest');
      assert.match(told.note, /A new copy is on kube3: it is being filled/);
    });

    it('asks the old copy to leave, takes it out when it has left, and has its store deleted', () => {
      const full = used('v', { kube1: good, kube2: good, kube3: good });
      const first = decide(full, nodes, { awayMs: 0 });
      assert.deepEqual(first.kind === 'retire' && first.members, ['m2']);
      const status = repaired(full, first, nodes, '');
      assert.equal(status?.record?.members[1]?.retiring, true);
      assert.equal(decide(asked('m2', full), nodes, { awayMs: 0 }).kind, 'rest');
      const left = asked('m2', used('v', { kube1: good, kube2: behind, kube3: good }));
      const last = decide(left, nodes, { awayMs: 0 });
      assert.deepEqual(last.kind === 'remove' && [last.members, last.erase], [['m2'], ['m2']]);
      const after = repaired(left, last, nodes, '');
      assert.deepEqual(
        after?.record?.members.map(({ id }) => id),
        ['m1', 'm3'],
      );
      assert.equal(after.places.find(({ member }) => member === 'm2')?.erase, true);
    });

    it('keeps what leaves when another copy is lost meanwhile', () => {
      const now = [node('kube1'), node('kube2', { evacuate: true }), silent('kube3')];
      const full = asked('m2', used('v', { kube1: good, kube2: good, kube3: good }));
      const told = decide(full, now, { awayMs: 0 });
      assert.deepEqual(told.kind === 'retire' && told.members, []);
      assert.match(told.note, /stays after all/);
    });

    it('says why the copy stays when no other node can take it', () => {
      const now = [node('kube1'), node('kube2', { evacuate: true }), node('kube3', { gib: 0 })];
      const told = decide(leaving, now);
      assert.equal(told.kind, 'rest');
      assert.match(told.note, /kube2 has to leave; no place for another: .*kube3.* Add a disk/);
    });

    it('never asks the last good copy to leave', () => {
      const alone = used('v', { kube2: good }, { copies: 1, attachedTo: 'kube2' });
      const told = decide(alone, [node('kube2', { evacuate: true })]);
      assert.equal(told.kind, 'rest');
      const away = used('v', { kube2: good, kube1: behind }, { copies: 1, attachedTo: 'kube2' });
      assert.equal(
        decide(away, nodes, { awayMs: 0 }).kind,
        'rest',
        'one that is coming is waited for',
      );
    });

    it('empties two nodes at once without letting one stand in for the other', () => {
      const two = [
        node('kube1', { evacuate: true }),
        node('kube2', { evacuate: true }),
        node('kube3'),
        node('kube4'),
      ];
      const first = decide(leaving, two, { awayMs: 0 });
      assert.equal(first.kind, 'add');
      const half = used('v', { kube1: good, kube2: good, kube3: good });
      assert.equal(decide(half, two, { awayMs: 0 }).kind, 'add');
      const full = used('v', { kube1: good, kube2: good, kube3: good, kube4: good });
      const told = decide(full, two, { awayMs: 0 });
      assert.deepEqual(told.kind === 'retire' && told.members.toSorted(), ['m1', 'm2']);
    });
  });

  describe('with a copy too many', () => {
    const nodes = ['kube1', 'kube2', 'kube3'].map((name) => node(name));

    it('asks the one on the fullest disk to leave, and not the one where the volume is used', () => {
      const full = used('v', { kube1: good, kube2: good, kube3: good });
      const others = ['a', 'b'].map((name) => used(name, { kube1: good, kube3: good }));
      const told = decide(full, nodes, { others });
      assert.deepEqual(told.kind === 'retire' && told.members, ['m3']);
    });

    it('keeps every copy while one of them cannot be reached', () => {
      const full = used('v', { kube1: good, kube2: good, kube3: good });
      const told = decide(full, [node('kube1'), node('kube2'), silent('kube3')]);
      assert.equal(told.kind, 'rest');
    });

    it('lets the one go that shares a failure domain with another', () => {
      const zoned = [
        node('kube1', { zone: 'a' }),
        node('kube2', { zone: 'a' }),
        node('kube3', { zone: 'b' }),
      ];
      const full = used('v', { kube1: good, kube2: good, kube3: good });
      const spread = { ...full, spec: { ...full.spec, spread: 'zone' as const } };
      const told = decide(spread, zoned);
      assert.deepEqual(told.kind === 'retire' && told.members, ['m2']);
    });
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
