import assert from 'node:assert/strict';
import { readMemory } from '../../../components/cluster/memory.ts';
import {
  type ClusterFacts,
  clusterProblems,
  withoutCluster,
} from '../../../components/rules/cluster.ts';
import { readPostgresImage } from '../../../components/rules/databases.ts';
import { editProblems, type KnownVolume } from '../../../components/rules/edits.ts';
import { bareShelf, type Raw, shelfOf } from './support.ts';

describe('edit of a volume', () => {
  const known = (change: Partial<KnownVolume> = {}): KnownVolume => ({
    name: 'git',
    section: 'larder:volumes',
    namespace: 'apps',
    sizeBytes: 20 * 1024 ** 3,
    tier: 'local-ssd',
    accessMode: 'ReadWriteOnce',
    place: 'kube01:/mnt/nvme/larder/volumes/git',
    retired: false,
    postgres: undefined,
    records: undefined,
    ...change,
  });
  const git = (change: Raw = {}) =>
    bareShelf({ volumes: [{ name: 'git', size: '20Gi', node: 'kube01', ...change }] });
  const judge = (raw: Raw, before = known()) => editProblems([before], shelfOf(raw));

  it('is no edit when nothing changed, however the size is spelt', () => {
    assert.deepEqual(judge(git({ size: '20480Mi' })), []);
  });

  it('may grow in place', () => {
    assert.deepEqual(judge(git({ size: '40Gi' })), []);
  });

  const refused: readonly {
    edit: string;
    raw: Raw;
    before?: KnownVolume;
    path: string;
    found: RegExp;
  }[] = [
    {
      edit: 'shrinks it',
      raw: git({ size: '10Gi' }),
      path: 'larder:volumes[0].size',
      found: /^10Gi, and the volume git has 20Gi$/,
    },
    {
      edit: 'gives it another tier',
      raw: git({ tier: 'local', node: undefined }),
      path: 'larder:volumes[0].tier',
      found: /^local, and/,
    },
    {
      edit: 'changes its access mode',
      raw: git({ accessMode: 'ReadWriteOncePod' }),
      path: 'larder:volumes[0].accessMode',
      found: /^ReadWriteOncePod, and/,
    },
    {
      edit: 'moves it to another node',
      raw: git({ node: 'kube02' }),
      path: 'larder:volumes[0].node',
      found: /^kube02:\/mnt/,
    },
    {
      edit: 'moves it to another namespace',
      raw: git({ namespace: 'forge' }),
      path: 'larder:volumes[0].namespace',
      found: /^forge, and/,
    },
    {
      edit: 'mounts its disk elsewhere',
      raw: { ...git(), nodes: [{ name: 'kube01', disks: [{ mount: '/mnt/new' }] }] },
      path: 'larder:volumes[0].node',
      found: /^kube01:\/mnt\/new/,
    },
    {
      edit: 'renames it',
      raw: bareShelf({ volumes: [{ name: 'forge', size: '20Gi', node: 'kube01' }] }),
      path: 'larder:volumes',
      found: /gone and forge in its place, as in a rename/,
    },
    {
      edit: 'removes it',
      raw: bareShelf(),
      path: 'larder:volumes',
      found: /^no volume git any more, which holds up to 20Gi/,
    },
    {
      edit: 'grows it on a tier that cannot',
      raw: bareShelf({ volumes: [{ name: 'git', size: '40Gi', tier: 'local' }] }),
      before: known({ tier: 'local', place: undefined }),
      path: 'larder:volumes[0].size',
      found: /^40Gi, and/,
    },
  ];
  for (const { edit, raw, before, path, found } of refused) {
    it(`is refused when it ${edit}`, () => {
      const problems = judge(raw, before);
      assert.deepEqual(
        problems.map((problem) => problem.path),
        [path],
        JSON.stringify(problems),
      );
      assert.match(problems[0]?.found ?? '', found);
      assert.match(problems[0]?.todo ?? '', /retire/);
    });
  }

  it('tells everything that is wrong with one edit', () => {
    const problems = judge(git({ size: '1Gi', node: 'kube02', namespace: 'forge' }));
    assert.equal(problems.length, 3);
  });

  it('may remove a volume that was let go of', () => {
    assert.deepEqual(judge(bareShelf(), known({ retired: true })), []);
  });

  it('is refused when another image could not read the data', () => {
    const before = known({
      name: 'postgres-main',
      place: 'kube01:/mnt/nvme/larder/volumes/postgres-main',
      sizeBytes: 1024 ** 3,
      postgres: '16 alpine',
    });
    const database = (image: string) =>
      bareShelf({ postgres: [{ name: 'main', size: '1Gi', node: 'kube01', image }] });
    assert.deepEqual(judge(database('postgres:16.15-alpine3.25'), before), []);
    assert.match(
      judge(database('postgres:17.5-alpine'), before)[0]?.allowed ?? '',
      /another major version does not start/,
    );
    assert.match(
      judge(database('postgres:16.15'), before)[0]?.allowed ?? '',
      /sorts text differently/,
    );
  });
});

describe('PostgreSQL image', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['docker.io/library/postgres:16.14-alpine3.24@sha256:57c7', '16 alpine'],
    ['postgres:17', '17 debian'],
    ['postgres:18.1-bookworm', '18 debian'],
    ['localhost/lab/postgres:15-0123abcd', '15 debian'],
    ['registry.local:5000/postgres:16', '16 debian'],
    ['postgres', undefined],
    ['postgres:latest', undefined],
    ['registry.local:5000/postgres', undefined],
  ];
  for (const [reference, format] of cases) {
    it(`is read from [${reference}]`, () => {
      const read = readPostgresImage(reference);
      assert.equal(read && `${read.major} ${read.base}`, format);
    });
  }
});

