import assert from 'node:assert/strict';
import { placeOf } from '../../../../components/rules/edits.ts';
import { bareShelf, problemsIn, type Raw, shelfOf } from '../support.ts';

describe('shelf', () => {
  const database = (change: Raw = {}) => ({ name: 'main', size: '1Gi', node: 'kube01', ...change });

  interface Case {
    readonly when: string;
    readonly raw: Raw;
    readonly path: string;
    readonly found: RegExp;
    readonly todo: RegExp;
  }
  const cases: readonly Case[] = [
    {
      when: 'two nodes have one name',
      raw: bareShelf({ nodes: [{ name: 'kube01' }, { name: 'kube01' }] }),
      path: 'larder:nodes[1].name',
      found: /^kube01, which larder:nodes\[0\]\.name is already$/,
      todo: /another name/,
    },
    {
      when: 'two disks of a node are mounted at one path',
      raw: bareShelf({
        nodes: [{ name: 'kube01', disks: [{ mount: '/mnt/a' }, { mount: '/mnt/a', name: 'b' }] }],
      }),
      path: 'larder:nodes[0].disks[1].mount',
      found: /^\/mnt\/a, which/,
      todo: /another name, or remove it/,
    },
    {
      when: 'two disks of a node have one name',
      raw: bareShelf({
        nodes: [{ name: 'kube01', disks: [{ mount: '/mnt/a' }, { mount: '/srv/a' }] }],
      }),
      path: 'larder:nodes[0].disks[1].name',
      found: /^a, which larder:nodes\[0\]\.disks\[0\]\.name is already$/,
      todo: /another name/,
    },
    {
      when: 'a mount path is not absolute',
      raw: bareShelf({ nodes: [{ name: 'kube01', disks: [{ mount: 'mnt/nvme' }] }] }),
      path: 'larder:nodes[0].disks[0].mount',
      found: /not absolute/,
      todo: /write \/mnt\/nvme/,
    },
    {
      when: 'two tiers are the default',
      raw: bareShelf({
        tiers: ['a', 'b'].map((name) => ({ name, engine: 'static', default: true })),
      }),
      path: 'larder:tiers',
      found: /2 default tiers: a, b/,
      todo: /keep it on the tier/,
    },
    {
      when: 'two tiers have one name',
      raw: bareShelf({
        tiers: [true, false].map((isDefault) => ({
          name: 'a',
          engine: 'static',
          default: isDefault,
        })),
      }),
      path: 'larder:tiers[1].name',
      found: /^a, which larder:tiers\[0\]\.name is already$/,
      todo: /another name/,
    },
    {
      when: 'a tier names a disk that is not there',
      raw: bareShelf({ tiers: [{ name: 'a', engine: 'static', default: true, disks: ['sata'] }] }),
      path: 'larder:tiers[0].disks',
      found: /^sata, which is no mounted disk/,
      todo: /name a mounted disk/,
    },
    {
      when: 'a volume is on an unknown node',
      raw: bareShelf({ volumes: [{ name: 'git', size: '1Gi', node: 'kube09' }] }),
      path: 'larder:volumes[0].node',
      found: /^kube09$/,
      todo: /choose one of them, or add the node/,
    },
    {
      when: 'a volume is on an unknown tier',
      raw: bareShelf({ volumes: [{ name: 'git', size: '1Gi', tier: 'fast' }] }),
      path: 'larder:volumes[0].tier',
      found: /^fast$/,
      todo: /declare the tier/,
    },
    {
      when: 'several nodes could hold a volume and none is named',
      raw: bareShelf({ volumes: [{ name: 'git', size: '1Gi' }] }),
      path: 'larder:volumes[0]',
      found: /kube01\/nvme, kube02\/nvme, kube03\/nvme/,
      todo: /add `node:`/,
    },
    {
      when: 'a node is named for a volume that its tier places',
      raw: bareShelf({ volumes: [{ name: 'git', size: '1Gi', tier: 'local', node: 'kube01' }] }),
      path: 'larder:volumes[0].node',
      found: /^kube01$/,
      todo: /choose a static tier/,
    },
    {
      when: 'a volume has size 0',
      raw: bareShelf({ volumes: [{ name: 'git', size: '0Gi', node: 'kube01' }] }),
      path: 'larder:volumes[0].size',
      found: /^0$/,
      todo: /it can grow later/,
    },
    {
      when: 'a volume and a database want one claim',
      raw: bareShelf({
        volumes: [{ name: 'postgres-main', size: '1Gi', node: 'kube01' }],
        postgres: [database()],
      }),
      path: 'larder:postgres[0].name',
      found: /the claim postgres-main, which larder:volumes\[0\] has already/,
      todo: /another name/,
    },
    {
      when: 'more is promised than a disk holds',
      raw: bareShelf({
        nodes: [
          { name: 'kube01', disks: [{ mount: '/mnt/nvme', capacity: '10Gi' }] },
          { name: 'kube02', disks: [{ mount: '/mnt/nvme' }] },
        ],
        volumes: [{ name: 'git', size: '8Gi', node: 'kube01' }],
        postgres: [database({ size: '3Gi' })],
      }),
      path: 'larder:volumes, larder:postgres',
      found: /^11Gi promised on kube01\/nvme: git 8Gi, postgres-main 3Gi$/,
      todo: /smaller before it exists/,
    },
    {
      when: 'a volume is put into a namespace of the system',
      raw: bareShelf({
        volumes: [{ name: 'git', size: '1Gi', node: 'kube01', namespace: 'kube-system' }],
      }),
      path: 'larder:volumes[0].namespace',
      found: /^kube-system/,
      todo: /name another one/,
    },
    {
      when: 'many nodes want to write a volume that lives on one',
      raw: bareShelf({
        volumes: [{ name: 'git', size: '1Gi', node: 'kube01', accessMode: 'ReadWriteMany' }],
      }),
      path: 'larder:volumes[0].accessMode',
      found: /^ReadWriteMany$/,
      todo: /need a shared tier/,
    },
    {
      when: 'a database is on an SD card',
      raw: bareShelf({
        nodes: [
          { name: 'kube01', disks: [{ mount: '/mnt/card', kind: 'sd' }] },
          { name: 'kube02', disks: [{ mount: '/mnt/nvme' }] },
        ],
        postgres: [database({ disk: 'card' })],
      }),
      path: 'larder:postgres[0].disk',
      found: /^kube01\/card, an SD card$/,
      todo: /SD cards wear out/,
    },
    {
      when: 'a database is on a scratch tier',
      raw: bareShelf({
        postgres: [{ name: 'main', size: '1Gi', tier: 'scratch', dumps: { node: 'kube02' } }],
      }),
      path: 'larder:postgres[0].tier',
      found: /scratch/,
      todo: /choose a tier on disks/,
    },
    {
      when: 'dumps lie on the node of their database',
      raw: bareShelf({ postgres: [database({ dumps: { node: 'kube01' } })] }),
      path: 'larder:postgres[0].dumps',
      found: /beside the database on kube01\/nvme/,
      todo: /another node/,
    },
    {
      when: 'fewer than three dumps are kept',
      raw: bareShelf({ postgres: [database({ dumps: { keep: 2 } })] }),
      path: 'larder:postgres[0].dumps.keep',
      found: /^2$/,
      todo: /one bad night/,
    },
    {
      when: 'fewer than three dumps are kept by default',
      raw: bareShelf({ backup: { keep: 1 }, postgres: [database()] }),
      path: 'larder:postgres[0].dumps.keep',
      found: /^1$/,
      todo: /at least 3/,
    },
    {
      when: 'dumps go to a disk that is not there',
      raw: bareShelf({ backup: { node: 'nas' }, postgres: [database()] }),
      path: 'larder:backup',
      found: /^nas, which is no disk of the inventory$/,
      todo: /skip: <reason>/,
    },
    {
      when: 'there is no other node for the dumps',
      raw: {
        cluster: { context: 'home' },
        nodes: [{ name: 'kube01', disks: [{ mount: '/mnt/nvme' }] }],
        postgres: [{ name: 'main', size: '1Gi' }],
      },
      path: 'larder:postgres[0].dumps',
      found: /no disk on another node/,
      todo: /external drive/,
    },
    {
      when: 'the image of a database names no version',
      raw: bareShelf({ postgres: [database({ image: 'postgres:latest' })] }),
      path: 'larder:postgres[0].image',
      found: /^postgres:latest$/,
      todo: /name the version/,
    },
  ];
  for (const { when, raw, path, found, todo } of cases) {
    it(`is refused when ${when}`, () => {
      const problems = problemsIn(raw);
      assert.deepEqual(
        problems.map((problem) => problem.path),
        [path],
        JSON.stringify(problems),
      );
      assert.match(problems[0]?.found ?? '', found);
      assert.match(problems[0]?.todo ?? '', todo);
    });
  }

  for (const mount of [
    '/',
    '/etc',
    '/usr',
    '/var',
    '/boot',
    '/proc',
    '/proc/1',
    '/home',
    '/var/lib',
    '/dev/shm',
    '/root',
    '/var/lib/kubelet/x',
    '/mnt/../etc',
    '/mnt//a',
    '/mnt/a/',
    '/mnt/a b',
  ]) {
    it(`is refused when a disk is mounted at [${mount}]`, () => {
      const [problem] = problemsIn(
        bareShelf({ nodes: [{ name: 'kube01', disks: [{ name: 'd', mount }] }] }),
      );
      assert.equal(problem?.path, 'larder:nodes[0].disks[0].mount');
    });
  }
  for (const mount of [
    '/mnt/nvme',
    '/data',
    '/srv/disk1',
    '/media/usb',
    '/var/lib/rancher/data',
    '/opt/disk',
  ]) {
    it(`takes a disk mounted at [${mount}]`, () => {
      assert.deepEqual(
        problemsIn(bareShelf({ nodes: [{ name: 'kube01', disks: [{ mount }] }] })),
        [],
      );
    });
  }

  it('derives disk names, tiers, places and dump targets', () => {
    const shelf = shelfOf(bareShelf({ postgres: [database()] }));
    assert.deepEqual(
      shelf.tiers.map((tier) => tier.name),
      ['local-ssd', 'local', 'scratch'],
    );
    const [main] = shelf.databases;
    assert.ok(main !== undefined && !('skip' in main.dumps));
    assert.equal(placeOf(main.volume), 'kube01:/mnt/nvme/larder/volumes/postgres-main');
    assert.equal(main.dumps.disk.node, 'kube02');
    assert.equal(main.dumps.keep, 7);
  });

  it('takes the only disk that can hold a volume without being told', () => {
    const shelf = shelfOf({
      cluster: { context: 'home' },
      nodes: [
        { name: 'kube01', disks: [{ mount: '/mnt/nvme' }, { mount: '/mnt/card', kind: 'sd' }] },
      ],
      volumes: [{ name: 'git', size: '1Gi' }],
    });
    assert.equal(shelf.volumes[0]?.disk?.name, 'nvme');
  });

  it('lets dumps lie on an external drive of the same node when its identity is known', () => {
    const nodes = (uuid: string | undefined) => [
      {
        name: 'kube01',
        disks: [
          { mount: '/mnt/nvme' },
          { mount: '/media/usb', kind: 'usb', ...(uuid === undefined ? {} : { uuid }) },
        ],
      },
    ];
    const raw = (uuid: string | undefined) => ({
      cluster: { context: 'home' },
      nodes: nodes(uuid),
      postgres: [
        { name: 'main', size: '1Gi', disk: 'nvme', dumps: { node: 'kube01', disk: 'usb' } },
      ],
    });
    assert.deepEqual(problemsIn(raw('6d2b-44f1')), []);
    assert.equal(problemsIn(raw(undefined))[0]?.path, 'larder:postgres[0].dumps');
  });
});
