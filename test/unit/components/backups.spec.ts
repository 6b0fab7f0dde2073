import assert from 'node:assert/strict';
import { coverageOf, describeCoverage } from '../../../components/rules/copies.ts';
import { clearSecretProblems, isSecretKey } from '../../../components/rules/secrets.ts';
import { bareShelf, problemsIn, type Raw, shelfOf } from './support.ts';

const secrets = { key: 'k', secret: 's', password: 'p' };
const nodes = [
  { name: 'kube01', disks: [{ mount: '/mnt/nvme' }, { mount: '/mnt/second' }] },
  {
    name: 'kube02',
    disks: [{ mount: '/mnt/nvme' }, { mount: '/mnt/usb', kind: 'usb', uuid: '6d2b-44f1' }],
  },
];
const s3 = {
  name: 'offsite',
  kind: 's3',
  endpoint: 'https://s3.example.org',
  bucket: 'home',
  accessKey: 'key',
  secretKey: 'secret',
  password: 'password',
  offSite: true,
};
const drive = { name: 'drive', kind: 'drive', node: 'kube02', disk: 'usb', password: 'password' };
const volume = { name: 'photos', size: '10Gi', node: 'kube01', disk: 'nvme' };
const database = { name: 'main', size: '5Gi', node: 'kube01', disk: 'nvme' };
const ground = { nodes, secrets, backupTargets: [s3] };

const refusals: readonly { when: string; change: Raw; path: string; found: RegExp }[] = [
  {
    when: 'a key of a target is no secret of the stack',
    change: { ...ground, secrets: { key: 'k', secret: 's' } },
    path: 'larder:backupTargets[0].password',
    found: /^password, which is no secret$/,
  },
  {
    when: 'the disk of a drive is not in the inventory',
    change: { ...ground, backupTargets: [{ ...drive, disk: 'tape' }] },
    path: 'larder:backupTargets[0].disk',
    found: /^kube02\/tape, which is no mounted disk/,
  },
  {
    when: 'two targets have one name',
    change: { ...ground, backupTargets: [s3, s3] },
    path: 'larder:backupTargets[1].name',
    found: /^offsite, which/,
  },
  {
    when: 'the schedule names a target that is not there',
    change: { ...ground, backupSchedule: { target: 'moon' } },
    path: 'larder:backupSchedule.target',
    found: /^moon, which is no target$/,
  },
  {
    when: 'the datastore of k3s is on no node',
    change: { ...ground, backupSchedule: { k3s: { datastore: 'etcd' } } },
    path: 'larder:backupSchedule.k3s',
    found: /^no node with the role server$/,
  },
  {
    when: 'the datastore of k3s has nowhere to go',
    change: {
      nodes: nodes.map((node) => ({ ...node, roles: ['server'] })),
      backupSchedule: { k3s: { datastore: 'etcd' } },
    },
    path: 'larder:backupSchedule.k3s',
    found: /^no target$/,
  },
  {
    when: 'two servers are said to share a SQLite file',
    change: {
      ...ground,
      nodes: nodes.map((node) => ({ ...node, roles: ['server'] })),
      backupSchedule: { k3s: { datastore: 'sqlite' } },
    },
    path: 'larder:backupSchedule.k3s.datastore',
    found: /^sqlite, and the servers kube01, kube02$/,
  },
  {
    when: 'the scratch tier of drills is not there',
    change: { ...ground, backupSchedule: { scratch: 'local-ssd' } },
    path: 'larder:backupSchedule.scratch',
    found: /^local-ssd, which is no scratch tier$/,
  },
  {
    when: 'a volume names a target that is not there',
    change: { ...ground, volumes: [{ ...volume, backup: { target: 'moon' } }] },
    path: 'larder:volumes[0].backup.target',
    found: /^moon, which is no target$/,
  },
  {
    when: 'fewer than three good backups would be kept',
    change: { ...ground, backupSchedule: { keep: { last: 2 } } },
    path: 'larder:backupSchedule.keep.last',
    found: /^2$/,
  },
  {
    when: 'no job could mount the volume',
    change: { ...ground, volumes: [{ ...volume, accessMode: 'ReadWriteOncePod' }] },
    path: 'larder:volumes[0].backup',
    found: /one pod alone may mount/,
  },
  {
    when: 'the backup would lie on the disk of the volume',
    change: {
      ...ground,
      backupTargets: [drive],
      volumes: [{ ...volume, node: 'kube02', disk: 'usb' }],
    },
    path: 'larder:volumes[0].backup',
    found: /the disk of the volume itself$/,
  },
  {
    when: 'the backup would lie inside the node of the volume',
    change: {
      ...ground,
      backupTargets: [{ ...drive, node: 'kube01', disk: 'second' }],
      volumes: [volume],
    },
    path: 'larder:volumes[0].backup',
    found: /inside the node of the volume$/,
  },
  {
    when: 'a volume expects another reclaim policy than its tier has',
    change: { nodes, volumes: [{ ...volume, reclaim: 'Delete' }] },
    path: 'larder:volumes[0].reclaim',
    found: /^Delete, on the tier local-ssd whose policy is Retain$/,
  },
  {
    when: 'a folder is to be adopted where a provisioner chooses the place',
    change: { nodes, volumes: [{ name: 'photos', size: '1Gi', tier: 'local', adopt: 'photos' }] },
    path: 'larder:volumes[0].adopt',
    found: /^photos, on the tier local/,
  },
  {
    when: 'an adopted folder leaves the disk',
    change: { nodes, volumes: [{ ...volume, adopt: '../etc' }] },
    path: 'larder:volumes[0].adopt',
    found: /^"\.\.\/etc"$/,
  },
  {
    when: 'a restore has no backup to come from',
    change: { nodes, volumes: [{ ...volume, restore: 'latest' }] },
    path: 'larder:volumes[0].restore',
    found: /^latest, and no backup: the stack names no target/,
  },
  {
    when: 'a volume is to come back from the time of a dump',
    change: { ...ground, volumes: [{ ...volume, restore: '20261121T031500Z' }] },
    path: 'larder:volumes[0].restore',
    found: /the time of a dump$/,
  },
  {
    when: 'a database is to come back and has no dumps',
    change: {
      ...ground,
      postgres: [{ ...database, restore: 'latest', dumps: { skip: 'a playground of mine' } }],
    },
    path: 'larder:postgres[0].restore',
    found: /^latest, and no dumps$/,
  },
  {
    when: 'a database is to come back from the id of a backup',
    change: { ...ground, postgres: [{ ...database, restore: '0123abcd' }] },
    path: 'larder:postgres[0].restore',
    found: /^0123abcd, no time of a dump$/,
  },
];

