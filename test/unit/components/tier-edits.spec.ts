import assert from 'node:assert/strict';
import { readMemory } from '../../../components/cluster/memory.ts';
import { retiredRelease } from '../../../components/names.ts';
import { tierEditProblems } from '../../../components/rules/tier-edits.ts';
import { bareShelf, type Raw, shelfOf } from './support.ts';

/** What the state of an earlier update says, by type. */
const remembered = (...resources: readonly (readonly [type: string, outputs: unknown])[]) =>
  readMemory({
    outputs: Object.fromEntries(
      resources.map(([type, outputs], index) => [`urn-${index}`, { type, outputs }]),
    ),
  });

const ofClass = (name: string, provisioner: string) =>
  [
    'kubernetes:storage.k8s.io/v1:StorageClass',
    { metadata: { name, labels: { 'larder.dev/tier': name } }, provisioner },
  ] as const;
const ofVolume = (name: string, tier: string) =>
  [
    'kubernetes:core/v1:PersistentVolumeClaim',
    {
      metadata: { name, namespace: 'apps', labels: { 'larder.dev/volume': name } },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: tier,
        resources: { requests: { storage: '1Gi' } },
      },
    },
  ] as const;
const ofRelease = (name: string, description?: string) =>
  ['kubernetes:helm.sh/v3:Release', { name, description }] as const;
const dataplane = ['kubernetes:apps/v1:DaemonSet', { metadata: { name: 'larder-node' } }] as const;

const ofStorage = (node: string, path: string) =>
  [
    'kubernetes:larder.dev/v1alpha1:StorageNode',
    { metadata: { name: node }, spec: { disks: [{ name: 'nvme', path }] } },
  ] as const;

const withTier = (engine: string, change: Raw = {}) =>
  shelfOf(
    bareShelf({
      images: { dataplane: 'registry.home/larder:1' },
      tiers: [
        { name: 'local', engine: 'local-path', default: true },
        { name: 'safe', engine },
      ],
      volumes: [{ name: 'wiki', size: '1Gi', tier: 'safe' }],
      ...change,
    }),
  );
const withoutEngines = (engines: Raw = {}) => shelfOf(bareShelf({ engines }));

describe('edit of a tier', () => {
  it('is refused when its volumes were made by another engine', () => {
    const known = remembered(ofClass('safe', 'driver.longhorn.io'), ofVolume('wiki', 'safe'));
    const [problem] = tierEditProblems(known, withTier('larder'));
    assert.equal(problem?.path, 'larder:tiers[1].engine');
    assert.match(problem.found, /larder \(csi\.larder\.dev\), and wiki on this tier were made by/);
    assert.match(problem.todo, /declare a second tier/);
    assert.deepEqual(tierEditProblems(known, withTier('longhorn')), []);
  });

  it('may change the engine of a tier that holds nothing', () => {
    const known = remembered(ofClass('safe', 'driver.longhorn.io'));
    assert.deepEqual(tierEditProblems(known, withTier('larder')), []);
  });

  it('is refused when it would uninstall the controller of snapshots', () => {
    const known = remembered(ofRelease('snapshot-controller'));
    const [problem] = tierEditProblems(known, withoutEngines());
    assert.match(problem?.found ?? '', /no volume any more of which snapshots are taken/);
    assert.match(problem?.todo ?? '', /`retire: true` under larder:engines\.snapshotController/);
    const letGo = remembered(ofRelease('snapshot-controller', retiredRelease));
    assert.deepEqual(tierEditProblems(letGo, withoutEngines()), []);
  });

  it('is refused when it would uninstall the engine of volumes', () => {
    const [problem] = tierEditProblems(remembered(ofRelease('longhorn')), withoutEngines());
    assert.equal(problem?.path, 'larder:tiers');
    assert.match(problem.found, /no tier of the engine longhorn any more/);
    assert.match(problem.todo, /`retire: true` under larder:engines\.longhorn/);
  });

  it('is refused when something else shall set up what this stack did', () => {
    const engines = { longhorn: { install: false } };
    const [problem] = tierEditProblems(
      remembered(ofRelease('longhorn')),
      withTier('longhorn', { engines }),
    );
    assert.equal(problem?.path, 'larder:engines.longhorn.install');
  });

  it('may remove an engine that was let go of, and releases that are not ours', () => {
    const known = remembered(ofRelease('longhorn', retiredRelease), ofRelease('grafana'));
    assert.deepEqual(tierEditProblems(known, withoutEngines()), []);
  });

  it('is refused when it would remove our own data plane without a word', () => {
    const known = remembered(dataplane);
    const [problem] = tierEditProblems(known, withoutEngines());
    assert.match(problem?.todo ?? '', /under larder:engines\.larder/);
    assert.deepEqual(tierEditProblems(known, withoutEngines({ larder: { retire: true } })), []);
    assert.deepEqual(tierEditProblems(known, withTier('larder')), []);
  });

  it('is refused when a disk with copies is not declared any more, or elsewhere', () => {
    const known = remembered(ofStorage('kube01', '/mnt/nvme'));
    assert.deepEqual(tierEditProblems(known, withTier('larder')), []);
    const nodes = ['kube02', 'kube03'].map((name) => ({ name, disks: [{ mount: '/mnt/nvme' }] }));
    const [gone] = tierEditProblems(known, withTier('larder', { nodes }));
    assert.match(gone?.found ?? '', /^no kube01\/nvme any more/);
    assert.match(gone?.todo ?? '', /`leaving: \[kube01\/nvme\]`/);
    const engines = { larder: { leaving: ['kube01/nvme'] } };
    assert.deepEqual(tierEditProblems(known, withTier('larder', { nodes, engines })), []);
    const [moved] = tierEditProblems(
      remembered(ofStorage('kube01', '/mnt/old')),
      withTier('larder'),
    );
    assert.match(
      moved?.found ?? '',
      /kube01\/nvme at \/mnt\/nvme, and its copies are at \/mnt\/old/,
    );
  });
});
