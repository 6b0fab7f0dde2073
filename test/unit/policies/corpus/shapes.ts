/**
 * Real-world shapes that are right as they are: what charts, operators and careful people declare.
 * Written from the shapes, not copied. A violation on any of them is a false alarm.
 */
import type { GivenResource } from '../../../../policies/model/declared.ts';
import { type Inputs, object } from '../support/given.ts';

export interface Shape {
  readonly name: string;
  readonly resources: readonly GivenResource[];
}

const digest = `@sha256:${'a'.repeat(64)}`;
const kept = { protect: true };

interface Pod {
  readonly image: string;
  readonly container?: Inputs;
  readonly pod?: Inputs;
}

const podOf = ({ image, container, pod }: Pod): Inputs => ({
  metadata: { labels: { app: 'app' } },
  spec: { containers: [{ name: 'main', image, ...container }], ...pod },
});

const workload = (kind: string, path: string, pod: Pod, spec: Inputs = {}): GivenResource =>
  object(`apps/v1:${kind}`, path, {
    spec: { selector: { matchLabels: { app: 'app' } }, template: podOf(pod), ...spec },
  });

const claim = (path: string, className: string, size = '10Gi', modes = ['ReadWriteOnce']) =>
  object(
    'core/v1:PersistentVolumeClaim',
    path,
    {
      spec: {
        storageClassName: className,
        accessModes: modes,
        resources: { requests: { storage: size } },
      },
    },
    kept,
  );

const mount = (name: string, mountPath: string) => ({ name, mountPath });
const claimed = (name: string, claimName = name) => ({
  name,
  persistentVolumeClaim: { claimName },
});
const namespace = (name: string, level = 'baseline') =>
  object(
    'core/v1:Namespace',
    name,
    { metadata: { labels: { 'pod-security.kubernetes.io/enforce': level } } },
    kept,
  );

const postgresOfficial: Shape = {
  name: 'official PostgreSQL in a StatefulSet, dumped every night',
  resources: [
    namespace('databases'),
    object('storage.k8s.io/v1:StorageClass', 'local-ssd', {
      provisioner: 'rancher.io/local-path',
      reclaimPolicy: 'Retain',
    }),
    workload(
      'StatefulSet',
      'databases/postgres',
      {
        image: `postgres:16.10-alpine${digest}`,
        container: {
          env: [
            { name: 'PGDATA', value: '/var/lib/postgresql/data/pgdata' },
            {
              name: 'POSTGRES_PASSWORD',
              valueFrom: { secretKeyRef: { name: 'postgres', key: 'password' } },
            },
          ],
          volumeMounts: [mount('data', '/var/lib/postgresql/data'), mount('shm', '/dev/shm')],
          livenessProbe: { exec: { command: ['pg_isready'] } },
          startupProbe: {
            exec: { command: ['pg_isready'] },
            periodSeconds: 5,
            failureThreshold: 60,
          },
        },
        pod: {
          terminationGracePeriodSeconds: 120,
          volumes: [{ name: 'shm', emptyDir: { medium: 'Memory' } }],
        },
      },
      {
        replicas: 1,
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { storageClassName: 'local-ssd', accessModes: ['ReadWriteOnce'] },
          },
        ],
      },
    ),
    object('batch/v1:CronJob', 'databases/dump', {
      spec: {
        jobTemplate: {
          spec: {
            template: podOf({
              image: `postgres:16.10-alpine${digest}`,
              container: {
                command: ['sh', '-c', 'pg_dump -Fc -h postgres app > /dumps/app.partial'],
              },
              pod: { volumes: [{ name: 'dumps', nfs: { server: 'nas.home', path: '/dumps' } }] },
            }),
          },
        },
      },
    }),
  ],
};

const cloudNativePg: Shape = {
  name: 'CloudNativePG with three instances and a bucket outside',
  resources: [
    namespace('databases'),
    object(
      'postgresql.cnpg.io/v1:Cluster',
      'databases/main',
      {
        spec: {
          instances: 3,
          storage: { size: '10Gi', storageClass: 'local-path' },
          affinity: { podAntiAffinityType: 'required' },
          backup: {
            barmanObjectStore: {
              destinationPath: 's3://pg/',
              endpointURL: 'https://s3.eu-central-003.backblazeb2.com',
              data: { encryption: 'AES256' },
              wal: { encryption: 'AES256' },
            },
          },
        },
      },
      kept,
    ),
    object('postgresql.cnpg.io/v1:ScheduledBackup', 'databases/daily', {
      spec: { cluster: { name: 'main' }, schedule: '0 0 3 * * *' },
    }),
  ],
};

