import assert from 'node:assert/strict';
import { bareShelf, problemsIn, type Raw, shelfOf } from './support.ts';

const gitea = {
  name: 'forge',
  size: '20Gi',
  node: 'kube01',
  domain: 'git.home',
  database: 'forge',
};
const database = { name: 'forge', size: '5Gi', node: 'kube01', database: 'gitea', user: 'gitea' };
const writer = { image: 'example.org/generator:1.0' };
const dataset = { name: 'vectors', size: '20Gi', node: 'kube02', writer };
const app = { name: 'agent', image: 'example.org/agent:1.0' };
const volume = { name: 'data', size: '1Gi', node: 'kube01' };
const loki = { name: 'logs', size: '50Gi', node: 'kube02' };
const home = { name: 'home', size: '10Gi', node: 'kube02' };
const tiers = [
  { name: 'local-ssd', engine: 'static' },
  { name: 'shared', engine: 'nfs', server: 'nas.home', share: '/tank', default: true },
  { name: 'scratch', engine: 'scratch' },
];
const withDatabase = { postgres: [database] };

const refusals: readonly { when: string; change: Raw; path: string; found: RegExp }[] = [
  {
    when: 'Gitea names a database that is not there',
    change: { gitea: [gitea] },
    path: 'larder:gitea[0].database',
    found: /^forge, which is no database$/,
  },
  {
    when: 'Gitea and its database live in two namespaces',
    change: { ...withDatabase, gitea: [{ ...gitea, namespace: 'forge' }] },
    path: 'larder:gitea[0].database',
    found: /^forge in apps, and Gitea in forge$/,
  },
  {
    when: 'two Gitea servers use one database',
    change: { ...withDatabase, gitea: [gitea, { ...gitea, name: 'second' }] },
    path: 'larder:gitea[1].database',
    found: /^forge, which larder:gitea\[0\] uses already$/,
  },
  {
    when: 'the image of Gitea is not a rootless one',
    change: { ...withDatabase, gitea: [{ ...gitea, image: 'gitea/gitea:1.26.4' }] },
    path: 'larder:gitea[0].image',
    found: /^gitea\/gitea:1\.26\.4$/,
  },
  {
    when: 'the token of a mirror is no secret',
    change: {
      ...withDatabase,
      gitea: [{ ...gitea, mirror: { url: 'https://git.example.org', owner: 'me', token: 'none' } }],
    },
    path: 'larder:gitea[0].mirror.token',
    found: /^none, which is no secret$/,
  },
  {
    when: 'an application lives on a tier that promises nothing',
    change: { tiers, loki: [{ name: 'logs', size: '50Gi', tier: 'scratch' }] },
    path: 'larder:loki[0].tier',
    found: /^scratch, a scratch tier$/,
  },
  {
    when: 'Loki has no memory to read its log back',
    change: { loki: [{ ...loki, resources: { memoryLimit: '128Mi' } }] },
    path: 'larder:loki[0].resources.memoryLimit',
    found: /^128Mi$/,
  },
  {
    when: 'Home Assistant would keep its SQLite file on a file server',
    change: { tiers, homeAssistant: [{ name: 'home', size: '10Gi', tier: 'shared' }] },
    path: 'larder:homeAssistant[0].tier',
    found: /^shared, a file server$/,
  },
  {
    when: 'Home Assistant would write on an SD card',
    change: {
      nodes: [{ name: 'pi', disks: [{ mount: '/mnt/card', kind: 'sd' }] }],
      homeAssistant: [{ ...home, node: 'pi', disk: 'card' }],
    },
    path: 'larder:homeAssistant[0].disk',
    found: /^pi\/card, an SD card$/,
  },
  {
    when: 'an image names no version',
    change: { apps: [{ ...app, image: 'example.org/agent' }] },
    path: 'larder:apps[0].image',
    found: /which means another version every day$/,
  },
  {
    when: 'the writer of a dataset is the latest',
    change: { datasets: [{ ...dataset, writer: { image: 'example.org/generator:latest' } }] },
    path: 'larder:datasets[0].writer.image',
    found: /which means another version every day$/,
  },
  {
    when: 'an application mounts a volume that is not there',
    change: { apps: [{ ...app, volumes: [{ volume: 'data', path: '/data' }] }] },
    path: 'larder:apps[0].volumes[0].volume',
    found: /^data, which stands not under larder:volumes$/,
  },
  {
    when: 'an application reads a dataset that is not there',
    change: { apps: [{ ...app, user: 1000, datasets: [{ dataset: 'vectors', path: '/v' }] }] },
    path: 'larder:apps[0].datasets[0].dataset',
    found: /^vectors, which stands not under larder:datasets$/,
  },
  {
    when: 'a reader of a dataset names no user',
    change: {
      datasets: [dataset],
      apps: [{ ...app, datasets: [{ dataset: 'vectors', path: '/v' }] }],
    },
    path: 'larder:apps[0].user',
    found: /^nothing, for an application that reads a dataset$/,
  },
  {
    when: 'a volume and its application live in two namespaces',
    change: {
      volumes: [volume],
      apps: [{ ...app, namespace: 'other', volumes: [{ volume: 'data', path: '/data' }] }],
    },
    path: 'larder:apps[0].namespace',
    found: /^other, and data in apps$/,
  },
  {
    when: 'two applications write one volume',
    change: {
      volumes: [volume],
      apps: ['one', 'two'].map((name) => ({
        ...app,
        name,
        volumes: [{ volume: 'data', path: '/data' }],
      })),
    },
    path: 'larder:apps[1].volumes[0].volume',
    found: /^data, which one writes already$/,
  },
  {
    when: 'several copies of an application write one volume',
    change: {
      volumes: [volume],
      apps: [{ ...app, replicas: 2, volumes: [{ volume: 'data', path: '/data' }] }],
    },
    path: 'larder:apps[0].replicas',
    found: /^2 that all write data$/,
  },
  {
    when: 'two mounts have one path',
    change: {
      volumes: [volume, { ...volume, name: 'more' }],
      apps: [
        { ...app, volumes: ['data', 'more'].map((name) => ({ volume: name, path: '/data' })) },
      ],
    },
    path: 'larder:apps[0]',
    found: /^two mounts at \/data$/,
  },
  {
    when: 'two applications have one name',
    change: { apps: [app, app] },
    path: 'larder:apps[1].name',
    found: /^agent, which larder:apps\[0\]\.name is already$/,
  },
  {
    when: 'an application asks for a secret that is not there',
    change: { apps: [{ ...app, secretEnv: { TOKEN: 'agent-token' } }] },
    path: 'larder:apps[0].secretEnv.TOKEN',
    found: /^agent-token, which is no secret$/,
  },
];

