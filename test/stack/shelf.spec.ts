import assert from 'node:assert/strict';
import { homelabConfig, type ProgramRun, type Recorded, runProgram } from './support/record.ts';

/** A rack with what the homelab stack has not: an SD card, a drive, volumes of one's own. */
const rack = {
  nodes: [
    { name: 'pi-1', labels: { storage: 'fast-ssd' }, disks: [{ mount: '/data', kind: 'nvme' }] },
    {
      name: 'pi-2',
      disks: [
        { mount: '/mnt/card', kind: 'sd' },
        { mount: '/media/usb', kind: 'usb', uuid: '6d2b-44f1' },
      ],
    },
    { name: 'pi-3' },
  ],
  tiers: [
    { name: 'manual', engine: 'static' },
    { name: 'cheap', engine: 'local-path', default: true, reclaim: 'Delete' },
  ],
  volumes: [
    { name: 'gitea', size: '20Gi', node: 'pi-1', namespace: 'forge' },
    { name: 'cache', size: '5Gi', tier: 'cheap' },
    { name: 'old', size: '1Gi', node: 'pi-1', retire: true },
  ],
  postgres: [
    {
      name: 'main',
      size: '10Gi',
      node: 'pi-1',
      image: 'postgres:18.1-bookworm',
      dumps: { node: 'pi-2', disk: 'usb' },
    },
    { name: 'play', size: '1Gi', tier: 'cheap', dumps: { skip: 'a playground, nothing to lose' } },
  ],
};

