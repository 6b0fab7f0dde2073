/** Policies about where databases live and what the PostgreSQL image asks of its pod. */
import type { GivenResource } from '../../../policies/model/declared.ts';
import { UNKNOWN } from '../../../policies/model/value.ts';
import { databaseNotOnNetworkFileSystem } from '../../../policies/rules/database-not-on-network-file-system.ts';
import { databaseNotOnSdCard } from '../../../policies/rules/database-not-on-sd-card.ts';
import { postgresContract } from '../../../policies/rules/postgres-contract.ts';
import { postgresMatchesItsVolume } from '../../../policies/rules/postgres-matches-its-volume.ts';
import { describePolicy } from './support/cases.ts';
import { type Inputs, object } from './support/given.ts';
import { app, claim, storageClass } from './support/shapes.ts';

const container = 'spec.template.spec.containers[0]';
const pod = 'spec.template.spec';
const oldFolder = '/var/lib/postgresql/data';

interface Postgres {
  readonly image?: string;
  readonly mountPath?: string;
  readonly pgdata?: unknown;
  readonly container?: Inputs;
  readonly pod?: Inputs;
  readonly spec?: Inputs;
}

/** A compliant server; each case changes one field. */
function postgres(change: Postgres = {}): GivenResource {
  const mountPath = change.mountPath ?? oldFolder;
  const pgdata = 'pgdata' in change ? change.pgdata : `${oldFolder}/pgdata`;
  return app({
    image: change.image ?? 'postgres:16.10-alpine',
    kind: 'StatefulSet',
    env: pgdata === undefined ? [] : [{ name: 'PGDATA', value: pgdata }],
    container: {
      volumeMounts: [
        { name: 'data', mountPath },
        { name: 'shm', mountPath: '/dev/shm' },
      ],
      ...change.container,
    },
    pod: {
      terminationGracePeriodSeconds: 120,
      securityContext: {
        runAsUser: 70,
        fsGroup: 70,
        fsGroupChangePolicy: 'OnRootMismatch',
      },
      ...change.pod,
    },
    ...(change.spec === undefined ? {} : { spec: change.spec }),
  });
}

const security = (changed: Inputs) => ({
  pod: {
    terminationGracePeriodSeconds: 120,
    securityContext: { fsGroup: 70, fsGroupChangePolicy: 'OnRootMismatch', ...changed },
  },
});
const probe = { exec: { command: ['pg_isready'] }, periodSeconds: 10, failureThreshold: 3 };
const patient = { ...probe, failureThreshold: 30 };
const mounts = `${container}.volumeMounts`;
const folder = `violation ${mounts}`;

