/** Policies about backups: that there are any, where they go, how many stay, who can read them. */
import { deepEqual } from 'node:assert/strict';
import type { GivenResource } from '../../../policies/model/declared.ts';
import { hostOf } from '../../../policies/model/backup-target.ts';
import { UNKNOWN } from '../../../policies/model/value.ts';
import { World } from '../../../policies/model/world.ts';
import { backupEncrypted } from '../../../policies/rules/backup-encrypted.ts';
import { backupRetention } from '../../../policies/rules/backup-retention.ts';
import { backupTargetElsewhere } from '../../../policies/rules/backup-target-elsewhere.ts';
import { volumeHasBackup } from '../../../policies/rules/volume-has-backup.ts';
import { volumesProtected } from '../../../policies/rules/volumes-protected.ts';
import { describePolicy } from './support/cases.ts';
import { given, type Inputs, object } from './support/given.ts';
import { app, claim, storageClass } from './support/shapes.ts';

const server = app({ image: 'postgres:16', mountPath: '/var/lib/postgresql/data' });
const job = (spec: Inputs) =>
  object('longhorn.io/v1beta2:RecurringJob', 'longhorn-system/nightly', {
    spec: { task: 'backup', retain: 7, groups: ['default'], ...spec },
  });
const source = (spec: Inputs, path = 'apps/nightly') =>
  object('volsync.backube/v1alpha1:ReplicationSource', path, { spec });
const k8up = (spec: Inputs, path = 'apps/nightly') => object('k8up.io/v1:Schedule', path, { spec });
const velero = (template: Inputs) =>
  object('velero.io/v1:Schedule', 'velero/nightly', { spec: { template } });
const cron = (name: string, container: Inputs, volumes: readonly Inputs[] = []) =>
  object('batch/v1:CronJob', name, {
    spec: {
      jobTemplate: {
        spec: { template: { spec: { containers: [{ name: 'x', ...container }], volumes } } },
      },
    },
  });
const mounted = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
const cluster = (spec: Inputs) =>
  object('postgresql.cnpg.io/v1:Cluster', 'apps/db', {
    spec: { storage: { storageClass: 'local-path' }, ...spec },
  });
const covered: readonly string[] = [];
const bare = ['violation spec'];
const files = app({ image: 'jellyfin/web:10' });
const labelled = (labels: Inputs) =>
  object('core/v1:PersistentVolumeClaim', 'apps/data', {
    metadata: { labels },
    spec: { storageClassName: 'longhorn' },
  });