describe('shelf of many kinds', () => {
  let run: ProgramRun;
  before(async () => {
    run = await runProgram({ config: { ...homelabConfig(), ...rack } });
  });
  const find = (name: string) => run.resources.find((resource) => resource.name === name);
  const named = (name: string): Recorded => {
    const found = find(name);
    assert.ok(found, `no resource is called ${name}`);
    return found;
  };
  /** The value at a path such as `spec.template.spec.containers.0.image`. */
  const at = (name: string, path: string): unknown =>
    path
      .split('.')
      .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], named(name).inputs);

  it('warns of an SD card', () => {
    const warnings = run.warnings.filter((warning) => warning.includes('SD card'));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^pi-2\/card is an SD card: it wears out under writes/);
  });

  it('labels nodes with what was asked for and with their disks, and leaves others alone', () => {
    assert.deepEqual(at('nodes-pi-1', 'metadata.labels'), {
      storage: 'fast-ssd',
      'larder.dev/disk.data': 'nvme',
      'larder.dev/role.worker': 'true',
      'larder.dev/role.storage': 'true',
    });
    assert.deepEqual(at('nodes-pi-2', 'metadata.labels'), {
      'larder.dev/disk.card': 'sd',
      'larder.dev/disk.usb': 'usb',
      'larder.dev/role.worker': 'true',
      'larder.dev/role.storage': 'true',
    });
    assert.deepEqual(at('nodes-pi-3', 'metadata.labels'), { 'larder.dev/role.worker': 'true' });
  });

  it('places a static volume on its disk and a dynamic one nowhere', () => {
    assert.equal(at('gitea-disk', 'spec.local.path'), '/data/larder/volumes/gitea');
    assert.deepEqual(at('gitea-disk', 'spec.claimRef'), {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      namespace: 'forge',
      name: 'gitea',
    });
    assert.equal(at('cache-claim', 'spec.storageClassName'), 'cheap');
    assert.equal(at('cache-claim', 'spec.volumeName'), undefined);
    for (const none of ['cache-disk', 'cache-prepare', 'cache-record'])
      assert.equal(find(none), undefined);
  });

  it('binds the parent of a mount path, also when that is the root', () => {
    assert.equal(at('gitea-prepare', 'spec.template.spec.volumes.0.hostPath.path'), '/');
  });

  it('takes protection off what was let go of, and off nothing else', () => {
    for (const part of ['claim', 'disk', 'record']) {
      assert.deepEqual(
        [named(`old-${part}`).options.protect, named(`old-${part}`).options.retainOnDelete],
        [false, true],
      );
      assert.equal(named(`gitea-${part}`).options.protect, true);
    }
    assert.equal(
      (at('old-claim', 'metadata.annotations') as Record<string, string>)['larder.dev/retired'],
      'true',
    );
  });

  it('gives dynamic tiers only the disks that are no SD cards, on the nodes that have them', () => {
    const files = at('local-path-files', 'data') as Record<string, string>;
    assert.deepEqual(JSON.parse(files['config.json'] ?? ''), {
      storageClassConfigs: {
        cheap: {
          nodePathMap: [
            { node: 'pi-1', paths: ['/data/larder-dynamic'] },
            { node: 'pi-2', paths: ['/media/usb/larder-dynamic'] },
          ],
        },
      },
    });
  });

  it('makes the classes as their tiers say', () => {
    const facts = (name: string) =>
      ['provisioner', 'reclaimPolicy', 'allowVolumeExpansion', 'volumeBindingMode'].map((key) =>
        at(name, key),
      );
    assert.deepEqual(facts('manual-class'), [
      'kubernetes.io/no-provisioner',
      'Retain',
      true,
      'WaitForFirstConsumer',
    ]);
    assert.deepEqual(facts('cheap-class'), [
      'larder.dev/local-path',
      'Delete',
      false,
      'WaitForFirstConsumer',
    ]);
    const isDefault = (name: string) =>
      (at(name, 'metadata.annotations') as Record<string, string>)[
        'storageclass.kubernetes.io/is-default-class'
      ];
    assert.deepEqual([isDefault('manual-class'), isDefault('cheap-class')], ['false', 'true']);
    assert.equal(named('cheap-class').options.deleteBeforeReplace, true);
  });

  it('follows the layout of PostgreSQL 18 and of Debian', () => {
    const pod = 'postgres-main-server';
    assert.equal(at(pod, 'spec.template.spec.securityContext.runAsUser'), 999);
    assert.equal(
      at(pod, 'spec.template.spec.containers.0.volumeMounts.0.mountPath'),
      '/var/lib/postgresql',
    );
    assert.deepEqual(at(pod, 'spec.template.spec.containers.0.env.0'), {
      name: 'PGDATA',
      value: '/var/lib/postgresql/pgdata',
    });
  });

  it('checks the identity of an external drive before it dumps to it', () => {
    const spec = 'spec.template.spec';
    assert.deepEqual(at('dump-main-first', `${spec}.containers.0.env.2`), {
      name: 'UUID',
      value: '6d2b-44f1',
    });
    assert.deepEqual(at('dump-main-first', `${spec}.volumes.1.hostPath`), {
      path: '/dev/disk/by-uuid',
      type: 'Directory',
    });
  });

  it('runs the same pod every night as while the update waits', () => {
    assert.deepEqual(
      at('dump-main-nightly', 'spec.jobTemplate.spec.template'),
      at('dump-main-first', 'spec.template'),
    );
  });

  it('dumps nothing of a database that says why', () => {
    assert.equal(find('dump-play-first'), undefined);
    const { databases } = run.outputs as { databases: Record<string, { dumps: string }> };
    assert.equal(databases['play']?.dumps, 'none: a playground, nothing to lose');
  });

  it('asks a volume that a provisioner made for no mark', () => {
    const names = (server: string) =>
      (at(server, 'spec.template.spec.initContainers.0.env') as { name: string }[]).map(
        ({ name }) => name,
      );
    assert.deepEqual(names('postgres-play-server'), ['ROOT', 'PGDATA']);
    assert.deepEqual(names('postgres-main-server'), ['VOLUME', 'ROOT', 'PGDATA']);
  });

  it('keeps a namespace declared that once held data', async () => {
    const state = {
      'urn:pulumi:homelab::larder::x::past': {
        type: 'kubernetes:core/v1:Namespace',
        outputs: { metadata: { name: 'past', labels: { 'larder.dev/holds': 'data' } } },
      },
    };
    const again = await runProgram({ config: homelabConfig(), state });
    const past = again.resources.find(({ name }) => name === 'past-namespace');
    assert.equal(past?.options.protect, true);
  });

  it('leaves the job of a volume that exists as it was, and corrects one that never ran', async () => {
    const claim = {
      metadata: {
        name: 'postgres-main',
        namespace: 'apps',
        labels: { 'larder.dev/volume': 'postgres-main' },
        annotations: { 'larder.dev/place': 'kube01:/mnt/nvme/larder/volumes/postgres-main' },
      },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'local-ssd',
        resources: { requests: { storage: '10Gi' } },
      },
    };
    const type = 'kubernetes:core/v1:PersistentVolumeClaim';
    const ignored = async (state: Record<string, { type: string; outputs: unknown }>) => {
      const { resources } = await runProgram({ config: homelabConfig(), state });
      return resources.find(({ name }) => name === 'postgres-main-volume-prepare')?.options
        .ignoreChanges;
    };
    assert.deepEqual(await ignored({ urn: { type, outputs: claim } }), ['metadata', 'spec']);
    assert.deepEqual(await ignored({}), []);
  });

  it('leaves the provisioner out when no tier needs it', async () => {
    const tiers = [{ name: 'local-ssd', engine: 'static', default: true }];
    const { resources } = await runProgram({ config: { ...homelabConfig(), tiers } });
    assert.deepEqual(
      resources.filter(({ name }) => name.startsWith('local-path')),
      [],
    );
  });

  it('is one owner of every object, by one name', () => {
    for (const { type, urn, inputs } of run.resources) {
      if (!type.startsWith('kubernetes:')) continue;
      const { annotations } = inputs['metadata'] as { annotations?: Record<string, string> };
      assert.equal(annotations?.['pulumi.com/patchFieldManager'], 'larder', urn);
    }
  });
});