const giteaHa: Shape = {
  name: 'Gitea on PostgreSQL with its repositories on Longhorn',
  resources: [
    namespace('git'),
    claim('git/gitea', 'longhorn', '20Gi'),
    workload(
      'Deployment',
      'git/gitea',
      {
        image: 'docker.gitea.com/gitea:1.24.6-rootless',
        container: {
          env: [
            { name: 'GITEA__database__DB_TYPE', value: 'postgres' },
            { name: 'GITEA__database__HOST', value: 'postgres.databases.svc:5432' },
          ],
          volumeMounts: [mount('data', '/var/lib/gitea')],
        },
        pod: { volumes: [claimed('data', 'gitea')], terminationGracePeriodSeconds: 60 },
      },
      { replicas: 1, strategy: { type: 'Recreate' } },
    ),
    object('longhorn.io/v1beta2:RecurringJob', 'longhorn-system/daily', {
      spec: { task: 'backup', groups: ['default'], retain: 7, cron: '0 4 * * *' },
    }),
    object('longhorn.io/v1beta2:BackupTarget', 'longhorn-system/default', {
      spec: { backupTargetURL: 's3://backups@eu-central-003/' },
    }),
  ],
};

const homeAssistant: Shape = {
  name: 'Home Assistant on a local disk with VolSync',
  resources: [
    namespace('home'),
    claim('home/config', 'local-path', '5Gi'),
    workload(
      'Deployment',
      'home/assistant',
      {
        image: 'ghcr.io/home-assistant/home-assistant:2026.11.1',
        container: { volumeMounts: [mount('config', '/config')] },
        pod: { hostNetwork: true, volumes: [claimed('config')] },
      },
      { replicas: 1, strategy: { type: 'Recreate' } },
    ),
    object('volsync.backube/v1alpha1:ReplicationSource', 'home/config', {
      spec: {
        sourcePVC: 'config',
        trigger: { schedule: '0 3 * * *' },
        restic: { repository: 'config-restic', retain: { daily: 7, weekly: 4 } },
      },
    }),
  ],
};

const media: Shape = {
  name: 'the media rack: Jellyfin and Sonarr, films on NFS, configuration local',
  resources: [
    namespace('media'),
    claim('media/jellyfin', 'local-path'),
    claim('media/sonarr', 'local-path'),
    claim('media/films', 'nfs-client', '4Ti', ['ReadWriteMany']),
    ...['jellyfin', 'sonarr'].map((name) =>
      workload(
        'Deployment',
        `media/${name}`,
        {
          image: `lscr.io/linuxserver/${name}:10.2.0`,
          container: {
            env: [{ name: 'PUID', value: '1000' }],
            volumeMounts: [mount('config', '/config'), mount('films', '/films')],
          },
          pod: { volumes: [claimed('config', name), claimed('films')] },
        },
        { replicas: 1, strategy: { type: 'Recreate' } },
      ),
    ),
    object('k8up.io/v1:Schedule', 'media/nightly', {
      spec: {
        backend: { s3: { endpoint: 'https://s3.example.com', bucket: 'media' } },
        backup: { schedule: '0 2 * * *' },
        prune: { schedule: '0 5 * * 0', retention: { keepDaily: 7, keepWeekly: 4 } },
      },
    }),
  ],
};

const longhornChart: Shape = {
  name: 'Longhorn installed by its chart with two copies',
  resources: [
    namespace('longhorn-system', 'privileged'),
    object(
      'helm.sh/v3:Release',
      'longhorn-system/longhorn',
      {
        chart: 'longhorn',
        version: '1.10.1',
        values: {
          persistence: { defaultClassReplicaCount: 2 },
          defaultSettings: { defaultReplicaCount: 2, replicaSoftAntiAffinity: false },
          defaultBackupStore: { backupTarget: 'nfs://nas.home:/longhorn' },
        },
      },
      kept,
    ),
  ],
};