describePolicy(volumeHasBackup, [
  ['nothing backs up a database', [server, claim('longhorn')], bare],
  ['nothing backs up an application', [files, claim('longhorn')], ['advice spec']],
  [
    'nothing backs up a SQLite file',
    [app({ image: 'vaultwarden/server:1' }), claim('longhorn')],
    bare,
  ],
  ['the claim may be lost', [files, claim('scratch')], covered],
  ['Longhorn backs up its default group', [server, claim('longhorn'), job({})], covered],
  ['Longhorn only makes snapshots', [server, claim('longhorn'), job({ task: 'snapshot' })], bare],
  ['Longhorn backs up another group', [server, claim('longhorn'), job({ groups: ['x'] })], bare],
  ['the volume is not Longhorn’s', [server, claim('local-path'), job({})], bare],
  [
    'the claim is in the group of the job',
    [server, labelled({ 'recurring-job-group.longhorn.io/x': 'enabled' }), job({ groups: ['x'] })],
    covered,
  ],
  [
    'the claim names another job, which takes it out of the default group',
    [server, labelled({ 'recurring-job.longhorn.io/other': 'enabled' }), job({})],
    bare,
  ],
  [
    'the class selects the job',
    [
      server,
      claim('lh'),
      storageClass('lh', 'driver.longhorn.io', {
        recurringJobSelector: '[{"name":"nightly","isGroup":false}]',
      }),
      job({ groups: [] }),
    ],
    covered,
  ],
  ['VolSync copies it', [server, claim('longhorn'), source({ sourcePVC: 'data' })], covered],
  ['VolSync copies another one', [server, claim('longhorn'), source({ sourcePVC: 'x' })], bare],
  [
    'VolSync copies one of that name elsewhere',
    [server, claim('longhorn'), source({ sourcePVC: 'data' }, 'other/nightly')],
    bare,
  ],
  ['k8up backs up the namespace', [server, claim('longhorn'), k8up({ backup: {} })], covered],
  ['k8up only prunes', [server, claim('longhorn'), k8up({ prune: {} })], bare],
  [
    'k8up is told to leave it out',
    [
      server,
      object('core/v1:PersistentVolumeClaim', 'apps/data', {
        metadata: { annotations: { 'k8up.io/backup': 'false' } },
      }),
      k8up({ backup: {} }),
    ],
    bare,
  ],
  ['Velero takes everything', [server, claim('longhorn'), velero({})], covered],
  [
    'Velero takes another namespace',
    [server, claim('longhorn'), velero({ includedNamespaces: ['x'] })],
    bare,
  ],
  [
    'Velero leaves the namespace out',
    [server, claim('longhorn'), velero({ excludedNamespaces: ['apps'] })],
    bare,
  ],
  [
    'Velero takes no volumes',
    [server, claim('longhorn'), velero({ snapshotVolumes: false })],
    bare,
  ],
  [
    'a CronJob dumps the database',
    [
      server,
      claim('longhorn'),
      cron('ops/dump', { command: ['pg_dump'], env: [{ name: 'PGHOST', value: 'app.apps.svc' }] }),
    ],
    covered,
  ],
  [
    'a CronJob dumps the database through its Service',
    [
      server,
      claim('longhorn'),
      object('core/v1:Service', 'apps/db', { spec: { selector: { app: 'app' } } }),
      cron('apps/dump', { args: ['pg_dump -h db x'] }),
    ],
    covered,
  ],
  [
    'a CronJob dumps another database',
    [
      server,
      claim('longhorn'),
      cron('ops/dump', { command: ['pg_dump'], env: [{ name: 'PGHOST', value: 'db.other.svc' }] }),
    ],
    bare,
  ],
  [
    'a CronJob elsewhere dumps something that it does not name',
    [server, claim('longhorn'), cron('ops/dump', { command: ['pg_dump', 'x'] })],
    bare,
  ],
  [
    'what a CronJob elsewhere does is known only after the update',
    [server, claim('longhorn'), cron('ops/dump', { command: UNKNOWN })],
    covered,
  ],
  [
    'a CronJob copies the claim',
    [files, claim('longhorn'), cron('apps/x', { image: 'restic/restic:1' }, mounted)],
    covered,
  ],
  [
    'a CronJob mounts the claim for something else',
    [files, claim('longhorn'), cron('apps/x', { image: 'library/busybox:1' }, mounted)],
    ['advice spec'],
  ],
  ['CloudNativePG has no backup', [cluster({})], ['violation spec.storage']],
  [
    'CloudNativePG archives to a bucket',
    [cluster({ backup: { barmanObjectStore: { destinationPath: 's3://x' } } })],
    covered,
  ],
  [
    'CloudNativePG has a schedule',
    [
      cluster({}),
      object('postgresql.cnpg.io/v1:ScheduledBackup', 'apps/x', {
        spec: { cluster: { name: 'db' } },
      }),
    ],
    covered,
  ],
]);

const target = (backupTargetURL: string) =>
  object('longhorn.io/v1beta2:BackupTarget', 'longhorn-system/default', {
    spec: { backupTargetURL, credentialSecret: 'keys' },
  });
const keys = (endpoint: string) =>
  object('core/v1:Secret', 'longhorn-system/keys', { stringData: { AWS_ENDPOINTS: endpoint } });