describe('backups', () => {
  for (const { when, change, path, found } of refusals) {
    it(`are refused, with what to do, when ${when}`, () => {
      const problems = problemsIn(bareShelf(change));
      const [problem] = problems;
      assert.equal(problems.length, 1, JSON.stringify(problems, undefined, 1));
      assert.equal(problem?.path, path);
      assert.match(problem.found, found);
      assert.ok(problem.allowed.length > 0 && problem.todo.length > 0);
    });
  }

  it('go to an external drive of the same node', () => {
    const change = {
      ...ground,
      backupTargets: [drive],
      volumes: [{ ...volume, node: 'kube02', disk: 'nvme' }],
    };
    assert.deepEqual(problemsIn(bareShelf(change)), []);
  });

  it('go to the first target unless somebody names another', () => {
    const change = {
      ...ground,
      backupTargets: [s3, drive],
      volumes: [volume, { ...volume, name: 'scans', backup: { target: 'drive' } }],
    };
    const names = (raw: Raw) =>
      shelfOf(bareShelf(raw)).volumes.map(({ backup }) =>
        'target' in backup ? backup.target.name : backup.skip,
      );
    assert.deepEqual(names(change), ['offsite', 'drive']);
    assert.deepEqual(names({ ...change, backupSchedule: { target: 'drive' } }), ['drive', 'drive']);
  });

  it('are watched by name, with everything else that copies', () => {
    const change = {
      ...ground,
      nodes: nodes.map((node, index) => ({ ...node, roles: [index === 0 ? 'server' : 'worker'] })),
      volumes: [volume, { ...volume, name: 'scans', backup: { skip: 'made again from paper' } }],
      postgres: [{ ...database, dumps: { skip: 'a playground of mine' } }],
      datasets: [
        { name: 'vectors', size: '1Gi', node: 'kube01', disk: 'nvme', writer: { image: 'a/b:1' } },
      ],
      backupSchedule: { k3s: { datastore: 'sqlite' } },
    };
    assert.deepEqual(shelfOf(bareShelf(change)).monitoring.watched.backups, [
      'backup-photos',
      'drill-photos',
      'backup-dataset-vectors',
      'drill-dataset-vectors',
      'backup-k3s-kube01',
      'drill-k3s-kube01',
      'dataset-vectors-writer',
    ]);
  });

  it('show no secret of a wrong form', () => {
    const [problem] = problemsIn(bareShelf({ nodes, secrets: { key: 7_654_321 } }));
    assert.equal(problem?.path, 'larder:secrets.key');
    assert.doesNotMatch(JSON.stringify(problem), /7654321/);
  });

  it('are counted as copies, media, places and proofs', () => {
    const describe = (change: Raw) => {
      const shelf = shelfOf(bareShelf(change));
      const [first] = shelf.volumes;
      assert.ok(first);
      return describeCoverage(coverageOf(first, shelf, shelf));
    };
    assert.match(
      describe({ ...ground, volumes: [volume] }),
      /^2 of 3 copies, 2 of 2 media, 1 of 1 off-site, 0 of 1 immutable; at most 24 h of work lost/,
    );
    assert.match(
      describe({ ...ground, backupTargets: [], volumes: [volume] }),
      /^1 of 3 copies, 1 of 2 media, .*; no backup: the stack names no target/,
    );
    assert.match(
      describe({ ...ground, postgres: [{ ...database, dumps: { skip: 'nothing of worth' } }] }),
      /^1 of 3 copies, .* no backup: no dumps: nothing of worth/,
    );
    const inside = { ...drive, node: 'kube02', disk: 'nvme' };
    assert.match(
      describe({ ...ground, backupTargets: [inside], volumes: [volume] }),
      /^2 of 3 copies, 1 of 2 media/,
      'a second disk in the cluster is no second kind of media',
    );
  });
});

describe('secrets of a stack file', () => {
  it('are refused in clear, by name alone', () => {
    const [problem] = clearSecretProblems({ token: 'hunter2' }, false);
    assert.match(problem?.found ?? '', /^token, in clear$/);
    assert.doesNotMatch(JSON.stringify(problem), /hunter2/);
    assert.deepEqual(clearSecretProblems({ token: 'hunter2' }, true), []);
    assert.deepEqual(clearSecretProblems({}, false), []);
  });

  it('are known as encrypted by what the engine tells its language hosts', () => {
    const env = { PULUMI_CONFIG_SECRET_KEYS: '["larder:secrets"]' };
    assert.equal(isSecretKey('larder:secrets', env), true);
    assert.equal(isSecretKey('larder:nodes', env), false);
    assert.equal(isSecretKey('larder:secrets', {}), false);
  });
});
