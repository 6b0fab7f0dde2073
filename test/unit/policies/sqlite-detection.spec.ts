/** How the database and the file of an application are found, where it takes more than one look. */
import { match } from 'node:assert/strict';
import { UNKNOWN } from '../../../policies/model/value.ts';
import { postgresOverSqlite } from '../../../policies/rules/postgres-over-sqlite.ts';
import { describePolicy } from './support/cases.ts';
import { type Inputs, object } from './support/given.ts';
import { messages } from './support/judge.ts';
import { app, claim } from './support/shapes.ts';

const container = 'spec.template.spec.containers[0]';
const violation = [`violation ${container}`];
const advice = [`advice ${container}`];
const replicated = claim('longhorn');
const local = claim('local-path');

const gitea = (changed: Inputs, env: readonly Inputs[] = []) =>
  app({ image: 'gitea/gitea:1.24.6', env, container: changed });
const config = (name: string, data: Inputs) =>
  object('core/v1:ConfigMap', `apps/${name}`, { data });
const secret = (name: string, data: Inputs) => object('core/v1:Secret', `apps/${name}`, { data });
const base64 = (text: string) => Buffer.from(text).toString('base64');
const variable = 'GITEA__database__DB_TYPE';
const imports = (source: Inputs) => gitea({ envFrom: [source] });
const inFile = (volume: Inputs, env = `${variable}_FILE`) =>
  app({
    image: 'gitea/gitea:1.24.6',
    env: [{ name: env, value: '/run/db/kind' }],
    container: {
      volumeMounts: [
        { name: 'data', mountPath: '/data' },
        { name: 'kind', mountPath: '/run/db' },
      ],
    },
    pod: {
      volumes: [
        { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
        { name: 'kind', ...volume },
      ],
    },
  });
const fromSecret = { secret: { secretName: 'db' } };
const sonarr = (name: string) =>
  app({
    image: 'lscr.io/linuxserver/sonarr:4',
    mountPath: '/config',
    env: [{ name, value: 'db.databases.svc' }],
  });

const vault = (path: string, subPath?: string) =>
  object('apps/v1:Deployment', path, {
    spec: {
      strategy: { type: 'Recreate' },
      template: {
        spec: {
          containers: [
            {
              name: 'vault',
              image: 'vaultwarden/server:1.34',
              volumeMounts: [
                { name: 'data', mountPath: '/data', ...(subPath === undefined ? {} : { subPath }) },
              ],
            },
          ],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
        },
      },
    },
  });

describePolicy(postgresOverSqlite, [
  [
    'a ConfigMap of envFrom chooses PostgreSQL',
    [
      imports({ configMapRef: { name: 'env' } }),
      config('env', { [variable]: 'postgres' }),
      replicated,
    ],
    [],
  ],
  [
    'a prefix completes the name of the variable',
    [
      imports({ prefix: 'GITEA__database__', configMapRef: { name: 'env' } }),
      config('env', { DB_TYPE: 'postgres' }),
      replicated,
    ],
    [],
  ],
  [
    'a ConfigMap of envFrom says nothing of it',
    [imports({ configMapRef: { name: 'env' } }), config('env', { OTHER: 'x' }), replicated],
    violation,
  ],
  [
    'envFrom names a Secret outside of the program',
    [imports({ secretRef: { name: 'elsewhere' } }), replicated],
    advice,
  ],
  [
    'a Secret of the program, encoded, chooses PostgreSQL',
    [
      imports({ secretRef: { name: 'env' } }),
      secret('env', { [variable]: base64('postgres') }),
      replicated,
    ],
    [],
  ],
  [
    'a Secret of the program is known only after the update',
    [imports({ secretRef: { name: 'env' } }), secret('env', { [variable]: UNKNOWN }), replicated],
    advice,
  ],
  [
    'the state hides what a Secret says',
    [
      imports({ secretRef: { name: 'env' } }),
      secret('env', { [variable]: '[secret]' }),
      replicated,
    ],
    advice,
  ],
  [
    'the variable is set twice, at last to PostgreSQL',
    [
      gitea({}, [
        { name: variable, value: 'sqlite3' },
        { name: variable, value: 'postgres' },
      ]),
      replicated,
    ],
    [],
  ],
  [
    'the variable beats envFrom',
    [
      gitea({ envFrom: [{ configMapRef: { name: 'env' } }] }, [
        { name: variable, value: 'sqlite3' },
      ]),
      config('env', { [variable]: 'postgres' }),
      replicated,
    ],
    violation,
  ],
  [
    'a file of a mounted Secret chooses PostgreSQL',
    [inFile(fromSecret), secret('db', { kind: base64('postgres\n') }), replicated],
    [],
  ],
  [
    'FILE__ stands before the name',
    [
      inFile(fromSecret, `FILE__${variable}`),
      secret('db', { kind: base64('postgres') }),
      replicated,
    ],
    [],
  ],
  [
    '__FILE stands behind the name',
    [
      inFile(fromSecret, `${variable}__FILE`),
      secret('db', { kind: base64('postgres') }),
      replicated,
    ],
    [],
  ],
  ['the file is in a Secret outside of the program', [inFile(fromSecret), replicated], advice],
  [
    'the file is a key under another name',
    [
      inFile({ secret: { secretName: 'db', items: [{ key: 'engine', path: 'kind' }] } }),
      secret('db', { engine: base64('postgres'), kind: base64('sqlite3') }),
      replicated,
    ],
    [],
  ],
  [
    'the file is part of a projected volume',
    [
      inFile({ projected: { sources: [{ secret: { name: 'db' } }] } }),
      secret('db', { kind: base64('postgres') }),
      replicated,
    ],
    [],
  ],
  [
    'where the value comes from is known only after the update',
    [gitea({}, [{ name: variable, valueFrom: UNKNOWN }]), replicated],
    advice,
  ],
  [
    'the value is of a key that may be missing, and is',
    [
      gitea({}, [
        {
          name: variable,
          valueFrom: { configMapKeyRef: { name: 'env', key: 'kind', optional: true } },
        },
      ]),
      config('env', { other: 'x' }),
      replicated,
    ],
    violation,
  ],
  ['a .NET application is spelt its own way', [sonarr('Sonarr__Postgres__Host'), replicated], []],
  ['another application is spelt so', [sonarr('RADARR__POSTGRES__HOST'), replicated], violation],
  [
    'the default is not certain',
    [app({ image: 'vikunja/vikunja:1', mountPath: '/db' }), replicated],
    advice,
  ],
  [
    'nothing but the setting says so, and that is certain',
    [
      app({
        image: 'vikunja/vikunja:1',
        mountPath: '/db',
        env: [{ name: 'VIKUNJA_DATABASE_TYPE', value: 'sqlite' }],
      }),
      replicated,
    ],
    violation,
  ],
  [
    'a variable moves the file to another volume',
    [
      app({
        image: 'gotson/komga:1',
        env: [{ name: 'KOMGA_DATABASE_FILE', value: '/fast/komga.sqlite' }],
        container: {
          volumeMounts: [
            { name: 'data', mountPath: '/config' },
            { name: 'fast', mountPath: '/fast' },
          ],
        },
        pod: {
          volumes: [
            { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
            { name: 'fast', nfs: { server: 'nas', path: '/x' } },
          ],
        },
      }),
      replicated,
    ],
    violation,
  ],
  [
    'the file lies on the longest mount above it',
    [
      app({
        image: 'gitea/gitea:1.24.6',
        container: {
          volumeMounts: [
            { name: 'films', mountPath: '/data' },
            { name: 'data', mountPath: '/data/gitea' },
          ],
        },
        pod: {
          volumes: [
            { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
            { name: 'films', nfs: { server: 'nas', path: '/x' } },
          ],
        },
      }),
      local,
    ],
    advice,
  ],
  [
    'the only claim is mounted somewhere else than we know',
    [app({ image: 'gitea/gitea:1.24.6', mountPath: '/somewhere' }), replicated],
    violation,
  ],
  [
    'no volume is mounted at all',
    [app({ image: 'gitea/gitea:1.24.6', container: { volumeMounts: [] } })],
    advice,
  ],
  ['the data lies in an emptyDir', [app({ image: 'gitea/gitea:1.24.6', claimName: null })], advice],
  [
    'the claim has the default class of the program',
    [
      app({ image: 'gitea/gitea:1.24.6' }),
      claim(undefined),
      object('storage.k8s.io/v1:StorageClass', 'x', {
        provisioner: 'driver.longhorn.io',
        metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      }),
    ],
    violation,
  ],
  [
    'the claim is of a volume that is named',
    [
      app({ image: 'gitea/gitea:1.24.6' }),
      claim('', { volumeName: 'nas' }),
      object('core/v1:PersistentVolume', 'nas', { spec: { csi: { driver: 'smb.csi.k8s.io' } } }),
    ],
    violation,
  ],
  [
    'a chart hides the application',
    [object('helm.sh/v3:Release', 'apps/git', { chart: 'oci://registry.example.com/gitea' })],
    ['advice values'],
  ],
  [
    'a chart hides an application that knows no SQLite',
    [object('helm.sh/v3:Release', 'apps/feeds', { chart: 'miniflux' })],
    [],
  ],
  [
    'a rendered chart hides nothing',
    [object('helm.sh/v4:Chart', 'apps/git', { chart: 'gitea' })],
    [],
  ],
  [
    'a variable of an unknown image speaks of SQLite',
    [app({ image: 'me/app:1', env: [{ name: 'APP_DB_FILE', value: '/data/app.db' }] }), replicated],
    [`advice ${container}.env`],
  ],
  [
    'a variable of an unknown image has a URL of SQLite',
    [
      app({ image: 'me/app:1', env: [{ name: 'DATABASE_URL', value: 'sqlite:////data/x.db' }] }),
      replicated,
    ],
    [`advice ${container}.env`],
  ],
  [
    'a variable of an unknown image has a URL of PostgreSQL',
    [
      app({ image: 'me/app:1', env: [{ name: 'DATABASE_URL', value: 'postgres://db/x' }] }),
      replicated,
    ],
    [],
  ],
  [
    'the configuration knows the application',
    [app({ image: 'me/app:1' }), replicated],
    violation,
    {
      applications: [
        {
          name: 'App',
          images: ['me/app'],
          variables: ['APP_DB'],
          files: ['/data/x.db'],
          serverHint: 'APP_DB=postgres://…',
        },
      ],
    },
  ],
  [
    'the configuration knows how it chooses',
    [app({ image: 'me/app:1', env: [{ name: 'APP_DB', value: 'postgres://db/x' }] }), replicated],
    [],
    { applications: [{ name: 'App', images: ['me/app'], variables: ['APP_DB'] }] },
  ],
  [
    'each replica has a file of its own',
    [
      app({
        image: 'gitea/gitea:1.24.6',
        kind: 'StatefulSet',
        claimName: null,
        spec: {
          replicas: 2,
          volumeClaimTemplates: [
            { metadata: { name: 'data' }, spec: { storageClassName: 'local-path' } },
          ],
        },
      }),
    ],
    advice,
  ],
  [
    'another workload opens the same file',
    [vault('apps/app'), vault('apps/twin'), local],
    [...violation, ...advice, ...violation, ...advice],
  ],
  [
    'another workload has its own part of the claim',
    [vault('apps/app'), vault('apps/twin', 'twin'), local],
    [...advice, ...advice],
  ],
  [
    'the tag is of a version that knows no other database',
    [app({ image: 'louislam/uptime-kuma:1', mountPath: '/app/data' }), replicated],
    advice,
  ],
  [
    'the tag is of a version that knows MariaDB',
    [app({ image: 'louislam/uptime-kuma:2', mountPath: '/app/data' }), replicated],
    violation,
  ],
]);

describe('postgres-over-sqlite, messages', () => {
  it('name the file, the evidence, the storage and how to choose a server', () => {
    const [text = ''] = messages(postgresOverSqlite, [gitea({}), replicated]);
    match(
      text,
      /Gitea uses SQLite \(that is its default when GITEA__database__DB_TYPE is not set\)/,
    );
    match(text, /at \/data\/gitea\/gitea\.db on class longhorn \(driver\.longhorn\.io, 3 copies\)/);
    match(text, /1\. Use a server database: GITEA__database__DB_TYPE=postgres/);
    match(text, /2\. Move the volume to the local tier and give it a backup schedule/);
    match(text, /annotation larder\.dev\/exempt\.postgres-over-sqlite: "<reason>/);
  });

  it('name the class to tell about when nobody knows where it lives', () => {
    const [text = ''] = messages(postgresOverSqlite, [gitea({}), claim('mystery')]);
    match(text, /class mystery, which this program does not declare/);
    match(text, /Name the class under "classes"/);
  });
});
