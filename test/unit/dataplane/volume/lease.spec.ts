import assert from 'node:assert/strict';
import { Lease } from '../../../../dataplane/volume/lease.ts';

describe('lease to answer reads', () => {
  const durationMs = 1000;

  it('holds only while every member in sync has confirmed within its duration', () => {
    const lease = new Lease(durationMs);
    lease.confirm('m1', 0);
    assert.equal(lease.holds(['m1', 'm2'], 0), false, 'm2 has said nothing');
    lease.confirm('m2', 500);
    assert.equal(lease.holds(['m1', 'm2'], 999), true);
    assert.equal(lease.holds(['m1', 'm2'], 1000), false, 'm1 may have promised another by now');
    assert.equal(lease.holds(['m2'], 1000), true, 'm1 is not in sync any more');
  });

  it('counts from the latest question, also when answers overtake each other', () => {
    const lease = new Lease(durationMs);
    lease.confirm('m1', 600);
    lease.confirm('m1', 100);
    assert.equal(lease.confirmedAtMs('m1'), 600);
    assert.equal(lease.holds(['m1'], 1500), true);
  });
});