const repository = (url: string) => [
  source({ sourcePVC: 'data', restic: { repository: 'repo' } }),
  object('core/v1:Secret', 'apps/repo', {
    data: { RESTIC_REPOSITORY: Buffer.from(url).toString('base64') },
  }),
];
const nas = object('core/v1:Node', 'pi1', {
  status: { addresses: [{ type: 'InternalIP', address: '192.168.1.11' }] },
});
const inside = ['violation spec.backupTargetURL'];

describePolicy(backupTargetElsewhere, [
  ['backups go to a hosted bucket', [target('s3://backups@eu-central-1/')], []],
  ['backups go to a NAS', [target('nfs://nas.home:/backups'), nas], []],
  ['backups go to a node by its address', [target('nfs://192.168.1.11:/x'), nas], inside],
  ['backups go to a node by its name', [target('nfs://pi1.local:/x'), nas], inside],
  ['backups go to a Service', [target('nfs://nfs.storage.svc.cluster.local:/x')], inside],
  [
    'backups go to a host that is ours by configuration',
    [target('nfs://storage.home:/x')],
    inside,
    { ownHosts: ['storage.home'] },
  ],
  [
    'the bucket is served inside',
    [target('s3://b@r/'), keys('http://minio.minio.svc:9000')],
    ['violation AWS_ENDPOINTS'],
  ],
  ['the bucket is served outside', [target('s3://b@r/'), keys('https://s3.example.com')], []],
  [
    'VolSync writes to a Service',
    repository('s3:http://minio.minio.svc:9000/x'),
    ['violation spec.restic.repository'],
  ],
  ['VolSync writes to a provider', repository('s3:https://s3.eu.example.com/x'), []],
  [
    'k8up writes to a Service',
    [k8up({ backend: { s3: { endpoint: 'http://minio.minio.svc:9000' } } })],
    ['violation spec.backend.s3.endpoint'],
  ],
  [
    'the load balancer of the program answers there',
    [
      target('nfs://192.168.1.50:/x'),
      object('core/v1:Service', 'apps/nfs', { spec: { loadBalancerIP: '192.168.1.50' } }),
    ],
    inside,
  ],
  [
    'the state lies inside',
    [given('pulumi:pulumi:Stack', 'shop', {})],
    ['violation backend'],
    { stateBackend: 's3://state?endpoint=minio.minio.svc:9000&region=x' },
  ],
  [
    'the state lies in a folder',
    [given('pulumi:pulumi:Stack', 'shop', {})],
    [],
    { stateBackend: 'file:///srv/state' },
  ],
]);

describe('backup-target-elsewhere, state backend of the process', () => {
  it('answers a violation when the pack is told of a backend inside', () => {
    const stack = given('pulumi:pulumi:Stack', 'shop', {});
    const settings = { classes: {}, stateBackend: 'https://pulumi.apps.svc' };
    const findings = backupTargetElsewhere.check(World.of([stack], settings), {});
    deepEqual(
      findings.map((finding) => finding.field),
      ['backend'],
    );
  });
});

describe('hostOf', () => {
  const hosts: readonly (readonly [string, string | undefined])[] = [
    ['s3:http://minio.minio.svc:9000/x', 'minio.minio.svc'],
    ['https://key:secret@s3.example.com/x', 's3.example.com'],
    ['nfs://NAS:/export', 'nas'],
    ['s3://bucket@region/', undefined],
    ['minio:9000', 'minio'],
    ['file:///srv/state', undefined],
    ['', undefined],
  ];
  for (const [url, host] of hosts) {
    it(`answers ${String(host)} when the target is "${url}"`, () => {
      deepEqual(hostOf(url), host);
    });
  }
});

const restic = (retain: unknown) => source({ sourcePVC: 'data', restic: { retain } });
const kept = (retention: Inputs) => k8up({ backup: {}, prune: { retention } });

