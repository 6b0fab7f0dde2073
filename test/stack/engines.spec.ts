/**
 * Engines that no scenario uses: for those who outgrow the shelf, and for what is set up elsewhere.
 */
import assert from 'node:assert/strict';
import { assertGolden, renderRun } from './support/golden.ts';
import { type ProgramRun, runProgram, stackConfig } from './support/record.ts';

const rack = {
  nodes: ['rack01', 'rack02', 'rack03'].map((name) => ({
    name,
    architecture: 'amd64',
    cores: 8,
    memory: '32Gi',
    taints: [{ key: 'storage', value: 'only', effect: 'PreferNoSchedule' }],
    disks: [
      { device: '/dev/disk/by-id/nvme-one', name: 'one', kind: 'nvme', capacity: '1Ti' },
      { device: '/dev/disk/by-id/nvme-two', name: 'two', kind: 'nvme', capacity: '1Ti' },
    ],
  })),
  tiers: [
    { name: 'ceph', engine: 'rook-ceph', devices: ['one'], default: true },
    { name: 'mirror', engine: 'mayastor', devices: ['two'], reclaim: 'Delete' },
    { name: 'lvm', engine: 'topolvm', volumeGroup: 'data' },
  ],
  postgres: [],
};

describe('engines beyond the shelf', () => {
  let run: ProgramRun;
  before(async () => {
    run = await runProgram({ config: { ...stackConfig('homelab'), ...rack } });
  });

  it('are declared as their golden file says', () => {
    assertGolden('engines', renderRun(run));
  });

  it('take the devices that are named and no other', () => {
    const cluster = run.resources.find(({ name }) => name === 'ceph-cluster');
    const spec = cluster?.inputs['spec'] as { storage: Record<string, unknown> };
    assert.deepEqual([spec.storage['useAllNodes'], spec.storage['useAllDevices']], [false, false]);
    assert.doesNotMatch(JSON.stringify(spec), /nvme-two/);
    assert.match(JSON.stringify(spec), /nvme-one/);
  });

  it('are protected, and let go of in words', async () => {
    const engines = { mayastor: { retire: true } };
    const again = await runProgram({ config: { ...stackConfig('homelab'), ...rack, engines } });
    const protection = (name: string) => {
      const found = again.resources.find((resource) => resource.name === name);
      return [found?.options.protect, found?.options.retainOnDelete];
    };
    assert.deepEqual(protection('rookCeph-release'), [true, true]);
    assert.deepEqual(protection('ceph-cluster'), [true, true]);
    assert.deepEqual(protection('mayastor-release'), [false, true]);
    assert.deepEqual(protection('mayastor-pool-rack01-two'), [false, true]);
  });

  it('are left alone when something else sets them up', async () => {
    const engines = { rookCeph: { install: false } };
    const { resources } = await runProgram({
      config: { ...stackConfig('homelab'), ...rack, engines },
    });
    const names = resources.map(({ name }) => name);
    assert.ok(!names.includes('rookCeph-release') && !names.includes('ceph-cluster'));
    assert.ok(names.includes('ceph-class'));
  });
});
