import assert from 'node:assert/strict';
import { failed, succeeded } from './support/cli-run.ts';
import { TestShelf } from './support/shelf.ts';
import { resourceNamed } from './support/state.ts';

describe('program', function () {
  // A story is up to seven updates of ten seconds each on a quiet machine.
  this.timeout(600_000);

  it('keeps the data when it is destroyed, and takes them up again', async function () {
    await using shelf = await TestShelf.open(this);
    succeeded(await shelf.project.up());
    const before = await shelf.identities();

    const refused = failed(await shelf.project.destroy());
    assert.match(refused.screen, /cannot be deleted/);
    assert.deepEqual(await shelf.identities(), before, 'protection holds');

    succeeded(await shelf.project.pulumi(['state', 'unprotect', '--all', '--yes']));
    succeeded(await shelf.project.destroy());
    assert.deepEqual(shelf.project.state().resources, []);
    assert.deepEqual(await shelf.identities(), before, 'what holds data is kept in the cluster');
    const password = await shelf.password();

    succeeded(await shelf.project.up());
    assert.deepEqual(await shelf.identities(), before, 'the same objects, not new ones');
    assert.equal(await shelf.password(), password, 'the database keeps its password');
    assert.deepEqual(succeeded(await shelf.project.up()).operations, []);
  });

  it('recovers from a lost state, when told to take over what is there', async function () {
    await using shelf = await TestShelf.open(this);
    succeeded(await shelf.project.up());
    const before = await shelf.identities();
    const password = await shelf.password();
    await shelf.project.loseState();

    const refused = failed(await shelf.project.up());
    assert.match(refused.screen, /larder:cluster\.adopt\n +found +a state that knows nothing/);
    assert.deepEqual(refused.operations, []);

    shelf.adopt(true);
    succeeded(await shelf.project.up());
    assert.deepEqual(await shelf.identities(), before);
    assert.equal(await shelf.password(), password);
    assert.deepEqual(succeeded(await shelf.project.up()).operations, []);
    shelf.adopt(false);
    assert.deepEqual(succeeded(await shelf.project.up()).operations, []);

    shelf.configureDatabases([{ ...shelf.database, size: '12Gi' }]);
    succeeded(await shelf.project.up());
    assert.deepEqual(
      await shelf.identities(),
      before,
      'an edit finds no conflict with its former self',
    );
  });

  it('lets go of a database in two steps, and leaves its data', async function () {
    await using shelf = await TestShelf.open(this);
    succeeded(await shelf.project.up());
    const before = await shelf.identities();
    shelf.configureDatabases([{ ...shelf.database, retire: true }]);
    succeeded(await shelf.project.up());
    shelf.configureDatabases([]);
    succeeded(await shelf.project.up());
    assert.deepEqual(await shelf.identities(), before);
    assert.throws(() => resourceNamed(shelf.project.state(), 'postgres-main-volume-claim'));
  });

  it('makes no volume when its disk is not there, and goes on when it is', async function () {
    await using shelf = await TestShelf.open(this);
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
});
