import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { waitFor } from '../../lab/cluster/wait.ts';
import { failed, type RunningCommand, succeeded } from './support/cli-run.ts';
import { type Accident, engines, type Kind, kinds, tiers } from './support/matrix-table.ts';
import { TestShelf } from './support/shelf.ts';

/**
 * The matrix of data safety, part two: what happens to a stack as a whole. One shelf with one
 * volume of each kind goes through all of it; after each step every kind still is what it was.
 */
const volumes = [
  { name: 'git', size: '1Gi', node: 'kube03' },
  { name: 'cache', size: '1Gi', tier: 'local' },
  { name: 'media', size: '1Gi', tier: 'nas' },
  { name: 'vault', size: '1Gi', tier: 'copies' },
];
const later = (name: string) => ({ name, size: '1Gi', node: 'kube02' });

/** What must be the same object before and after, for each kind. */
const objects: Readonly<Record<Kind, readonly string[]>> = {
  'static volume': ['namespaces/apps', 'claims/git', 'volumes/larder-git'],
  'dynamic volume': ['namespaces/apps', 'claims/cache'],
  'NFS volume': ['namespaces/apps', 'claims/media'],
  'replicated volume': ['namespaces/apps', 'claims/vault'],
  database: ['claims/postgres-main', 'volumes/larder-postgres-main', 'secrets/postgres-main'],
};

/** The URNs that a refusal says to take out of the state. */
const deletedUrns = (screen: string) =>
  [...screen.matchAll(/pulumi state delete '([^']+)' --force --yes/g)].map(([, urn = '']) => urn);