describePolicy(postgresContract, [
  ['the pod keeps the contract', [postgres()], []],
  [
    'version 18 keeps its data in its own folder',
    [
      postgres({
        image: 'postgres:18-alpine',
        mountPath: '/var/lib/postgresql',
        pgdata: undefined,
      }),
    ],
    [],
  ],
  [
    'version 18 is mounted at the folder of 17',
    [postgres({ image: 'postgres:18-alpine', pgdata: undefined })],
    [folder],
  ],
  [
    'version 18 is mounted at the folder of 17 and PGDATA says so',
    [postgres({ image: 'postgres:18-alpine' })],
    [],
  ],
  [
    'version 16 is mounted one folder too high',
    [postgres({ mountPath: '/var/lib/postgresql', pgdata: undefined })],
    [folder],
  ],
  ['no volume covers the data', [postgres({ mountPath: '/srv' })], [folder]],
  [
    'PGDATA is the root of the volume by default',
    [postgres({ pgdata: undefined })],
    [`violation ${container}.env[PGDATA]`],
  ],
  [
    'PGDATA is the root of the volume by its own words',
    [postgres({ pgdata: oldFolder })],
    [`violation ${container}.env[PGDATA]`],
  ],
  [
    'the volume is mounted with a subPath',
    [
      postgres({
        pgdata: undefined,
        container: {
          volumeMounts: [
            { name: 'data', mountPath: oldFolder, subPath: 'pg' },
            { name: 'shm', mountPath: '/dev/shm' },
          ],
        },
      }),
    ],
    [],
  ],
  [
    'PGDATA is known only after the update',
    [postgres({ pgdata: UNKNOWN })],
    [`advice ${container}.env[PGDATA]`],
  ],
  [
    'the tag names no major version',
    [postgres({ image: 'postgres:alpine' })],
    [`violation ${container}.image`],
  ],
  [
    'the image is Bitnami’s',
    [postgres({ image: 'bitnami/postgresql:16.4.0' })],
    [`violation ${container}.image`],
  ],
  [
    'it has no grace period',
    [postgres({ pod: { terminationGracePeriodSeconds: undefined } })],
    [`violation ${pod}.terminationGracePeriodSeconds`],
  ],
  [
    'it has 59 seconds of grace',
    [postgres({ pod: { terminationGracePeriodSeconds: 59 } })],
    [`violation ${pod}.terminationGracePeriodSeconds`],
  ],
  ['it has 60 seconds of grace', [postgres({ pod: { terminationGracePeriodSeconds: 60 } })], []],
  ['it has several replicas', [postgres({ spec: { replicas: 3 } })], ['violation spec.replicas']],
  [
    'the probe kills it within half a minute',
    [postgres({ container: { volumeMounts: shm(), livenessProbe: probe } })],
    [`violation ${container}.livenessProbe`],
  ],
  [
    'the startup probe gives it 30 seconds',
    [postgres({ container: { volumeMounts: shm(), livenessProbe: probe, startupProbe: probe } })],
    [`violation ${container}.startupProbe`],
  ],
  [
    'the startup probe gives it 300 seconds',
    [postgres({ container: { volumeMounts: shm(), livenessProbe: probe, startupProbe: patient } })],
    [],
  ],
  [
    'the probe only opens a connection',
    [
      postgres({
        container: {
          volumeMounts: shm(),
          livenessProbe: { tcpSocket: { port: 5432 } },
          startupProbe: patient,
        },
      }),
    ],
    [`advice ${container}.livenessProbe.tcpSocket`],
  ],
  [
    'alpine runs as the user of debian',
    [postgres(security({ runAsUser: 999 }))],
    [`violation ${pod}.securityContext.runAsUser`],
  ],
  [
    'debian runs as its own user',
    [postgres({ image: 'postgres:16.10-bookworm', ...security({ runAsUser: 999, fsGroup: 999 }) })],
    [],
  ],
  [
    'it has a user and no group for the volume',
    [postgres({ pod: { terminationGracePeriodSeconds: 120, securityContext: { runAsUser: 70 } } })],
    [`advice ${pod}.securityContext.fsGroup`],
  ],
  [
    'the group is set on every file at each mount',
    [postgres(security({ runAsUser: 70, fsGroupChangePolicy: 'Always' }))],
    [`advice ${pod}.securityContext.fsGroupChangePolicy`],
  ],
  [
    'nothing is mounted at /dev/shm',
    [postgres({ container: { volumeMounts: [{ name: 'data', mountPath: oldFolder }] } })],
    [`advice ${mounts}`],
  ],
  [
    'the image only runs pg_dump',
    [app({ image: 'postgres:16', container: { command: ['pg_dump', '-h', 'db'] } })],
    [],
  ],
  [
    'a wrapper waits with pg_isready and then becomes the server',
    [
      postgres({
        pod: { terminationGracePeriodSeconds: undefined },
        container: {
          volumeMounts: shm(),
          command: ['sh', '-c', 'pg_isready -h old; exec docker-entrypoint.sh postgres'],
        },
      }),
    ],
    [`violation ${pod}.terminationGracePeriodSeconds`],
  ],
]);

function shm(): readonly Inputs[] {
  return [
    { name: 'data', mountPath: oldFolder },
    { name: 'shm', mountPath: '/dev/shm' },
  ];
}

const annotated = (text: string) =>
  object('core/v1:PersistentVolumeClaim', 'apps/data', {
    metadata: { annotations: { 'larder.dev/postgres': text } },
    spec: { storageClassName: 'local-ssd' },
  });
const dump = (image: string, host: unknown) =>
  object('batch/v1:CronJob', 'apps/dump', {
    spec: {
      jobTemplate: {
        spec: {
          template: {
            spec: {
              containers: [
                {
                  name: 'dump',
                  image,
                  command: ['pg_dump'],
                  env: [{ name: 'PGHOST', value: host }],
                },
              ],
            },
          },
        },
      },
    },
  });
const dumpImage = 'violation spec.jobTemplate.spec.template.spec.containers[0].image';

