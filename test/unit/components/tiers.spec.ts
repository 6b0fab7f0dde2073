import assert from 'node:assert/strict';
import { placeOf } from '../../../components/rules/edits.ts';
import { bareShelf, problemsIn, type Raw, shelfOf } from './support.ts';

/** A stack whose default tier is there already, so that each case is about its own tier alone. */
const withTier = (tier: Raw, change: Raw = {}): Raw =>
  bareShelf({ tiers: [{ name: 'local', engine: 'local-path', default: true }, tier], ...change });

/** Three nodes with a raw device each, as large as one likes. */
const rack = (node: Raw = {}): Raw => ({
  nodes: ['rack01', 'rack02', 'rack03'].map((name) => ({
    name,
    disks: [
      { mount: '/mnt/ssd' },
      { device: '/dev/disk/by-id/nvme-a', name: 'raw', kind: 'nvme', capacity: '1Ti' },
    ],
    ...node,
  })),
});
const strong = { cores: 8, memory: '32Gi', architecture: 'amd64' };

interface Refusal {
  readonly when: string;
  readonly raw: Raw;
  readonly path: string;
  readonly found: RegExp;
  readonly allowed: RegExp;
  readonly todo: RegExp;
}

const refusals: readonly Refusal[] = [
  {
    when: 'no tier is the default',
    raw: bareShelf({
      tiers: [
        { name: 'fast', engine: 'static' },
        { name: 'any', engine: 'local-path' },
      ],
    }),
    path: 'larder:tiers',
    found: /^no default tier among fast, any$/,
    allowed: /exactly one/,
    todo: /write `default: true` in one/,
  },
  {
    when: 'two tiers are the default',
    raw: withTier({ name: 'other', engine: 'local-path', default: true }),
    path: 'larder:tiers',
    found: /^2 default tiers: local, other$/,
    allowed: /exactly one/,
    todo: /keep it on the tier/,
  },
  {
    when: 'the default tier has no class',
    raw: bareShelf({ tiers: [{ name: 'fast', engine: 'static', default: true, class: false }] }),
    path: 'larder:tiers[0].class',
    found: /^fast, the default tier, without a StorageClass$/,
    allowed: /with a class/,
    todo: /`class: true`/,
  },
  {
    when: 'there are more copies than nodes that carry them',
    raw: withTier({ name: 'safe', engine: 'longhorn', copies: 4 }),
    path: 'larder:tiers[1].copies',
    found: /^4 copies, and kube01, kube02, kube03 with a disk that serves safe$/,
    allowed: /at most .*: 3$/,
    todo: /4 copies need 4 nodes, survive 3 failures and take 4 times the space/,
  },
  {
    when: 'copies shall be on devices that no node has',
    raw: withTier({ name: 'ceph', engine: 'mayastor', copies: 2 }),
    path: 'larder:tiers[1].copies',
    found: /2 copies, and no node with a device/,
    allowed: /: 0$/,
    todo: /fewer copies/,
  },
  {
    when: 'a disk serves a tier that is not there',
    raw: bareShelf({ nodes: [{ name: 'a', disks: [{ mount: '/mnt/a', tiers: ['fast'] }] }] }),
    path: 'larder:nodes[0].disks (a).tiers',
    found: /^fast, which is no tier$/,
    allowed: /local-ssd, local or scratch/,
    todo: /under larder:tiers/,
  },
  {
    when: 'a disk serves a tier that keeps nothing on disks',
    raw: withTier(
      { name: 'nas', engine: 'nfs', server: '10.0.0.9', share: '/tank' },
      { nodes: [{ name: 'a', disks: [{ mount: '/mnt/a', tiers: ['nas'] }] }] },
    ),
    path: 'larder:nodes[0].disks (a).tiers',
    found: /nas, whose engine nfs keeps nothing on mounted disks/,
    allowed: /^local$/,
    todo: /keep their data on disks/,
  },
  {
    when: 'the provisioner of k3s is given disks',
    raw: withTier({ name: 'k', engine: 'local-path', provisioner: 'k3s', disks: ['nvme'] }),
    path: 'larder:tiers[1].disks',
    found: /nvme, with the provisioner of k3s/,
    allowed: /--default-local-storage-path/,
    todo: /provisioner: larder/,
  },
  {
    when: 'the disks of an OpenEBS tier are at different paths',
    raw: withTier(
      { name: 'fast', engine: 'openebs-hostpath' },
      {
        nodes: [
          { name: 'a', disks: [{ mount: '/mnt/a' }] },
          { name: 'b', disks: [{ mount: '/mnt/b' }] },
        ],
      },
    ),
    path: 'larder:tiers[1].path',
    found: /its disks at \/mnt\/a and \/mnt\/b/,
    allowed: /the same on every node/,
    todo: /under `path:`/,
  },
  {
    when: 'an NFS tier names no folder',
    raw: withTier({ name: 'nas', engine: 'nfs', server: '10.0.0.9' }),
    path: 'larder:tiers[1].share',
    found: /neither/,
    allowed: /exported folder/,
    todo: /share: /,
  },
  {
    when: 'an NFS tier names its folder twice',
    raw: withTier({
      name: 'nas',
      engine: 'nfs',
      server: '10.0.0.9',
      share: '/tank',
      truenas: { pool: 'tank' },
    }),
    path: 'larder:tiers[1].share',
    found: /both/,
    allowed: /exported folder/,
    todo: /one of the two/,
  },
  {
    when: 'a strictly local Longhorn tier wants two copies',
    raw: withTier({ name: 'safe', engine: 'longhorn', dataLocality: 'strict-local' }),
    path: 'larder:tiers[1].dataLocality',
    found: /strict-local with 2 copies/,
    allowed: /disabled or best-effort/,
    todo: /copies: 1/,
  },
  {
    when: 'it has the name that Longhorn takes itself',
    raw: withTier({ name: 'longhorn', engine: 'longhorn' }),
    path: 'larder:tiers[1].name',
    found: /class that Longhorn makes and keeps itself/,
    allowed: /a name of your own/,
    todo: /replicated/,
  },
  {
    when: 'our own data plane has no image',
    raw: withTier({ name: 'safe', engine: 'larder' }),
    path: 'larder:images.dataplane',
    found: /nothing, and the tier safe runs Larder's own data plane/,
    allowed: /with a digest/,
    todo: /registry\.home/,
  },
  {
    when: 'copies shall be on circuits that nobody named',
    raw: withTier({ name: 'safe', engine: 'longhorn', spread: 'circuit' }),
    path: 'larder:tiers[1].spread',
    found: /circuit, and kube01, kube02, kube03 without `domains: \{ circuit: … \}`/,
    allowed: /a circuit for each node/,
    todo: /`spread: node`/,
  },
  {
    when: 'there are fewer circuits than copies',
    raw: withTier(
      { name: 'safe', engine: 'longhorn', spread: 'circuit' },
      {
        nodes: ['a', 'b'].map((name) => ({
          name,
          domains: { circuit: 'hall' },
          disks: [{ mount: '/mnt/a' }],
        })),
      },
    ),
    path: 'larder:tiers[1].spread',
    found: /2 copies, each on another circuit, and only hall/,
    allowed: /: 1$/,
    todo: /one failure takes several/,
  },
  {
    when: 'two tiers of an engine spread over different things',
    raw: bareShelf({
      nodes: ['a', 'b'].map((name) => ({
        name,
        domains: { circuit: name, switch: name },
        disks: [{ mount: '/mnt/a' }],
      })),
      tiers: ['circuit', 'switch'].map((spread, index) => ({
        name: spread,
        engine: 'longhorn',
        spread,
        default: index === 0,
      })),
    }),
    path: 'larder:tiers[1].spread',
    found: /switch, and circuit says circuit/,
    allowed: /one kind of domain for all tiers of longhorn/,
    todo: /choose one/,
  },
  {
    when: 'Mayastor shall run on boards',
    raw: withTier(
      { name: 'm', engine: 'mayastor' },
      rack({ ...strong, architecture: 'arm64', cores: 8 }),
    ),
    path: 'larder:tiers[1].engine',
    found: /mayastor on rack01, which is arm64/,
    allowed: /amd64 with SSE4.2/,
    todo: /`engine: longhorn` or `engine: larder`/,
  },
  {
    when: 'a node is too small for Ceph',
    raw: withTier({ name: 'c', engine: 'rook-ceph' }, rack({ ...strong, memory: '8Gi' })),
    path: 'larder:tiers[1].engine',
    found: /rook-ceph on rack01, which has 8 cores and 8Gi of memory/,
    allowed: /^4 cores and 10Gi: .*4Gi a disk × 1 \+ 1Gi monitor \+ 1Gi manager \+ 4Gi/,
    todo: /`engine: longhorn`/,
  },
  {
    when: 'nothing is said of the size of a node that Ceph shall use',
    raw: withTier({ name: 'c', engine: 'rook-ceph' }, rack()),
    path: 'larder:tiers[1].engine',
    found: /an unknown number of cores and memory of unknown size/,
    allowed: /4 cores/,
    todo: /give `cores` and `memory`/,
  },
];