describe('data safety: accidents', function () {
  this.timeout(600_000);
  let shelf: TestShelf;
  let identities: Awaited<ReturnType<TestShelf['everyIdentity']>>;
  let kubeconfig: string;
  let databases: readonly object[];
  before(async function () {
    shelf = await TestShelf.open(this);
    databases = [{ ...shelf.database, dumps: { skip: 'the matrix looks at volumes alone' } }];
    shelf.configureVolumes(volumes);
    shelf.configureDatabases(databases);
    shelf.project.configure({ 'larder:tiers': tiers, 'larder:engines': engines });
    const file = parse(readFileSync(shelf.project.configFile, 'utf8')) as {
      readonly config: { readonly 'larder:cluster': { readonly kubeconfig: string } };
    };
    ({ kubeconfig } = file.config['larder:cluster']);
    succeeded(await shelf.project.up());
    identities = await shelf.everyIdentity();
  });
  after(async () => shelf?.[Symbol.asyncDispose]());

  /** One accident: what is done, then a cell for each kind. */
  function accident(name: Accident, work: () => Promise<void>, of: readonly Kind[] = kinds): void {
    describe(name, () => {
      let after: Awaited<ReturnType<TestShelf['everyIdentity']>>;
      before(async () => {
        await work();
        after = await shelf.everyIdentity();
      });
      for (const kind of of)
        it(`${kind}: ${name} leaves it as it was`, () => {
          for (const object of objects[kind]) {
            assert.ok(identities[object], `${object} was there`);
            assert.equal(after[object], identities[object], object);
          }
        });
    });
  }

  accident('tier: another reclaim policy or default', async () => {
    const others = tiers.map((tier) => ({
      ...tier,
      default: tier['name'] === 'local-ssd',
      ...(['local', 'nas', 'copies'].includes(String(tier['name'])) ? { reclaim: 'Delete' } : {}),
    }));
    shelf.project.configure({ 'larder:tiers': others });
    const { steps } = succeeded(await shelf.project.up());
    const changed = steps.filter(({ op, type }) => op !== 'same' && type.startsWith('kubernetes:'));
    assert.ok(changed.some(({ op, name }) => op === 'replace' && name === 'local-class'));
    for (const { name } of changed) assert.match(name, /-class$/, 'nothing but classes');
    shelf.project.configure({ 'larder:tiers': tiers });
    succeeded(await shelf.project.up());
  });

  accident('another kubeconfig of the same cluster', async () => {
    const text = readFileSync(kubeconfig, 'utf8');
    const content = parse(text) as {
      contexts: { name: string; context: object }[];
    };
    const [first] = content.contexts;
    assert.ok(first);
    content.contexts = [{ ...first, name: 'moved' }];
    const file = path.join(path.dirname(shelf.project.configFile), 'moved-kubeconfig');
    writeFileSync(file, stringify(content));
    shelf.project.configure({ 'larder:cluster': { context: 'moved', kubeconfig: file } });
    assert.deepEqual(succeeded(await shelf.project.up()).operations, []);
    shelf.adopt(false);
  });

  accident('`pulumi import` of a claim that is declared', async () => {
    const claims = ['git', 'cache', 'media', 'vault', 'postgres-main'];
    const resources = claims.map((name) => ({
      type: 'kubernetes:core/v1:PersistentVolumeClaim',
      name: `copy-${name}`,
      id: `apps/${name}`,
    }));
    const list = path.join(path.dirname(shelf.project.configFile), 'import.json');
    writeFileSync(list, JSON.stringify({ resources }));
    const flags = ['--config-file', shelf.project.configFile, '--yes', '--skip-preview'];
    // Without these two words the engine would protect the copies, and be stuck instead.
    flags.push('--protect=false', '--generate-code=false');
    const args = ['import', ...flags, '--file', list];
    succeeded(await shelf.project.pulumi(args, { env: { KUBECONFIG: kubeconfig } }));
    const refused = failed(await shelf.project.up());
    assert.match(
      refused.screen,
      /the stack's state\n +found +the claim apps\/git twice: urn\S+ and urn\S+, as after `pulumi import`/,
    );
    assert.deepEqual(refused.operations, []);
    const urns = deletedUrns(refused.screen);
    assert.equal(urns.length, 5, refused.screen);
    for (const urn of urns)
      succeeded(await shelf.project.pulumi(['state', 'delete', urn, '--force', '--yes']));
    assert.deepEqual(succeeded(await shelf.project.up()).operations, []);
  });

  accident('remove the application, keep the data', async () => {
    const retire = (entry: object) => ({ ...entry, retire: true });
    shelf.configureVolumes(volumes.map(retire));
    shelf.configureDatabases(databases.map(retire));
    succeeded(await shelf.project.up());
    shelf.configureVolumes([]);
    shelf.configureDatabases([]);
    const { operations } = succeeded(await shelf.project.up());
    assert.ok(operations.includes('delete postgres-main-server'), operations.join('\n'));
    const kept = await shelf.everyIdentity();
    for (const object of Object.values(objects).flat())
      assert.equal(kept[object], identities[object], object);
    // Declared again, it is taken up again.
    shelf.configureVolumes(volumes);
    shelf.configureDatabases(databases);
    succeeded(await shelf.project.up());
  });

  let running: RunningCommand;
  const holdAndStart = async (name: string) => {
    shelf.kubelet.holding = (pod) => pod.startsWith(`prepare-${name}`);
    shelf.configureVolumes([...volumes, later('half'), ...(name === 'half' ? [] : [later(name)])]);
    running = shelf.project.start('up');
    const isHeld = async () =>
      [...shelf.kubelet.held].some((pod) => pod.startsWith(`prepare-${name}`));
    await waitFor(`the job of ${name} to be under way`, isHeld, 60_000);
  };

  accident('two updates at once', async () => {
    await holdAndStart('half');
    const second = failed(await shelf.project.up());
    assert.match(second.screen, /the stack is currently locked/);
    assert.deepEqual(second.operations, []);
  });

  accident('interrupt an update half-way', async () => {
    running.interrupt();
    failed(await running.result);
    shelf.kubelet.holding = () => false;
    succeeded(await shelf.project.up());
    assert.ok((await shelf.everyIdentity())['claims/half']);
  });

  accident('kill an update half-way', async () => {
    await holdAndStart('whole');
    running.kill('SIGKILL');
    await running.result;
    shelf.kubelet.holding = () => false;
    assert.match(failed(await shelf.project.up()).screen, /the stack is currently locked/);
    succeeded(await shelf.project.pulumi(['cancel', '--yes']));
    succeeded(await shelf.project.up());
    assert.ok((await shelf.everyIdentity())['claims/whole']);
    assert.deepEqual(succeeded(await shelf.project.up()).operations, []);
  });

  accident('lose the state', async () => {
    const password = await shelf.password();
    await shelf.project.loseState();
    const refused = failed(await shelf.project.up());
    assert.match(refused.screen, /larder:cluster\.adopt\n +found +a state that knows nothing/);
    assert.match(refused.screen, /write `adopt: true` under larder:cluster for one update/);
    assert.deepEqual(refused.operations, []);
    shelf.adopt(true);
    succeeded(await shelf.project.up());
    assert.equal(await shelf.password(), password, 'the database keeps its password');
    shelf.adopt(false);
    assert.deepEqual(succeeded(await shelf.project.up()).operations, []);
    // An edit finds no conflict with its former self.
    databases = databases.map((database) => ({ ...database, size: '12Gi' }));
    shelf.configureDatabases(databases);
    succeeded(await shelf.project.up());
  });

  accident('`pulumi destroy`', async () => {
    assert.match(failed(await shelf.project.destroy()).screen, /cannot be deleted/);
    const kept = await shelf.everyIdentity();
    for (const object of Object.values(objects).flat())
      assert.equal(kept[object], identities[object], object);
    succeeded(await shelf.project.pulumi(['state', 'unprotect', '--all', '--yes']));
    succeeded(await shelf.project.destroy());
    assert.deepEqual(shelf.project.state().resources, []);
    const left = await shelf.everyIdentity();
    for (const object of Object.values(objects).flat())
      assert.equal(left[object], identities[object], object);
    const password = await shelf.password();
    succeeded(await shelf.project.up());
    assert.equal(await shelf.password(), password, 'the database keeps its password');
  });
});
