import assert from 'node:assert/strict';
import { laidOver, toldOfNode } from '../../../../dataplane/control/conditions.ts';
import type { Condition, VolumeObject } from '../../../../dataplane/control/objects.ts';
import { told } from '../../../../dataplane/control/told.ts';
import { node, used } from './shelf.ts';

const good = { inSync: true };
const behind = { inSync: false };
const lost: Condition = {
  type: 'DataLost',
  status: 'True',
  reason: 'WritesLost',
  message: 'Acknowledged writes are gone.',
  lastTransitionTime: 'yesterday',
};

describe('conditions of a volume', () => {
  const nodes = [node('kube1'), node('kube2')];
  const conditionsOf = (volume: VolumeObject, note = '') =>
    Object.fromEntries(
      told(volume, nodes, note, 'now').conditions.map((each) => [each.type, each]),
    );

  it('say whether the data are safe and whether anything is being done', () => {
    const { Safe: safe, Settled: settled } = conditionsOf(used('v', { kube1: good, kube2: good }));
    assert.deepEqual([safe?.status, safe?.reason], ['True', 'Safe']);
    assert.equal(settled?.status, 'True');
    const half = conditionsOf(used('v', { kube1: good, kube2: behind }), 'a copy is made on kube3');
    assert.deepEqual([half['Safe']?.status, half['Safe']?.reason], ['False', 'Degraded']);
    assert.match(half['Safe']?.message ?? '', /The copy on kube2/);
    assert.equal(half['Settled']?.message, 'a copy is made on kube3');
  });

  it('keep what engines say, and put a loss into the words that are seen first', () => {
    const volume = used('v', { kube1: good, kube2: good });
    const status = { ...volume.status, conditions: [lost] };
    const said = told({ ...volume, status }, nodes, '', 'now');
    assert.equal(said.safety, 'Safe');
    assert.match(said.message, /Acknowledged writes are gone/);
    assert.ok(said.conditions.some((each) => each === lost));
  });

  it('keep the time at which they became so while only the words change', () => {
    const first = laidOver([], [{ ...lost, message: 'one' }], 'monday');
    const second = laidOver(first, [{ ...lost, message: 'two' }], 'tuesday');
    assert.deepEqual(
      second.map(({ message, lastTransitionTime }) => [message, lastTransitionTime]),
      [['two', 'monday']],
    );
    const third = laidOver(second, [{ ...lost, status: 'False' }], 'friday');
    assert.equal(third[0]?.lastTransitionTime, 'friday');
    assert.deepEqual(laidOver(third, [], 'later', ['DataLost']), []);
  });
});

describe('conditions of a storage node', () => {
  const of = (name: string, volumes: readonly VolumeObject[], evacuate = false) => {
    const nodes = [node('kube1', { evacuate }), node('kube2'), node('kube3')];
    const asked = nodes.find(({ metadata }) => metadata.name === name);
    assert.ok(asked !== undefined);
    const shelf = { nodes, volumes, graceMs: 1, troubledMs: () => 0 };
    const { conditions, copies } = toldOfNode(asked, asked.status, shelf, 'now');
    const found = (type: string) => conditions.find((each) => each.type === type);
    return { SafeToStop: found('SafeToStop'), Emptied: found('Emptied'), copies };
  };

  it('say that a node may be switched off when others hold everything', () => {
    const { SafeToStop: safe, copies } = of('kube1', [used('v', { kube1: good, kube2: good })]);
    assert.equal(safe?.status, 'True');
    assert.equal(copies, 1);
  });

  it('name the volumes whose only good copy is there, and what to do', () => {
    const only = ['a', 'b', 'c', 'd'].map((name) => used(name, { kube1: good, kube2: behind }));
    const { SafeToStop: safe } = of('kube1', only);
    assert.equal(safe?.status, 'False');
    assert.match(safe?.message ?? '', /only good copy is here of a, b, c and 1 more.*drain kube1/);
    assert.equal(of('kube2', only).SafeToStop?.status, 'True');
  });

  it('say of a node that is to be emptied how far that is', () => {
    const volume = used('v', { kube1: good, kube2: good });
    assert.equal(of('kube1', [volume]).Emptied, undefined);
    const half = of('kube1', [volume], true).Emptied;
    assert.deepEqual([half?.status, half?.reason], ['False', 'CopiesLeft']);
    assert.match(half?.message ?? '', /A copy is still here/);
    assert.equal(of('kube1', [], true).Emptied?.status, 'True');
  });
});