describe('applications', () => {
  for (const { when, change, path, found } of refusals) {
    it(`are refused, with what to do, when ${when}`, () => {
      const problems = problemsIn(bareShelf(change));
      const problem = problems.find((each) => each.path === path);
      assert.ok(problem, JSON.stringify(problems, undefined, 1));
      assert.match(problem.found, found);
      assert.ok(problem.allowed.length > 0 && problem.todo.length > 0);
      assert.equal(problems.length, 1, JSON.stringify(problems, undefined, 1));
    });
  }

  it('are refused all at once', () => {
    const change = {
      loki: [{ ...loki, resources: { memoryLimit: '128Mi' } }],
      gitea: [gitea],
      apps: [{ ...app, image: 'agent' }],
    };
    assert.deepEqual(
      problemsIn(bareShelf(change)).map((problem) => problem.path),
      ['larder:gitea[0].database', 'larder:loki[0].resources.memoryLimit', 'larder:apps[0].image'],
    );
  });

  it('let readers of a dataset run on any node where the tier can', () => {
    const shared = { ...dataset, node: undefined, tier: 'shared' };
    const [plan] = shelfOf(bareShelf({ tiers, datasets: [shared] })).datasets;
    assert.equal(plan?.volume.accessMode, 'ReadWriteMany');
    const [local] = shelfOf(bareShelf({ tiers, datasets: [dataset] })).datasets;
    assert.equal(local?.volume.accessMode, 'ReadWriteOnce');
  });

  it('run where their volumes are', () => {
    const change = {
      volumes: [{ ...volume, namespace: 'agents' }],
      apps: [{ ...app, volumes: [{ volume: 'data', path: '/data' }] }],
    };
    assert.equal(shelfOf(bareShelf(change)).appPlans[0]?.namespace, 'agents');
  });
});