describe('tier', () => {
  for (const { when, raw, path, found, allowed, todo } of refusals) {
    it(`is refused when ${when}`, () => {
      const problems = problemsIn(raw);
      const first = problems.find((problem) => problem.path === path);
      assert.ok(first, JSON.stringify(problems, undefined, 1));
      assert.match(first.found, found);
      assert.match(first.allowed, allowed);
      assert.match(first.todo, todo);
    });
  }

  for (const [word, ended, instead] of [
    ['cstor', /archived upstream/, /openebs-hostpath/],
    ['openebs-jiva', /Longhorn is its living relative/, /`engine: longhorn`/],
    ['MinIO', /object store and no tier/, /Garage, SeaweedFS/],
  ] as const) {
    it(`is refused with what took its place when its engine is ${word}`, () => {
      const [problem] = problemsIn(withTier({ name: 'old', engine: word }));
      assert.equal(problem?.path, 'larder:tiers[1].engine');
      assert.match(problem?.found ?? '', ended);
      assert.match(problem?.todo ?? '', instead);
    });
  }

  it('asks for its engine when it names none', () => {
    const [problem] = problemsIn(withTier({ name: 'old' }));
    assert.equal(problem?.found, 'nothing');
    assert.equal(problem?.todo, 'add `engine:`');
  });

  it('tells the keys of its own engine when one is misspelt', () => {
    const [problem] = problemsIn(withTier({ name: 'safe', engine: 'longhorn', copys: 2 }));
    assert.equal(problem?.todo, 'did you mean copies?');
    assert.doesNotMatch(problem?.allowed ?? '', /truenas/);
  });

  it('is carried by machines that are large enough', () => {
    const tiers = [
      { name: 'c', engine: 'rook-ceph', default: true },
      { name: 'm', engine: 'mayastor' },
    ];
    assert.deepEqual(problemsIn(bareShelf({ ...rack(strong), tiers })), []);
  });

  it('is served by the disks that say so, that it names, or that are no SD cards', () => {
    const nodes = [
      {
        name: 'a',
        disks: [
          { mount: '/mnt/nvme', kind: 'nvme' },
          { mount: '/mnt/card', kind: 'sd' },
          { mount: '/mnt/media', kind: 'hdd', tiers: ['media'] },
        ],
      },
    ];
    const tiers = [
      { name: 'local', engine: 'local-path', default: true },
      { name: 'cards', engine: 'static', media: ['sd'] },
      { name: 'named', engine: 'static', disks: ['nvme', 'card'] },
      { name: 'media', engine: 'static' },
    ];
    const served = Object.fromEntries(
      shelfOf(bareShelf({ nodes, tiers })).tiers.map((tier) => [
        tier.name,
        tier.disks.map((disk) => disk.name).join(' '),
      ]),
    );
    assert.deepEqual(served, {
      local: 'nvme',
      cards: 'card',
      named: 'nvme card',
      media: 'nvme media',
    });
  });

  it('says in words what copies on different circuits survive', () => {
    const nodes = ['a', 'b'].map((name) => ({
      name,
      domains: { shelf: name },
      disks: [{ mount: '/mnt/a' }],
    }));
    const tiers = [{ name: 'safe', engine: 'longhorn', spread: 'shelf', default: true }];
    assert.match(
      shelfOf(bareShelf({ nodes, tiers })).tiers[0]?.promise ?? '',
      /^2 copies on different shelves: survives any one shelf, node or disk, takes 2 times/,
    );
  });

  it('says in words what survives and what it costs', () => {
    const tiers = [
      { name: 'two', engine: 'longhorn', default: true },
      { name: 'three', engine: 'larder', copies: 3, reclaim: 'Delete' },
      { name: 'nas', engine: 'nfs', server: 'nas.home', share: '/tank', expand: false },
      { name: 'pinned', engine: 'static', class: false },
    ];
    const images = { dataplane: 'registry.home/larder:1' };
    const [two, three, nas, pinned] = shelfOf(bareShelf({ tiers, images })).tiers.map(
      (tier) => tier.promise,
    );
    assert.match(two ?? '', /2 copies .* survives any one node or disk, takes 2 times the space/);
    assert.match(two ?? '', /Kept when the claim is deleted\. Grows in place\.$/);
    assert.match(three ?? '', /survives any 2 nodes or disks, takes 3 times/);
    assert.match(three ?? '', /on the disks of all copies .* Deleted with its claim\./);
    assert.match(nas ?? '', /server nas\.home.*Does not grow\. Has no quota.*Not for databases\.$/);
    assert.match(pinned ?? '', /Does not grow\./);
  });
});

describe('folder of a server', () => {
  const nas = { name: 'nas', engine: 'nfs', server: 'nas.home', truenas: { pool: 'tank' } };
  const volume = { name: 'media', size: '1Ti', tier: 'nas', accessMode: 'ReadWriteMany' };
  const media = (change: Raw) => {
    const raw = withTier(nas, { volumes: [{ ...volume, ...change }] });
    return shelfOf(raw).volumes[0];
  };

  it('becomes a volume at the place that later edits are held against', () => {
    const adopted = media({ adopt: 'films' });
    assert.equal(adopted && placeOf(adopted), 'nas.home:/mnt/tank/k8s/films');
    const made = media({});
    assert.equal(made && placeOf(made), undefined);
  });
});
