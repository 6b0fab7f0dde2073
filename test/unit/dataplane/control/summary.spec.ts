import assert from 'node:assert/strict';
import { born } from '../../../../dataplane/control/birth.ts';
import type { VolumeObject } from '../../../../dataplane/control/objects.ts';
import { summaryOf } from '../../../../dataplane/control/summary.ts';
import { node, volume } from './shelf.ts';

describe('summary of a volume', () => {
  const nodes = [node('kube1'), node('kube2')];
  const spots = [
    { node: 'kube1', disk: 'disk' },
    { node: 'kube2', disk: 'disk' },
  ];

  function living(change: (status: VolumeObject['status']) => VolumeObject['status']) {
    const fresh = volume('v');
    const status = born(fresh, spots, nodes, 'l1');
    const places = status.places.map((place) => ({ ...place, made: true }));
    return { ...fresh, status: change({ ...status, places }) };
  }

  const without = (member: string) => (status: VolumeObject['status']) => {
    const { record } = status;
    assert.ok(record !== undefined);
    const members = record.members.map((each) =>
      each.id === member ? { ...each, inSync: false, departedAt: 1 } : each,
    );
    return { ...status, record: { ...record, epoch: 1, members } };
  };

  it('says Safe when all copies are in sync on nodes that are heard of', () => {
    const told = summaryOf(
      living((status) => status),
      nodes,
    );
    assert.deepEqual(told, { safety: 'Safe', copies: '2/2', message: '' });
  });

  it('says which copy is behind, and what becomes of it', () => {
    const detached = summaryOf(living(without('m2')), nodes);
    assert.equal(detached.safety, 'Degraded');
    assert.equal(detached.copies, '1/2');
    assert.match(detached.message, /kube2 is behind; it catches up when the volume is attached/);
    const attached = living((status) => ({ ...without('m2')(status), attachedTo: 'kube1' }));
    assert.match(summaryOf(attached, nodes).message, /kube2 is away or catching up/);
  });

  it('says which node to bring back when no good copy can be reached', () => {
    const silent = [node('kube1', { health: 'Unknown' }), node('kube2')];
    const told = summaryOf(living(without('m2')), silent);
    assert.equal(told.safety, 'Unreachable');
    assert.match(told.message, /bring back kube1/);
  });

  it('does not call a volume safe while a node with a copy is not heard of', () => {
    const silent = [node('kube1'), node('kube2', { health: 'Unknown' })];
    const told = summaryOf(
      living((status) => status),
      silent,
    );
    assert.equal(told.safety, 'Degraded');
    assert.match(told.message, /Not heard of: kube2/);
  });

  it('says whom it waits for before all copies are made', () => {
    const waiting = living((status) => ({
      ...status,
      places: status.places.map((place) =>
        place.node === 'kube2' ? { ...place, made: false, problem: 'the disk is full' } : place,
      ),
    }));
    const told = summaryOf(waiting, nodes);
    assert.equal(told.safety, 'Creating');
    assert.match(told.message, /Waiting for kube2 to make its copy; .*the disk is full/);
  });

  it('says why a deleted volume is still there', () => {
    const going = living((status) => ({ ...status, attachedTo: 'kube1' }));
    const metadata = { ...going.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    const told = summaryOf({ ...going, metadata }, nodes);
    assert.equal(told.safety, 'Deleting');
    assert.match(told.message, /still attached to kube1: end the pods that use it/);
  });
});
