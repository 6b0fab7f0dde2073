/**
 * Engines that no scenario uses: for those who outgrow the shelf, and for what is set up elsewhere.
 */
import assert from 'node:assert/strict';
import { assertGolden, renderRun } from './support/golden.ts';
import { type ProgramRun, runProgram, stackConfig } from './support/record.ts';
import { stateAfter, stepsBetween } from './support/steps.ts';

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

  it('take snapshots of every volume that they can freeze, and of no other', async () => {
    const volumes = [
      { name: 'git', size: '10Gi', tier: 'ceph' },
      { name: 'cache', size: '10Gi', tier: 'ceph', snapshots: { skip: 'made again in a minute' } },
      { name: 'media', size: '10Gi', tier: 'mirror', namespace: 'house' },
      { name: 'plain', size: '10Gi', tier: 'lvm' },
    ];
    const snapshots = { schedule: '30 */4 * * *', keep: 12 };
    const config = { ...stackConfig('homelab'), ...rack, volumes, snapshots };
    const { resources, outputs } = await runProgram({ config });
    const named = (name: string) => resources.find((resource) => resource.name === name);
    const taken = (name: string) => {
      const { inputs } = named(name) ?? { inputs: {} };
      assert.match(JSON.stringify(inputs), /"schedule":"30 \*\/4 \* \* \*"/);
      const env = /\{"name":"VOLUMES","value":"((?:[^"\\]|\\.)*)"/.exec(
        JSON.stringify(inputs),
      )?.[1];
      return JSON.parse(JSON.parse(`"${env}"`) as string) as unknown;
    };
    assert.deepEqual(taken('snapshots-apps-job'), [{ claim: 'git', class: 'ceph' }]);
    assert.deepEqual(taken('snapshots-house-job'), [{ claim: 'media', class: 'mirror' }]);
    const { driver, deletionPolicy } = named('ceph-snapshots-class')?.inputs ?? {};
    assert.deepEqual([driver, deletionPolicy], ['rook-ceph.rbd.csi.ceph.com', 'Delete']);
    assert.equal(named('lvm-snapshots-class'), undefined);
    // Mayastor's chart brings the controller.
    assert.equal(named('snapshot-controller-release'), undefined);
    const { backups } = outputs as { backups: Record<string, string> };
    assert.match(backups['git'] ?? '', /snapshots at "30 \*\/4 \* \* \*", the newest 12$/);
    assert.match(backups['cache'] ?? '', /no snapshots: made again in a minute$/);
    assert.doesNotMatch(backups['plain'] ?? '', /snapshots/);
    const alerts = JSON.stringify(named('monitoring-rules')?.inputs ?? {});
    assert.match(alerts, /larder-snapshots/);
  });

  it('get the snapshot controller when nobody else brings it', async () => {
    const volumes = [{ name: 'git', size: '10Gi', tier: 'ceph' }];
    const tiers = rack.tiers.filter(({ engine }) => engine !== 'mayastor');
    const config = { ...stackConfig('homelab'), ...rack, tiers, volumes };
    const { resources } = await runProgram({ config });
    const release = resources.find(({ name }) => name === 'snapshot-controller-release');
    assert.deepEqual([release?.inputs['version'], release?.options.protect], ['5.1.1', true]);
    const schedule = resources.find(({ name }) => name === 'snapshots-apps-job');
    assert.ok(schedule?.options.dependsOn.includes('ceph-snapshots-class'));
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

describe('namespace of an engine', () => {
  it('is declared once when an earlier update made it', async () => {
    const config = { ...stackConfig('homelab'), ...rack };
    const first = await runProgram({ config });
    const second = await runProgram({ config, state: stateAfter(first) });
    assert.deepEqual(
      stepsBetween(first, second).map(({ op, resource }) => `${op} ${resource.name}`),
      [],
    );
  });

  it('keeps its label when its engine was let go of and still runs in it', async () => {
    const config = { ...stackConfig('homelab'), ...rack };
    const first = await runProgram({
      config: { ...config, engines: { topolvm: { retire: true } } },
    });
    const tiers = rack.tiers.filter(({ engine }) => engine !== 'topolvm');
    const second = await runProgram({ config: { ...config, tiers }, state: stateAfter(first) });
    const named = second.resources.find(({ name }) => name === 'topolvm-system-namespace');
    assert.match(JSON.stringify(named?.inputs), /pod-security.kubernetes.io\/enforce":"privileged/);
  });
});
