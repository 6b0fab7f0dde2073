import assert from 'node:assert/strict';
import path from 'node:path';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { failed, succeeded } from './support/cli-run.ts';
import { TestShelf } from './support/shelf.ts';
import { resourceNamed, type StackState } from './support/state.ts';

/** Edits that would put data aside; the engine alone would plan a replacement or a deletion. */
const refusals = [
  {
    edit: 'shrinks the volume',
    databases: (main: object) => [{ ...main, size: '5Gi' }],
    says: /larder:postgres\[0\]\.size\n +found +5Gi, and the volume postgres-main has 10Gi\n +allowed +10Gi: or more\. A volume cannot shrink/,
  },
  {
    edit: 'gives the volume another class',
    databases: (main: object) => [{ ...main, tier: 'local', node: undefined }],
    says: /larder:postgres\[0\]\.tier\n +found +local, and the volume postgres-main has local-ssd\n.*would stay behind at kube01:\/mnt\/nvme\/larder\/volumes\/postgres-main/,
  },
  {
    edit: 'moves the volume to another node',
    databases: (main: object) => [{ ...main, node: 'kube03' }],
    says: /larder:postgres\[0\]\.node\n +found +kube03:\S+, and the volume postgres-main has kube01:/,
  },
  {
    edit: 'moves the volume to another namespace',
    databases: (main: object) => [{ ...main, namespace: 'data' }],
    says: /larder:postgres\[0\]\.namespace\n +found +data, and the volume postgres-main has apps/,
  },
  {
    edit: 'renames the database',
    databases: (main: object) => [{ ...main, name: 'prime' }],
    says: /larder:postgres\n +found +the volume postgres-main \(10Gi, kube01:\S+\) gone and postgres-prime in its place, as in a rename/,
  },
  {
    edit: 'removes the database',
    databases: () => [],
    says: /found +no volume postgres-main any more, which holds up to 10Gi of data/,
  },
  {
    edit: 'changes the major version of PostgreSQL',
    databases: (main: object) => [{ ...main, image: 'postgres:17.5-alpine' }],
    says: /larder:postgres\[0\]\.image\n +found +PostgreSQL 17 alpine, and the data of main were written by 16 alpine/,
  },
];

const git = { name: 'git', size: '1Gi', node: 'kube03' };

/**
 * What a refusal must leave as it was: which resources there are, their objects, their protection.
 */
const recognise = ({ resources }: StackState) =>
  resources.map(({ urn, id, protect }) => ({ urn, id, protect }));

describe('program on a shelf that is up', function () {
  // The first hook brings the whole shelf up.
  this.timeout(600_000);

  let shelf: TestShelf;
  let main: object;
  before(async function () {
    shelf = await TestShelf.open(this);
    main = shelf.database;
    // Beside the database, a volume for an application of one's own.
    shelf.configureVolumes([git]);
    succeeded(await shelf.project.up());
  });
  after(async () => shelf?.[Symbol.asyncDispose]());
  afterEach(() => {
    shelf.restoreConfig();
    shelf.configureVolumes([git]);
  });

  it('changes nothing when it runs again', async () => {
    assert.deepEqual(succeeded(await shelf.project.up()).operations, []);
  });

  for (const { edit, databases, says } of refusals) {
    it(`refuses before anything changes when an edit ${edit}`, async () => {
      const before = recognise(shelf.project.state());
      shelf.configureDatabases(databases(main));
      const { screen, operations } = failed(await shelf.project.up());
      assert.match(screen, says);
      assert.match(screen, /nothing was changed/);
      assert.match(screen, /to do +(?:write|put|go back)/);
      assert.deepEqual(operations, []);
      assert.deepEqual(recognise(shelf.project.state()), before);
    });
  }

  it('refuses before anything changes when an edit changes the access mode of a volume', async () => {
    const before = recognise(shelf.project.state());
    shelf.configureVolumes([{ ...git, accessMode: 'ReadWriteOncePod' }]);
    for (const command of ['preview', 'up'] as const) {
      const { screen } = failed(await shelf.project[command]());
      assert.match(
        screen,
        /larder:volumes\[0\]\.accessMode\n +found +ReadWriteOncePod, and the volume git has ReadWriteOnce/,
      );
    }
    assert.deepEqual(recognise(shelf.project.state()), before);
  });

  it('stops preview and up when a policy is violated', async () => {
    shelf.project.configure({
      'larder:images': {
        localPathProvisioner: 'docker.io/rancher/local-path-provisioner:latest',
      },
    });
    const packs = { policyPacks: [path.join(repositoryRoot, 'policies')] };
    for (const command of ['preview', 'up'] as const) {
      const { screen, violations } = failed(await shelf.project[command](packs));
      assert.match(screen, /local-path-provisioner:latest/);
      assert.ok(
        violations.some(({ level }) => level === 'mandatory'),
        JSON.stringify(violations),
      );
    }
  });

  it('passes the policies as it is', async () => {
    const packs = { policyPacks: [path.join(repositoryRoot, 'policies')] };
    const { violations } = succeeded(await shelf.project.preview(packs));
    assert.deepEqual(
      violations.filter(({ level }) => level === 'mandatory'),
      [],
    );
  });

  it('refuses a cluster that is not the one of its state', async () => {
    const { outputs = {} } = resourceNamed(shelf.project.state(), 'system-namespace');
    const [, uid] = /"larder\.dev\/cluster":"([^"]+)"/.exec(JSON.stringify(outputs)) ?? [];
    assert.ok(uid, JSON.stringify(outputs));
    const replaceUid = (from: string, to: string) =>
      shelf.project.editState((deployment) => {
        Object.assign(deployment, JSON.parse(JSON.stringify(deployment).replaceAll(from, to)));
      });
    await replaceUid(uid, 'the-uid-of-another-cluster');
    const { screen, operations } = failed(await shelf.project.up());
    assert.match(screen, /belongs to the-uid-of-another-cluster/);
    assert.deepEqual(operations, []);
    await replaceUid('the-uid-of-another-cluster', uid);
  });

  it('grows a volume in place, claim and disk alike', async () => {
    const before = await shelf.identities();
    shelf.configureDatabases([{ ...main, size: '12Gi' }]);
    const { operations } = succeeded(await shelf.project.up());
    const objects = operations.filter((operation) => operation.includes('postgres-main-volume-'));
    assert.deepEqual(objects, [
      'update postgres-main-volume-claim',
      'update postgres-main-volume-disk',
    ]);
    assert.deepEqual(await shelf.identities(), before);
    const claim = await shelf.core.readNamespacedPersistentVolumeClaim({
      namespace: 'apps',
      name: 'postgres-main',
    });
    assert.equal(claim.spec?.resources?.requests?.['storage'], '12Gi');
  });
});