const monitoring: Shape = {
  name: 'a monitoring stack as its chart renders it',
  resources: [
    namespace('monitoring', 'privileged'),
    workload('DaemonSet', 'monitoring/node-exporter', {
      image: 'quay.io/prometheus/node-exporter:v1.9.1',
      container: {
        volumeMounts: [
          { ...mount('root', '/host/root'), readOnly: true },
          mount('sys', '/host/sys'),
        ],
      },
      pod: {
        hostNetwork: true,
        hostPID: true,
        volumes: [
          { name: 'root', hostPath: { path: '/' } },
          { name: 'sys', hostPath: { path: '/sys' } },
        ],
      },
    }),
    workload(
      'StatefulSet',
      'monitoring/prometheus',
      {
        image: 'quay.io/prometheus/prometheus:v3.6.0',
        container: { volumeMounts: [mount('db', '/prometheus')] },
        pod: { terminationGracePeriodSeconds: 600 },
      },
      {
        replicas: 1,
        volumeClaimTemplates: [
          {
            metadata: { name: 'db' },
            spec: { storageClassName: 'local-path', accessModes: ['ReadWriteOnce'] },
          },
        ],
      },
    ),
    object('core/v1:ConfigMap', 'monitoring/prometheus', {
      data: {
        'prometheus.yml': 'scrape_configs:\n  - bearer_token_file: /var/run/secrets/token\n',
      },
    }),
  ],
};

const stateless: Shape = {
  name: 'a stateless web application with a cache',
  resources: [
    namespace('web'),
    workload('Deployment', 'web/site', {
      image: 'ghcr.io/me/site:1.4.2',
      container: {
        env: [
          { name: 'REDIS_URL', value: 'redis://cache:6379/0' },
          { name: 'SESSION_TOKEN_TTL', value: '3600' },
          { name: 'DB_PASSWORD_FILE', value: '/run/secrets/db' },
        ],
      },
    }),
    workload('Deployment', 'web/cache', { image: 'valkey/valkey:8.1-alpine' }),
  ],
};

const localStatic: Shape = {
  name: 'static local volumes, bound by name',
  resources: [
    namespace('apps'),
    object('storage.k8s.io/v1:StorageClass', 'manual', {
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'WaitForFirstConsumer',
    }),
    object(
      'core/v1:PersistentVolume',
      'gitea-pv',
      {
        spec: {
          capacity: { storage: '20Gi' },
          accessModes: ['ReadWriteOnce'],
          persistentVolumeReclaimPolicy: 'Retain',
          storageClassName: 'manual',
          hostPath: { path: '/mnt/storage/gitea' },
        },
      },
      kept,
    ),
    claim('apps/gitea-pvc', 'manual', '20Gi'),
  ],
};

const rook: Shape = {
  name: 'Rook with pools over hosts',
  resources: [
    namespace('rook-ceph', 'privileged'),
    object(
      'ceph.rook.io/v1:CephBlockPool',
      'rook-ceph/replicapool',
      { spec: { failureDomain: 'host', replicated: { size: 3, requireSafeReplicaSize: true } } },
      kept,
    ),
    object('storage.k8s.io/v1:StorageClass', 'rook-ceph-block', {
      provisioner: 'rook-ceph.rbd.csi.ceph.com',
      parameters: { pool: 'replicapool' },
      reclaimPolicy: 'Retain',
      metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    }),
  ],
};

const jobs: Shape = {
  name: 'jobs that only pass by: a migration and a client of a database',
  resources: [
    object('batch/v1:Job', 'apps/migrate', {
      spec: {
        template: podOf({ image: 'ghcr.io/me/site:1.4.2', container: { args: ['migrate'] } }),
      },
    }),
    object('batch/v1:Job', 'apps/psql', {
      spec: {
        template: podOf({
          image: `postgres:16${digest}`,
          container: { command: ['psql', '-c', 'x'] },
        }),
      },
    }),
  ],
};

export const shapes: readonly Shape[] = [
  postgresOfficial,
  cloudNativePg,
  giteaHa,
  homeAssistant,
  media,
  longhornChart,
  monitoring,
  stateless,
  localStatic,
  rook,
  jobs,
];
