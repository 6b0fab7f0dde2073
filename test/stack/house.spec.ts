import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { assertGolden, renderRun } from './support/golden.ts';
import { houseConfig, secretValues } from './support/house.ts';
import { type ProgramRun, type Recorded, runProgram, secretMark } from './support/record.ts';

describe('stack of every application and backup', () => {
  let run: ProgramRun;
  before(async () => {
    run = await runProgram({ config: houseConfig() });
  });
  const find = (name: string) => run.resources.find((resource) => resource.name === name);
  const named = (name: string): Recorded => {
    const found = find(name);
    assert.ok(found, `no resource is called ${name}`);
    return found;
  };
  /** The value at a path such as `spec.template.spec.containers.0.image`. */
  const at = (name: string, where: string): unknown =>
    where
      .split('.')
      .reduce<unknown>(
        (value, key) => (value as Record<string, unknown> | undefined)?.[key],
        named(name).inputs,
      );
  const pod = 'spec.template.spec';
  const jobPod = 'spec.jobTemplate.spec.template.spec';
  const envOf = (name: string, where: string): Record<string, string> =>
    Object.fromEntries(
      (at(name, where) as { name: string; value?: string }[]).map((entry) => [
        entry.name,
        entry.value ?? '(from elsewhere)',
      ]),
    );

  it('declares what its golden file says, one of each kind', () => {
    const shown = /^(?:gitea-forge|loki-logs|home-assistant-home-server|dataset-vectors)/;
    const more = /^(?:app-inference|target-|backup-photos|photos-restore|restore-forge|scans-)/;
    const resources = run.resources.filter(({ name }) => shown.test(name) || more.test(name));
    assertGolden('house', renderRun({ ...run, resources }));
  });

  it('shows no secret anywhere, and marks what holds one', () => {
    const golden = readFileSync(path.join(import.meta.dirname, 'golden/house.txt'), 'utf8');
    for (const value of Object.values(secretValues)) assert.ok(!golden.includes(value));
    for (const secret of [
      'gitea-forge-secret',
      'app-agent-secret',
      'gitea-forge-mirror-secret',
      'target-offsite-secret-apps',
      'target-drive-secret-larder-system',
      'target-drive-server-secret',
      'restore-forge-secret',
    ])
      assert.equal(named(secret).inputs['data'], secretMark, secret);
  });

  it("keeps Gitea's keys for good and draws none of them again", () => {
    const { options } = named('gitea-forge-secret');
    assert.deepEqual(
      [options.protect, options.retainOnDelete, options.provider, options.ignoreChanges],
      [true, true, 'cluster-data', ['data']],
    );
    for (const key of ['secret-key', 'internal-token', 'lfs-jwt-secret', 'admin-password']) {
      const made = named(`gitea-forge-${key}`).options;
      assert.deepEqual([made.protect, made.retainOnDelete], [true, true], key);
    }
  });

  it('stops the old pod before the new one wherever a volume is written', () => {
    for (const app of ['gitea-forge', 'loki-logs', 'home-assistant-home', 'app-agent'])
      assert.deepEqual(at(`${app}-server`, 'spec.strategy'), { type: 'Recreate' }, app);
  });

  it('lets no application begin in place of its volume', () => {
    const guard = `${pod}.initContainers.0`;
    assert.equal(at('gitea-forge-server', `${guard}.name`), 'guard-gitea-forge');
    assert.equal(envOf('gitea-forge-server', `${guard}.env`)['VOLUME'], 'gitea-forge');
  });

  it('starts Gitea on its database, behind a restore of it', () => {
    const server = named('gitea-forge-server');
    assert.ok(server.options.dependsOn.includes('restore-forge-job'), 'after the restore');
    const env = envOf('gitea-forge-server', `${pod}.containers.0.env`);
    assert.equal(env['GITEA__database__DB_TYPE'], 'postgres');
    assert.equal(env['GITEA__database__HOST'], 'postgres-forge.apps.svc:5432');
    assert.equal(env['GITEA__database__PASSWD'], '(from elsewhere)');
    assert.equal(env['GITEA__server__ROOT_URL'], 'http://git.home.arpa/');
  });

  it('gives readers of a dataset the volume read-only and the keeper its leases', () => {
    const reader = 'app-inference-server';
    const mounts = at(reader, `${pod}.containers.0.volumeMounts`) as { readOnly?: boolean }[];
    assert.ok(mounts.length === 2 && mounts.every(({ readOnly }) => readOnly === true));
    // Two volumes of one claim would be mounted once, read-only for the keeper as well.
    const claims = at(reader, `${pod}.volumes`) as { persistentVolumeClaim?: object }[];
    assert.equal(claims.filter((volume) => volume.persistentVolumeClaim !== undefined).length, 1);
    const kept = at(reader, `${pod}.initContainers.0.volumeMounts`) as object[];
    assert.deepEqual(kept[1], { name: 'dataset-vectors', mountPath: '/leases', subPath: 'leases' });
    assert.equal(at(reader, `${pod}.initContainers.0.restartPolicy`), 'Always');
    assert.equal(at(reader, `${pod}.shareProcessNamespace`), true);
    assert.deepEqual(at(reader, `${pod}.securityContext.supplementalGroups`), [2000]);
    assert.equal(at(reader, `${pod}.securityContext.fsGroup`), undefined);
    assert.deepEqual(at(reader, 'spec.strategy.rollingUpdate'), { maxSurge: 1, maxUnavailable: 0 });
    assert.ok(named(reader).options.dependsOn.includes('dataset-vectors-folders'));
  });

  it('lets the writer of a dataset write nothing but its new version', () => {
    const mounts = at('dataset-vectors-writer', `${jobPod}.initContainers.1.volumeMounts`);
    assert.deepEqual(mounts, [
      { name: 'store', mountPath: '/dataset', readOnly: true },
      { name: 'store', mountPath: '/dataset/incoming', subPath: 'incoming' },
    ]);
  });

  it('adopts a folder that is named and nothing else', () => {
    assert.equal(at('scans-disk', 'spec.local.path'), '/mnt/nvme/old/scans');
    const env = (name: string) => envOf(name, `${pod}.containers.0.env`);
    assert.equal(env('scans-prepare')['ADOPT'], 'old/scans');
    assert.equal(env('photos-prepare')['ADOPT'], undefined);
  });

  it('fills a new volume from its backup once, before anything may use it', () => {
    const env = envOf('photos-restore', `${pod}.containers.0.env`);
    assert.equal(env['SNAPSHOT'], 'latest');
    assert.equal(
      env['RESTIC_REPOSITORY'],
      's3:https://s3.example.org/larder-home/larder/homelab/photos',
    );
    assert.ok(named('photos-restore').options.dependsOn.includes('target-offsite-probe'));
    assert.equal(find('agent-embeddings-restore'), undefined);
  });

  it('leaves a restore as it is once the volume is known', async () => {
    const claim = {
      metadata: {
        name: 'photos',
        namespace: 'apps',
        labels: { 'larder.dev/volume': 'photos' },
        annotations: { 'larder.dev/place': 'kube03:/mnt/nvme/larder/volumes/photos' },
      },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'local-ssd',
        resources: { requests: { storage: '100Gi' } },
      },
    };
    const state = { urn: { type: 'kubernetes:core/v1:PersistentVolumeClaim', outputs: claim } };
    const again = await runProgram({ config: houseConfig(), state });
    const job = again.resources.find(({ name }) => name === 'photos-restore');
    assert.deepEqual(job?.options.ignoreChanges, ['metadata', 'spec']);
  });

  it('backs every volume up but those whose owner says why not', () => {
    const backedUp = run.resources
      .filter(({ type }) => type === 'larder:index:BackupSchedule')
      .map(({ name, inputs }) => `${name} → ${String(inputs['target'])}`);
    assert.deepEqual(backedUp, [
      'backup-agent-embeddings → offsite',
      'backup-dataset-vectors → drive',
      'backup-gitea-forge → offsite',
      'backup-home-assistant-home → offsite',
      'backup-k3s-kube01 → offsite',
      'backup-photos → offsite',
      'backup-postgres-forge → offsite',
    ]);
  });

  it('keeps at least three good backups whatever their age', () => {
    const env = envOf('backup-photos-backup', `${jobPod}.containers.0.env`);
    assert.equal(env['KEEP'], '--keep-last=3 --keep-daily=7 --keep-weekly=4 --keep-monthly=3');
  });

  it('backs up the dumps of a database, not its files', () => {
    assert.equal(at('backup-postgres-forge-backup', 'metadata.namespace'), 'larder-system');
    const env = envOf('backup-postgres-forge-backup', `${jobPod}.containers.0.env`);
    assert.equal(env['DATA'], '/host/nvme/larder/dumps/forge');
    assert.deepEqual(at('backup-postgres-forge-backup', `${jobPod}.nodeSelector`), {
      'kubernetes.io/hostname': 'kube02',
    });
  });

  it('copies the SQLite files of Home Assistant before it backs up', () => {
    const job = 'backup-home-assistant-home-backup';
    assert.equal(at(job, `${jobPod}.initContainers.0.name`), 'sqlite-copies');
    assert.equal(envOf(job, `${jobPod}.containers.0.env`)['COPIES'], '/copies');
  });

  it("copies the cluster's datastore and takes its token along", () => {
    const job = 'backup-k3s-kube01-backup';
    assert.deepEqual(at(job, `${jobPod}.nodeSelector`), { 'kubernetes.io/hostname': 'kube01' });
    assert.equal(at(job, `${jobPod}.initContainers.0.name`), 'sqlite-copies');
    assert.equal(envOf(job, `${jobPod}.containers.0.env`)['EXCLUDE'], 'db/etcd');
    assert.deepEqual(at(job, `${jobPod}.volumes.3.hostPath`), {
      path: '/var/lib/rancher/k3s/server',
      type: 'Directory',
    });
  });

  it('serves a drive from its node after it has found the right one mounted', () => {
    const server = 'target-drive-server';
    assert.deepEqual(at(server, `${pod}.nodeSelector`), { 'kubernetes.io/hostname': 'kube03' });
    assert.equal(envOf(server, `${pod}.initContainers.0.env`)['UUID'], '6d2b-44f1');
    assert.deepEqual(at(server, `${pod}.volumes.0.hostPath`), {
      path: '/mnt/usb/larder/backups',
      type: 'Directory',
    });
  });

  it('tells the arithmetic of copies, and what is not covered and why', () => {
    const { backups, applications } = run.outputs as Record<string, Record<string, string>>;
    assert.match(
      backups?.['postgres-forge'] ?? '',
      /^3 of 3 copies, 2 of 2 media, 1 of 1 off-site, 1 of 1 immutable; at most 24 h of work lost, 60 days back, restores are tried/,
    );
    assert.match(
      backups?.['loki-logs'] ?? '',
      /^1 of 3 copies, .* no backup: logs are not worth a second place$/,
    );
    assert.match(
      backups?.['dataset-vectors'] ?? '',
      /2 of 3 copies, 2 of 2 media, 0 of 1 off-site/,
    );
    assert.match(applications?.['loki-logs'] ?? '', /30 days of logs, at most 1536Mi a day/);
  });

  it('refuses secrets that stand in clear, and names none of their values', async () => {
    const config = houseConfig();
    await assert.rejects(runProgram({ config, encrypted: [] }), (error: Error) => {
      assert.match(error.message, /larder:secrets\n +found +offsite-key, .*mirror-token, in clear/);
      assert.doesNotMatch(error.message, /a-secret-that/);
      return true;
    });
  });
});
