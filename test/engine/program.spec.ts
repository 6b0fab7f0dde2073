import assert from 'node:assert/strict';
import path from 'node:path';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { failed, succeeded } from './support/cli-run.ts';
import { TestShelf } from './support/shelf.ts';
import { resourceNamed } from './support/state.ts';

/** The homelab stack. What edits and accidents do to data: matrix-edits and matrix-accidents. */
describe('program', function () {
  // The first test brings a whole shelf up.
  this.timeout(600_000);

  let shelf: TestShelf;
  before(async function () {
    shelf = await TestShelf.open(this);
  });
  after(async () => shelf?.[Symbol.asyncDispose]());
  afterEach(() => shelf.restoreConfig());

  it('makes no volume when its disk is not there, and goes on when it is', async () => {
    shelf.kubelet.failing = (pod) =>
      pod.startsWith('prepare-') ? 'REFUSED: /mnt/nvme on kube01 is an ordinary folder' : undefined;
    const { screen } = failed(await shelf.project.up());
    assert.match(screen, /prepare-postgres-main/);
    // The API server is shared: other suites leave volumes of other names.
    const { items } = await shelf.core.listPersistentVolume();
    const ours = items.filter(({ metadata }) => metadata?.name?.startsWith('larder-') === true);
    assert.deepEqual(ours, []);
    shelf.kubelet.failing = () => undefined;
    succeeded(await shelf.project.up());
    assert.ok((await shelf.identities())['volume']);
  });

  it('changes nothing when it runs again', async () => {
    assert.deepEqual(succeeded(await shelf.project.up()).operations, []);
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
});