describe('cluster', () => {
  const reached = {
    kind: 'reached',
    uid: 'u-1',
    stack: 'homelab',
    classes: ['local-ssd'],
  } as const;
  const facts = (change: Partial<ClusterFacts> = {}): ClusterFacts => ({
    stack: 'homelab',
    context: 'home',
    adopt: false,
    isPreview: false,
    knownUid: 'u-1',
    hasState: true,
    seen: reached,
    ...change,
  });
  const unreachable = { kind: 'unreachable', reason: 'connect ECONNREFUSED' } as const;

  it('is the right one when its identity is the one in the state', () => {
    assert.deepEqual(clusterProblems(facts()), []);
  });

  it('may be silent in a preview and never in an update', () => {
    assert.deepEqual(clusterProblems(facts({ seen: unreachable, isPreview: true })), []);
    const [problem] = clusterProblems(facts({ seen: unreachable }));
    assert.match(
      problem?.found ?? '',
      /home, whose cluster cannot be reached: connect ECONNREFUSED/,
    );
    assert.equal(problem?.allowed, 'a cluster that answers, before the first change');
  });

  it('is told from one that was never given when a preview goes on without', () => {
    const facts = { context: 'home', reason: 'connect ECONNREFUSED 127.0.0.1:2' };
    const none = withoutCluster({ ...facts, server: undefined });
    assert.match(none, /^No cluster was given: .*home\. .*the state of the stack alone/);
    assert.match(none, /set KUBECONFIG \(or larder:cluster\.kubeconfig\)/);
    assert.doesNotMatch(none, /ECONNREFUSED/);
    const silent = withoutCluster({ ...facts, server: 'https://10.0.0.9:6443' });
    assert.match(silent, /home does not answer at https:\/\/10\.0\.0\.9:6443: connect ECONN/);
    assert.match(silent, /the state of the stack alone.*kubectl --context home get nodes/);
  });

  it('is refused when the state belongs to another one', () => {
    const [problem] = clusterProblems(facts({ knownUid: 'u-2' }));
    assert.match(
      problem?.found ?? '',
      /leads to the cluster u-1, and the state of homelab belongs to u-2/,
    );
  });

  it('is refused when another stack declares it', () => {
    const seen = { ...reached, stack: 'cabin' };
    const [problem] = clusterProblems(facts({ seen, knownUid: undefined, hasState: false }));
    assert.match(problem?.found ?? '', /a cluster that the stack cabin declares/);
  });

  it('asks for words when the state is empty and the cluster is not', () => {
    const lost = { knownUid: undefined, hasState: false };
    assert.equal(clusterProblems(facts(lost))[0]?.path, 'larder:cluster.adopt');
    assert.deepEqual(clusterProblems(facts({ ...lost, adopt: true })), []);
    assert.deepEqual(clusterProblems(facts({ ...lost, seen: { ...reached, classes: [] } })), []);
  });
});

describe('memory of the last update', () => {
  const claim = {
    type: 'kubernetes:core/v1:PersistentVolumeClaim',
    outputs: {
      metadata: {
        name: 'git',
        namespace: 'apps',
        labels: { 'larder.dev/volume': 'git' },
        annotations: { 'larder.dev/place': 'kube01:/mnt/a', 'larder.dev/retired': 'true' },
      },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'local-ssd',
        resources: { requests: { storage: '20Gi' } },
      },
    },
  };
  const namespace = (name: string, annotations = {}) => ({
    type: 'kubernetes:core/v1:Namespace',
    outputs: { metadata: { name, labels: { 'larder.dev/holds': 'data' }, annotations } },
  });

  it('holds volumes, namespaces and the identity of the cluster', () => {
    const memory = readMemory({
      outputs: {
        a: claim,
        b: namespace('apps'),
        c: namespace('larder-system', { 'larder.dev/cluster': 'u-1' }),
        d: { type: 'random:index/randomPassword:RandomPassword', outputs: { result: 'hidden' } },
      },
    });
    assert.deepEqual(memory, {
      hasState: true,
      classes: [],
      engines: [],
      storageDisks: [],
      volumes: [
        {
          name: 'git',
          section: 'larder:volumes',
          namespace: 'apps',
          sizeBytes: 20 * 1024 ** 3,
          tier: 'local-ssd',
          accessMode: 'ReadWriteOnce',
          place: 'kube01:/mnt/a',
          retired: true,
          postgres: undefined,
          records: undefined,
        },
      ],
      namespaces: ['apps', 'larder-system'],
      clusterUid: 'u-1',
      doubles: [],
    });
  });

  it('is empty before the first update', () => {
    assert.deepEqual(readMemory({ outputs: {} }), {
      hasState: false,
      classes: [],
      engines: [],
      storageDisks: [],
      volumes: [],
      namespaces: [],
      clusterUid: undefined,
      doubles: [],
    });
  });

  it('leaves out claims that are not ours', () => {
    const foreign = { ...claim, outputs: { ...claim.outputs, metadata: { name: 'x' } } };
    assert.deepEqual(readMemory({ outputs: { a: foreign } }).volumes, []);
  });
});