describePolicy(postgresMatchesItsVolume, [
  ['image and volume agree', [postgres(), annotated('16 alpine')], []],
  ['the claim says nothing', [postgres(), claim('local-ssd')], []],
  [
    'the base changed',
    [postgres({ image: 'postgres:16.10-bookworm' }), annotated('16 alpine')],
    [`violation ${container}.image`],
  ],
  [
    'the major version changed',
    [postgres({ image: 'postgres:17-alpine' }), annotated('16 alpine')],
    [`violation ${container}.image`],
  ],
  ['the dump is of the same version', [postgres(), dump('postgres:16-alpine', 'app')], []],
  ['the dump is of a newer version', [postgres(), dump('postgres:17', 'app.apps.svc')], []],
  [
    'the dump is of an older version',
    [postgres(), dump('postgres:15', 'app.apps.svc')],
    [dumpImage],
  ],
  ['the older dump is of another server', [postgres(), dump('postgres:15', 'other')], []],
  [
    'the host of the older dump is unknown',
    [postgres(), dump('postgres:15', UNKNOWN)],
    [dumpImage],
  ],
]);

const server = (kind: 'StatefulSet' | 'Deployment' = 'StatefulSet') =>
  app({ image: 'mariadb:11.8', kind, mountPath: '/var/lib/mysql' });
const nfsVolume = object('core/v1:PersistentVolume', 'data', {
  spec: { nfs: { server: 'nas', path: '/x' }, claimRef: { namespace: 'apps', name: 'data' } },
});
const onFile = [`violation ${container}`];

describePolicy(databaseNotOnNetworkFileSystem, [
  ['MariaDB is on a local class', [server(), claim('local-path')], []],
  ['MariaDB is on replicated block storage', [server(), claim('longhorn')], []],
  ['MariaDB is on an NFS class', [server(), claim('nfs-client')], onFile],
  ['nobody knows the class', [server(), claim('mystery')], [`advice ${container}`]],
  [
    'the class is known only after the update',
    [server(), claim(undefined, { storageClassName: UNKNOWN })],
    [`advice ${container}`],
  ],
  [
    'the class is called so by configuration',
    [server(), claim('nas')],
    onFile,
    { classes: { nas: 'network-file' } },
  ],
  ['MariaDB is on a static NFS volume', [server(), claim(''), nfsVolume], onFile],
  [
    'Longhorn serves the claim by NFS',
    [server(), claim('longhorn', { accessModes: ['ReadWriteMany'] })],
    onFile,
  ],
  [
    'the pod mounts NFS directly',
    [
      app({
        image: 'mongo:8',
        mountPath: '/data/db',
        pod: { volumes: [{ name: 'data', nfs: { server: 'nas', path: '/x' } }] },
      }),
    ],
    onFile,
  ],
  [
    'CloudNativePG is on an NFS class',
    [
      object('postgresql.cnpg.io/v1:Cluster', 'apps/db', {
        spec: { instances: 1, storage: { size: '1Gi', storageClass: 'nfs-client' } },
      }),
    ],
    ['violation spec.storage'],
  ],
  ['a cache is on NFS', [app({ image: 'redis:8' }), claim('nfs-client')], []],
  ['an application is on NFS', [app({ image: 'jellyfin/jellyfin:10' }), claim('nfs-client')], []],
]);

const staticVolume = (path: string, node: string) =>
  object('core/v1:PersistentVolume', 'data', {
    spec: {
      local: { path },
      claimRef: { namespace: 'apps', name: 'data' },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            {
              matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }],
            },
          ],
        },
      },
    },
  });
const node = (name: string, kind: string) =>
  object('core/v1:NodePatch', name, { metadata: { labels: { 'larder.dev/disk.card': kind } } });
const disks = (kind: string) => ({ disks: [{ path: '/mnt/card', kind }] });

describePolicy(databaseNotOnSdCard, [
  [
    'the configuration calls the disk an SSD',
    [server(), claim(''), staticVolume('/mnt/card/db', 'pi1')],
    [],
    disks('ssd'),
  ],
  [
    'the configuration calls the disk an SD card',
    [server(), claim(''), staticVolume('/mnt/card/db', 'pi1')],
    onFile,
    disks('sd'),
  ],
  [
    'a label of its node calls the disk an SD card',
    [server(), claim(''), staticVolume('/mnt/card/db', 'pi1'), node('pi1', 'sd')],
    onFile,
  ],
  [
    'a label of another node calls its disk an SD card',
    [server(), claim(''), staticVolume('/mnt/card/db', 'pi1'), node('pi2', 'sd')],
    [],
  ],
  ['nothing is known of the disk', [server(), claim(''), staticVolume('/mnt/x', 'pi1')], []],
  [
    'the path itself names a card',
    [server(), claim(''), staticVolume('/media/mmcblk0p2/db', 'pi1')],
    onFile,
  ],
  ['the storage is replicated', [server(), claim('longhorn'), node('pi1', 'sd')], []],
  ['the class is unknown', [server(), storageClass('x', 'example.com/x'), claim('x')], []],
]);
