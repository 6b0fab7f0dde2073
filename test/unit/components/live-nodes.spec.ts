import assert from 'node:assert/strict';
import { type LiveNode, nodeDifferences } from '../../../components/rules/live-nodes.ts';
import { bareShelf, type Raw, shelfOf } from './support.ts';

const live = (name: string, change: Partial<LiveNode> = {}): LiveNode => ({
  name,
  architecture: 'arm64',
  foreignLabels: new Map(),
  diskComplaints: [],
  ...change,
});
const all = ['kube01', 'kube02', 'kube03'].map((name) => live(name));
const shelf = (change: Raw = {}) => shelfOf(bareShelf(change));
const wiki = { volumes: [{ name: 'wiki', size: '1Gi', node: 'kube01' }] };
const unmounted = live('kube01', {
  diskComplaints: ['/mnt/nvme on kube01 is an ordinary folder and no disk is mounted there'],
});

describe('inventory held against the cluster', () => {
  const differences = (...args: Parameters<typeof nodeDifferences>) =>
    nodeDifferences(...args).map(({ isGrave, problem }) => [
      isGrave ? 'refused' : 'shown',
      problem.path,
      problem.found,
    ]);
  const none = new Set<string>();

  it('says nothing when they agree', () => {
    assert.deepEqual(differences(shelf(wiki), all, none), []);
  });

  it('shows a node that has not joined, and refuses to make something on it', () => {
    const without = all.slice(1);
    const [first] = differences(shelf(), without, none);
    assert.deepEqual(first?.slice(0, 2), ['shown', 'larder:nodes[0].name']);
    const [grave] = differences(shelf(wiki), without, none);
    assert.equal(grave?.[0], 'refused');
    assert.match(grave[2] ?? '', /kube01, which the cluster does not have, and something shall/);
    assert.equal(differences(shelf(wiki), without, new Set(['wiki']))[0]?.[0], 'shown');
  });

  it('shows a node that the file does not know', () => {
    assert.deepEqual(differences(shelf(), [...all, live('kube04')], none), [
      ['shown', 'larder:nodes', 'no kube04, which the cluster has'],
    ]);
  });

  it('refuses another architecture', () => {
    const nodes = [{ name: 'kube01', architecture: 'amd64', disks: [{ mount: '/mnt/nvme' }] }];
    const [first] = differences(shelf({ nodes }), [live('kube01')], none);
    assert.deepEqual(first, [
      'refused',
      'larder:nodes[0].architecture',
      'amd64, and kube01 says that it is arm64',
    ]);
  });

  it('refuses a label that another hand has set otherwise, and no other', () => {
    const nodes = [{ name: 'kube01', labels: { storage: 'fast-ssd', rack: 'a' } }];
    const foreignLabels = new Map([
      ['storage', { value: 'slow', manager: 'k3s' }],
      ['rack', { value: 'a', manager: 'kubectl' }],
      ['other', { value: 'x', manager: 'kubectl' }],
    ]);
    assert.deepEqual(differences(shelf({ nodes }), [live('kube01', { foreignLabels })], none), [
      ['refused', 'larder:nodes[0].labels.storage', 'fast-ssd, and k3s has set slow on kube01'],
    ]);
  });

  it('shows a disk that is not mounted, and refuses to make a volume on it', () => {
    const rest = all.slice(1);
    assert.equal(differences(shelf(), [unmounted, ...rest], none)[0]?.[0], 'shown');
    assert.equal(differences(shelf(wiki), [unmounted, ...rest], none)[0]?.[0], 'refused');
    const known = new Set(['wiki']);
    assert.equal(differences(shelf(wiki), [unmounted, ...rest], known)[0]?.[0], 'shown');
  });

  it('refuses to begin dumps to a disk that is not mounted', () => {
    const postgres = [
      { name: 'main', size: '1Gi', node: 'kube02', dumps: { node: 'kube01', disk: 'nvme' } },
    ];
    const found = differences(shelf({ postgres }), [unmounted, ...all.slice(1)], none);
    assert.equal(found[0]?.[0], 'refused');
  });
});
