/**
 * The lab's PostgreSQL image keeps the contract of the official one (docker-library/docs,
 * postgres): each promise is tried in a pod on a lab of one node.
 */
import assert from 'node:assert/strict';
import { CoreV1Api, type V1EnvVar, type V1PodSecurityContext } from '@kubernetes/client-node';
import { labPaths } from '../../lab/base/paths.ts';
import { Lab, stopLab } from '../../lab/cluster/lab.ts';
import { skip } from '../support/reporter.ts';
import { prepareLab, quietProgress, testLabName } from './support/test-lab.ts';

const readyMs = 90_000;
const dataPath = '/var/lib/postgresql/data';
const password = `it's "odd" $HOME \\ 7`;
/** Compressed with gzip: `create table from_gzip as select 3 as n;` */
const gzipScript =
  'H4sIAAAAAAAAA0suSk0sSVUoSUzKSVVIK8rPjU+vyixQSCxWKE7NSU0uUTAGsfOsuQD9FK1CKQAAAA==';

describe('postgres image', () => {
  const { state } = labPaths({ ...process.env, LARDER_LAB: testLabName });
  const namespace = 'default';
  let lab: Lab;
  let image: string;

  const core = () => lab.kubeConfig.makeApiClient(CoreV1Api);
  const inPod = (pod: string, ...command: string[]) => lab.exec({ namespace, pod }, command);
  const sql = async (pod: string, user: string, database: string, statement: string) => {
    const psql = ['psql', '-X', '-U', user, '-d', database, '-tAc', statement];
    const { stdout, stderr, code } = await inPod(pod, ...psql);
    assert.equal(code, 0, stderr);
    return stdout;
  };

  before(async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: namespaces, mounts, loop devices');
    await stopLab(state, testLabName, quietProgress); // of a run that was killed
    const context = await prepareLab(state);
    image = context.images.postgres.reference;
    const disks = [{ path: '/mnt/nvme', sizeMiB: 512 }];
    lab = await Lab.start({ name: testLabName, nodes: [{ name: 'kube01', disks }] }, context);
    await core().createNamespacedSecret({
      namespace,
      body: { metadata: { name: 'password' }, stringData: { password } },
    });
    await core().createNamespacedConfigMap({
      namespace,
      body: {
        metadata: { name: 'scripts' },
        data: {
          '10-table.sql': 'create table from_sql as select 1 as n;',
          '20-table.sh': 'run_sql -c "create table from_sh as select 2 as n"',
          '40-readme.txt': 'ignored',
        },
        binaryData: { '30-table.sql.gz': gzipScript },
      },
    });
  });

  after(async () => {
    await stopLab(state, testLabName, quietProgress);
  });

  async function start(name: string, env: V1EnvVar[], securityContext: V1PodSecurityContext) {
    await core().createNamespacedPod({
      namespace,
      body: {
        metadata: { name },
        spec: {
          securityContext,
          nodeName: 'kube01',
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 60,
          containers: [
            {
              name: 'postgres',
              image,
              imagePullPolicy: 'Never',
              env,
              readinessProbe: {
                exec: { command: ['pg_isready', '-h', '127.0.0.1', '-U', 'any'] },
                periodSeconds: 1,
              },
              volumeMounts: [
                { name: 'data', mountPath: dataPath },
                { name: 'password', mountPath: '/password' },
                { name: 'scripts', mountPath: '/docker-entrypoint-initdb.d' },
              ],
            },
          ],
          volumes: [
            { name: 'data', hostPath: { path: `/mnt/nvme/${name}`, type: 'DirectoryOrCreate' } },
            { name: 'password', secret: { secretName: 'password', defaultMode: 0o444 } },
            { name: 'scripts', configMap: { name: 'scripts' } },
          ],
        },
      },
    });
  }

  async function ready(name: string): Promise<void> {
    await lab.waitFor(
      `${name} to accept connections`,
      async () => {
        const { status } = await core().readNamespacedPod({ namespace, name });
        if (status?.phase === 'Failed') throw new Error(await lab.logs({ namespace, pod: name }));
        return status?.conditions?.some(
          ({ type, status: is }) => type === 'Ready' && is === 'True',
        );
      },
      readyMs,
    );
  }

  async function remove(name: string): Promise<void> {
    await core().deleteNamespacedPod({ namespace, name });
    await lab.waitFor(
      `${name} to be gone`,
      async () =>
        (await core().listNamespacedPod({ namespace })).items.every(
          (pod) => pod.metadata?.name !== name,
        ),
      readyMs,
    );
  }

  const settings: V1EnvVar[] = [
    { name: 'POSTGRES_PASSWORD_FILE', value: '/password/password' },
    { name: 'POSTGRES_USER', value: 'boss' },
    { name: 'POSTGRES_DB', value: 'app' },
    { name: 'POSTGRES_INITDB_ARGS', value: `--data-checksums --encoding='UTF8'` },
    { name: 'PGDATA', value: `${dataPath}/pgdata` },
  ];
  const asPostgres = { runAsUser: 999, runAsGroup: 999, fsGroup: 999 };

  it('sets a database up as user 999, with the arguments, the user and the password it was given', async () => {
    await lab.node('kube01').exec(['install', '-d', '-o', '999', '-g', '999', '/mnt/nvme/main']);
    await start('main', settings, asPostgres);
    await ready('main');
    assert.equal(await sql('main', 'boss', 'app', 'show data_checksums'), 'on');
    assert.equal(await sql('main', 'boss', 'app', 'show server_encoding'), 'UTF8');
    assert.equal(await sql('main', 'boss', 'app', 'show lc_collate'), 'en_US.utf8');
    const login = async (given: string) =>
      inPod(
        'main',
        'env',
        `PGPASSWORD=${given}`,
        'psql',
        '-h',
        await podAddress('main'),
        '-U',
        'boss',
        'app',
        '-c',
        '',
      );
    assert.equal((await login(password)).code, 0);
    assert.match((await login('wrong')).stderr, /password authentication failed/);
  });

  it('runs the scripts once, in order, each of its kind', async () => {
    const tables = ['from_sql', 'from_sh', 'from_gzip'].map((table) => `(select n from ${table})`);
    assert.equal(await sql('main', 'boss', 'app', `select ${tables.join(', ')}`), '1|2|3');
    assert.match(await lab.logs({ namespace, pod: 'main' }), /ignoring .*40-readme\.txt/);
  });

  it('has the tools that backups and drills need', async () => {
    for (const tool of ['pg_dump', 'pg_dumpall', 'pg_restore', 'pg_isready', 'pg_amcheck', 'psql'])
      assert.match((await inPod('main', tool, '--version')).stdout, /\(PostgreSQL\) 15\./, tool);
    assert.equal(
      (await inPod('main', 'pg_amcheck', '-U', 'boss', '--install-missing', 'app')).code,
      0,
    );
  });

  it('stops cleanly within seconds while a session is open, and keeps its data', async () => {
    await sql('main', 'boss', 'app', 'create table kept as select generate_series(1, 100) as n');
    const session = sql('main', 'boss', 'app', 'select pg_sleep(600)').catch(() => 'ended');
    const begunMs = performance.now();
    await remove('main');
    assert.ok(performance.now() - begunMs < 30_000, 'it waited for the session');
    assert.equal(await session, 'ended');
    await start('main', settings, asPostgres);
    await ready('main');
    const log = await lab.logs({ namespace, pod: 'main' });
    assert.match(log, /the database is there already/);
    assert.match(log, /database system was shut down at/);
    assert.doesNotMatch(log, /not properly shut down/);
    assert.equal(await sql('main', 'boss', 'app', 'select sum(n) from kept'), '5050');
  });

  it('recovers from a kill', async () => {
    await sql('main', 'boss', 'app', 'insert into kept values (1000)');
    await lab.node('kube01').restart();
    await core().deleteNamespacedPod({ namespace, name: 'main', gracePeriodSeconds: 0 });
    await lab.waitFor(
      'main to be gone',
      async () => (await core().listNamespacedPod({ namespace })).items.length === 0,
      readyMs,
    );
    await start('main', settings, asPostgres);
    await ready('main');
    assert.equal(await sql('main', 'boss', 'app', 'select sum(n) from kept'), '6050');
  });

  it('goes on as postgres when started as root', async () => {
    await start('root', [{ name: 'POSTGRES_PASSWORD', value: 'x' }], {});
    await ready('root');
    const { stdout } = await inPod('root', 'stat', '-c', '%u', '/proc/1', dataPath);
    assert.equal(stdout, '999\n999');
    assert.equal(await sql('root', 'postgres', 'postgres', 'select 1'), '1');
  });

  it('stays any other user it is started as', async () => {
    await lab.node('kube01').exec(['install', '-d', '-o', '1234', '/mnt/nvme/other']);
    await start('other', [{ name: 'POSTGRES_HOST_AUTH_METHOD', value: 'trust' }], {
      runAsUser: 1234,
    });
    await ready('other');
    assert.equal((await inPod('other', 'id', '-u')).stdout, '1234');
    assert.equal(await sql('other', 'postgres', 'postgres', 'select 1'), '1');
  });

  for (const [name, env, said] of [
    ['bare', [], /the superuser has no password/],
    [
      'both',
      [...settings, { name: 'POSTGRES_PASSWORD', value: 'x' }],
      /both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set/,
    ],
  ] as const)
    it(`ends with a reason when it is ${name === 'bare' ? 'given no password' : 'given two'}`, async () => {
      await start(name, [...env], {});
      const log = await lab.waitFor(
        `${name} to end`,
        async () => {
          const { status } = await core().readNamespacedPod({ namespace, name });
          return status?.phase === 'Failed' && lab.logs({ namespace, pod: name });
        },
        readyMs,
      );
      assert.match(log, said);
    });

  async function podAddress(name: string): Promise<string> {
    const { status } = await core().readNamespacedPod({ namespace, name });
    return status?.podIP ?? '';
  }
});
