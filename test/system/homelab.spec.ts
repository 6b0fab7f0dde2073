/**
 * The main job, as a person runs it: `npm start`, a database that answers, the faults it must
 * survive, a dump that can be restored, `npm stop`. The lab is the suite's own and goes with it.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BatchV1Api, CoreV1Api } from '@kubernetes/client-node';
import { labPaths, repositoryRoot } from '../../lab/base/paths.ts';
import type { RunResult } from '../../lab/base/run.ts';
import { Lab } from '../../lab/cluster/lab.ts';
import { skip } from '../support/reporter.ts';

const database = { namespace: 'apps', pod: 'postgres-main-0', container: 'postgres' };
const dataNode = 'kube01';
const dumpNode = 'kube02';
const diskPath = '/mnt/nvme';
const settledMs = 180_000;

describe('homelab in the lab', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-homelab-'));
  const env = {
    ...process.env,
    // Caches are shared with every other run; the lab itself is this suite's.
    XDG_STATE_HOME: folder,
    LARDER_LAB: 'homelab-test',
    KUBECONFIG: '',
  };
  const statePath = labPaths(env).state;
  let lab: Lab;

  before(async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: namespaces, mounts, loop devices');
    const { code, output } = await larder('start');
    assert.equal(code, 0, output);
    lab = Lab.resume(statePath);
  });

  after(async () => {
    await larder('stop');
    rmSync(folder, { recursive: true, force: true });
  });

  it('answers SQL and has a verified dump when npm start returns', async () => {
    const { code, output } = await larder('status');
    assert.equal(code, 0, output);
    assert.match(output, /kube01 Ready, kube02 Ready, kube03 Ready/);
    assert.match(
      output,
      /PostgreSQL \d+\.\d+.* answers SQL, volume postgres-main on kube01:\/mnt\/nvme/,
    );
    assert.match(
      output,
      /dumped 2 databases .* to kube02:\/mnt\/nvme\/larder\/dumps\/main\/.*verified/,
    );
  });

  it('changes nothing when started again', async () => {
    const before = await objectVersions();
    const { code, output } = await larder('start');
    assert.equal(code, 0, output);
    assert.deepEqual(await objectVersions(), before);
  });

  it('keeps what was written when the pod is deleted', async () => {
    await sql('create table kept (id int primary key, note text)');
    await sql("insert into kept select n, 'row ' || n from generate_series(1, 1000) n");
    const { namespace, pod: name } = database;
    const uid = async () => (await core().readNamespacedPod({ name, namespace })).metadata?.uid;
    const first = await uid();
    await core().deleteNamespacedPod({ name, namespace });
    await lab.waitFor('another pod', async () => (await uid()) !== first, settledMs);
    await answersAgain();
    assert.equal(await sql('select count(*), sum(id) from kept'), '1000|500500');
  });

  it('keeps every committed row when the power of its node is cut', async () => {
    await sql('create table commits (id int primary key)');
    const committed: number[] = [];
    const enough = Promise.withResolvers<void>();
    const writer = (async () => {
      for (let id = 1; ; id += 1) {
        const { code } = await psql(`insert into commits values (${id})`);
        if (code !== 0) return;
        committed.push(id);
        if (id === 25) enough.resolve();
      }
    })().catch(() => undefined); // the connection breaks with the node
    await enough.promise;
    await lab.node(dataNode).cutPower();
    await writer;
    await lab.node(dataNode).restart();
    await answersAgain();
    const found = (await sql('select id from commits order by id')).split('\n').map(Number);
    const lost = committed.filter((id) => !found.includes(id));
    assert.deepEqual(lost, [], `${committed.length} rows were committed`);
  });

  it('restores a dump into an empty database, equal to the original', async () => {
    await runJob('dump-main', 'dump-for-test');
    const dump = await newestDump();
    await sql('create database restored');
    const original = await fingerprint('app');
    await restore(dump, 'restored');
    assert.equal(await fingerprint('restored'), original);
    assert.match(original, /commits.*kept/s);
    await sql('drop database restored');
  });

  it('says that the disk is full, loses nothing, and goes on when there is room again', async () => {
    const node = lab.node(dataNode);
    await sql('create table bulk (data text)');
    await node.fillDisk(diskPath);
    const refused = await psql(
      'insert into bulk select repeat(md5(n::text), 1000) from generate_series(1, 20000) n',
    );
    assert.notEqual(refused.code, 0);
    assert.match(`${refused.stderr}${await databaseLog()}`, /No space left on device/);
    await node.freeDisk(diskPath);
    await answersAgain();
    assert.equal(await sql('select count(*) from kept'), '1000');
    await sql("insert into bulk values ('room again')");
    assert.equal(await sql('select count(*) from bulk'), '1');
  });

  it('leaves no state behind when stopped', async () => {
    const { code, output } = await larder('stop');
    assert.equal(code, 0, output);
    assert.throws(() => Lab.resume(statePath), /no lab/i);
  });

  const core = () => lab.kubeConfig.makeApiClient(CoreV1Api);

  /** Runs one of the npm commands and resolves to its exit code and all it printed. */
  async function larder(
    name: 'start' | 'stop' | 'status',
  ): Promise<{ code: number; output: string }> {
    const file = path.join(repositoryRoot, `lab/${name}.ts`);
    return new Promise((resolve) => {
      execFile(process.execPath, [file], { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? 1);
        resolve({ code, output: `${stdout}${stderr}` });
      });
    });
  }

  async function psql(statement: string, name = 'app'): Promise<RunResult> {
    const flags = ['-U', 'app', '-d', name, '-AtX', '-v', 'ON_ERROR_STOP=1'];
    return lab.exec(database, ['psql', ...flags, '-c', statement]);
  }

  /** Output of one statement; throws what the server said when it refused. */
  async function sql(statement: string, name = 'app'): Promise<string> {
    const { code, stdout, stderr } = await psql(statement, name);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  async function answersAgain(): Promise<void> {
    await lab.waitFor(
      'the database to answer SQL',
      // Without a running container exec itself fails: not yet.
      async () => (await psql('select 1').catch(() => undefined))?.code === 0,
      settledMs,
    );
  }

  /** The log of this life of the server and, if it was restarted, of the last one. */
  async function databaseLog(): Promise<string> {
    const now = await lab.logs(database);
    const earlier = await lab.logs(database, { previous: true }).catch(() => '');
    return earlier + now;
  }

  /**
   * Every object of the stack with the counter that each write of it raises; controllers' excluded.
   */
  async function objectVersions(): Promise<string[]> {
    const { items: claims } = await core().listPersistentVolumeClaimForAllNamespaces();
    const { items: volumes } = await core().listPersistentVolume();
    const { items: secrets } = await core().listSecretForAllNamespaces();
    const { items: pods } = await core().listNamespacedPod({ namespace: database.namespace });
    return [...claims, ...volumes, ...secrets, ...pods]
      .map(({ metadata }) => `${metadata?.name} ${metadata?.uid} ${metadata?.resourceVersion}`)
      .toSorted();
  }

  /** What the tables hold, independent of row order. */
  async function fingerprint(name: string): Promise<string> {
    const tables = await sql(
      "select table_name from information_schema.tables where table_schema = 'public' order by 1",
      name,
    );
    const sums: string[] = [];
    for (const table of tables.split('\n')) {
      const rows = `select '${table}', count(*), md5(string_agg(t::text, '|' order by t::text)) from ${table} t`;
      sums.push(await sql(rows, name));
    }
    return sums.join('\n');
  }

  /**
   * Starts a job from a CronJob's template, as `kubectl create job --from` does, and waits for it.
   */
  async function runJob(cronJob: string, name: string): Promise<void> {
    const namespace = 'larder-system';
    const batch = lab.kubeConfig.makeApiClient(BatchV1Api);
    const { spec } = await batch.readNamespacedCronJob({ name: cronJob, namespace });
    const template = spec?.jobTemplate;
    assert.ok(template?.spec, `${cronJob} has no template`);
    await batch.createNamespacedJob({
      namespace,
      body: { metadata: { name, labels: template.metadata?.labels ?? {} }, spec: template.spec },
    });
    await lab.waitFor(
      `the job ${name} to succeed`,
      async () => (await batch.readNamespacedJob({ name, namespace })).status?.succeeded === 1,
      settledMs,
    );
  }

  /** Folder of the newest dump, on the node that keeps it. */
  async function newestDump(): Promise<string> {
    const base = `${diskPath}/larder/dumps/main`;
    const { stdout } = await lab.node(dumpNode).exec(['ls', base]);
    const newest = stdout
      .split('\n')
      .filter((name) => name.endsWith('Z'))
      .toSorted()
      .at(-1);
    assert.ok(newest, `no dump in ${base} of ${dumpNode}`);
    return `${base}/${newest}`;
  }

  /** As docs/data-safety.md tells a person: pg_restore in a pod on the node that has the dump. */
  async function restore(dump: string, name: string): Promise<void> {
    const namespace = database.namespace;
    const pod = await core().readNamespacedPod({ name: database.pod, namespace });
    const server = pod.spec?.containers.find((each) => each.name === database.container);
    const secret = pod.spec?.containers[0]?.env?.find((each) => each.name === 'POSTGRES_PASSWORD');
    assert.ok(server?.image && secret?.valueFrom, 'the server pod has no image or password');
    const script = `file=$(awk '$2 == "app" { print $1 }' /dump/databases) && pg_restore --exit-on-error -d ${name} "/dump/$file"`;
    await core().createNamespacedPod({
      namespace,
      body: {
        metadata: { name: 'restore' },
        spec: {
          restartPolicy: 'Never',
          nodeName: dumpNode,
          containers: [
            {
              name: 'restore',
              image: server.image,
              imagePullPolicy: 'Never',
              command: ['sh', '-c', script],
              env: [
                { name: 'PGHOST', value: 'postgres-main.apps.svc' },
                { name: 'PGUSER', value: 'app' },
                { name: 'PGPASSWORD', valueFrom: secret.valueFrom },
              ],
              volumeMounts: [{ name: 'dump', mountPath: '/dump', readOnly: true }],
            },
          ],
          volumes: [{ name: 'dump', hostPath: { path: dump, type: 'Directory' } }],
        },
      },
    });
    const phase = await lab.waitFor(
      'the restore to end',
      async () => {
        const { status } = await core().readNamespacedPod({ name: 'restore', namespace });
        return status?.phase === 'Succeeded' || status?.phase === 'Failed'
          ? status.phase
          : undefined;
      },
      settledMs,
    );
    assert.equal(phase, 'Succeeded', await lab.logs({ namespace, pod: 'restore' }));
  }
});