describePolicy(backupRetention, [
  ['restic keeps by number', [restic({ daily: 7, weekly: 4 })], []],
  ['restic keeps three', [restic({ last: '3' })], []],
  ['restic keeps two', [restic({ last: '2' })], ['violation spec.restic.retain']],
  ['restic keeps by age alone', [restic({ within: '7d' })], ['violation spec.restic.retain']],
  ['restic is told nothing', [restic(undefined)], ['violation spec.restic.retain']],
  ['k8up keeps by number', [kept({ keepDaily: 7 })], []],
  ['k8up keeps one', [kept({ keepLast: 1, keepTags: ['x'] })], ['violation spec.prune.retention']],
  ['k8up never prunes', [k8up({ backup: {} })], []],
  ['Longhorn keeps seven', [job({})], []],
  ['Longhorn keeps two', [job({ retain: 2 })], ['violation spec.retain']],
  ['Longhorn keeps two snapshots', [job({ task: 'snapshot', retain: 2 })], []],
  ['Velero keeps a month', [velero({ ttl: '720h0m0s' })], ['advice spec.template.ttl']],
  ['Velero keeps two days', [velero({ ttl: '48h0m0s' })], ['violation spec.template.ttl']],
]);

const lh = (encrypted: string) => storageClass('lh', 'driver.longhorn.io', { encrypted });
const password = given('random:index/randomPassword:RandomPassword', 'key', {});
const made = object(
  'core/v1:Secret',
  'apps/repo',
  { stringData: { RESTIC_REPOSITORY: 's3:https://s3.example.com/x' } },
  { dependencies: [password] },
);

describePolicy(backupEncrypted, [
  ['Longhorn backs up ciphertext', [claim('lh'), lh('true'), job({})], []],
  [
    'Longhorn backs up in clear',
    [claim('lh'), lh('false'), job({})],
    ['advice parameters.encrypted'],
  ],
  ['Longhorn backs up nothing', [claim('lh'), lh('false')], []],
  ['no claim uses the class', [lh('false'), job({})], []],
  ['restic encrypts by itself', [source({ restic: {} })], []],
  ['rclone copies as it is', [source({ rclone: {} })], ['advice spec.rclone']],
  [
    'CloudNativePG leaves it to the bucket',
    [cluster({ backup: { barmanObjectStore: { destinationPath: 's3://x' } } })],
    ['advice spec.backup.barmanObjectStore.data.encryption'],
  ],
  [
    'CloudNativePG asks for encryption',
    [
      cluster({
        backup: {
          barmanObjectStore: { data: { encryption: 'AES256' }, wal: { encryption: 'AES256' } },
        },
      }),
    ],
    [],
  ],
  [
    'the program draws the key',
    [password, made, source({ restic: { repository: 'repo' } })],
    ['advice result'],
  ],
  [
    'the program draws another password',
    [password, source({ restic: { repository: 'repo' } })],
    [],
  ],
]);

const reads = (name: string): GivenResource =>
  app({
    image: 'postgres:16',
    claimName: null,
    env: [{ name: 'POSTGRES_PASSWORD', valueFrom: { secretKeyRef: { name, key: 'x' } } }],
  });

describePolicy(volumesProtected, [
  [
    'a database reads a password of the program',
    [password, made, reads('repo')],
    ['violation options.protect'],
  ],
  ['a database reads another Secret', [password, made, reads('other')], []],
  [
    'the password is protected',
    [
      given('random:index/randomPassword:RandomPassword', 'key', {}, { protect: true }),
      made,
      reads('repo'),
    ],
    [],
  ],
  [
    'the class of a database deletes',
    [server, claim('x'), storageClass('x', 'rancher.io/local-path')],
    ['violation reclaimPolicy'],
  ],
  [
    'the class of a database retains',
    [
      server,
      claim('x'),
      storageClass('x', 'rancher.io/local-path', {}, { reclaimPolicy: 'Retain' }),
    ],
    [],
  ],
  [
    'the class of an application deletes',
    [files, claim('x'), storageClass('x', 'rancher.io/local-path')],
    [],
  ],
  [
    'the owner let go of the claim in words',
    [
      object('core/v1:PersistentVolumeClaim', 'apps/data', {
        metadata: { annotations: { 'larder.dev/retired': 'true' } },
      }),
    ],
    [],
  ],
]);
