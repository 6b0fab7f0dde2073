import assert from 'node:assert/strict';
import { type TestApiServer, useApiServer } from './support/api-server.ts';
import { failed, succeeded } from './support/cli-run.ts';
import {
  claim,
  declareObjects,
  inCluster,
  kinds,
  namespace,
  stackOn,
  uidInCluster,
  withClass,
} from './support/kubernetes-stack.ts';
import { Project } from './support/project.ts';
import { resourceNamed } from './support/state.ts';

/**
 * The ways to lose data that the official engine and provider were seen to have, numbered as in
 * docs/stand-in-kubernetes.md. They are tested because a stand-in that is kinder than the official
 * provider would let a program pass that loses data with it.
 */
describe('kubernetes provider: ways to lose data [Losses]', () => {
  let api: TestApiServer;
  before(async function () {
    api = await useApiServer(this);
  });
  const kept = { options: { protect: true, retainOnDelete: true } };
  const nsRef = { $ref: 'ns.metadata.name' };
  const data = (name: string) => uidInCluster(api, kinds.claim, name, 'data');

  it('L1 destroy takes a protected claim along with its namespace when no dependency is recorded', async function () {
    const name = api.uniqueName('l1');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const ns = namespace(name);
    const data = claim({ name: 'data', namespace: name }, kept);
    declareObjects(project, stackOn(api, { ns }));
    succeeded(await project.up());
    declareObjects(project, stackOn(api, { ns, data }));
    succeeded(await project.up());
    const destroy = failed(await project.destroy());
    assert.match(destroy.screen, /cannot be deleted\s+because it is protected/);
    assert.equal(await inCluster(api, kinds.claim, name, 'data'), undefined);
  });

  it('L1 destroy keeps namespace and claim when the claim depends on the namespace', async function () {
    const name = api.uniqueName('l1-kept');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const ns = namespace(name);
    declareObjects(
      project,
      stackOn(api, { ns, data: claim({ name: 'data', namespace: nsRef }, kept) }),
    );
    succeeded(await project.up());
    const uid = await data(name);
    failed(await project.destroy());
    assert.equal(await data(name), uid);
    assert.notEqual(uid, '');
  });

  it('L2 up succeeds and the claim is gone when its namespace leaves the program', async function () {
    const name = api.uniqueName('l2');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const data = claim({ name: 'data', namespace: nsRef }, kept);
    declareObjects(project, stackOn(api, { ns: namespace(name), data }));
    succeeded(await project.up());
    const plain = claim({ name: 'data', namespace: name }, kept);
    declareObjects(project, stackOn(api, { data: plain }));
    succeeded(await project.up());
    assert.equal(await inCluster(api, kinds.claim, name, 'data'), undefined);
    assert.equal(resourceNamed(project.state(), 'data').id, `${name}/data`, 'the state lists it');
  });

  it('L2 up is refused when the namespace is protected', async function () {
    const name = api.uniqueName('l2-kept');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const data = claim({ name: 'data', namespace: name }, { ...kept, dependsOn: ['ns'] });
    const stack = { ns: namespace(name, { protect: true }), data };
    declareObjects(project, stackOn(api, stack));
    succeeded(await project.up());
    declareObjects(project, stackOn(api, { data: { ...data, dependsOn: [] } }));
    const up = failed(await project.up());
    assert.match(up.screen, /cannot be deleted\s+because it is protected/);
    assert.notEqual(await uidInCluster(api, kinds.claim, name, 'data'), '');
  });

  it('L3 a replaced claim with retainOnDelete drops out of the state and blocks its successor', async function () {
    const name = api.uniqueName('l3');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const ns = namespace(name);
    const first = claim({ name: 'data', namespace: nsRef }, { options: { retainOnDelete: true } });
    declareObjects(project, stackOn(api, { ns, data: first }));
    succeeded(await project.up());
    const uid = await data(name);

    declareObjects(project, stackOn(api, { ns, data: withClass(first, 'other') }));
    const up = failed(await project.up());
    assert.match(up.screen, /persistentvolumeclaims "data" already exists/);
    assert.deepEqual(livingNamed(project, 'data'), [], 'the claim is out of the state');
    assert.equal(await data(name), uid, 'and still in the cluster');
    failed(await project.up());

    succeeded(await project.destroy());
    assert.equal(await inCluster(api, kinds.claim, name, 'data'), undefined);
  });

  it('L4 a replaced claim without options is deleted and made anew, empty', async function () {
    const name = api.uniqueName('l4');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const ns = namespace(name);
    const first = claim({ name: 'data', namespace: nsRef });
    declareObjects(project, stackOn(api, { ns, data: first }));
    succeeded(await project.up());
    const uid = await data(name);
    declareObjects(project, stackOn(api, { ns, data: withClass(first, 'other') }));
    const up = succeeded(await project.up());
    assert.match(up.screen, /deleted original[\s\S]*created replacement/);
    const fresh = await data(name);
    assert.notEqual(fresh, '');
    assert.notEqual(fresh, uid);
  });

  it('L6 a renamed resource without alias fails on its own object', async function () {
    const name = api.uniqueName('l6');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const ns = namespace(name);
    const data = claim({ name: 'data', namespace: nsRef }, { options: { protect: true } });
    declareObjects(project, stackOn(api, { ns, data }));
    succeeded(await project.up());
    declareObjects(project, stackOn(api, { ns, renamed: data }));
    assert.match(failed(await project.up()).screen, /persistentvolumeclaims "data" already exists/);

    const aliased = { ...data, options: { protect: true, aliases: [{ name: 'data' }] } };
    declareObjects(project, stackOn(api, { ns, renamed: aliased }));
    assert.deepEqual(succeeded(await project.up()).operations, [], 'an alias is no change');
  });

  it('L7 up does not notice what was deleted by hand, a refresh does', async function () {
    const name = api.uniqueName('l7');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const config = {
      kind: 'core.v1.ConfigMap',
      args: { metadata: { name: 'config', namespace: nsRef }, data: { a: '1' } },
    };
    declareObjects(project, stackOn(api, { ns: namespace(name), config }));
    succeeded(await project.up());
    const drift = () =>
      project.pulumi([
        'refresh',
        '--config-file',
        project.configFile,
        '--preview-only',
        '--expect-no-changes',
      ]);
    succeeded(await drift());

    const signal = AbortSignal.timeout(10_000);
    const reference = { kind: kinds.configMap, namespace: name, name: 'config' };
    await api.cluster.delete(reference, 'Background', signal);
    assert.deepEqual(succeeded(await project.up()).operations, []);
    assert.equal(failed(await drift()).code, 7);
    const repaired = succeeded(await project.up({ args: ['--refresh'] }));
    assert.ok(repaired.operations.includes('create config'), repaired.screen);
  });
});

/** What the state still manages; a replacement that was cut off leaves a mark without an object. */
function livingNamed(project: Project, name: string): readonly string[] {
  return project
    .state()
    .resources.filter((resource) => !('pendingReplacement' in resource))
    .map(({ urn }) => urn.split('::').at(-1) ?? '')
    .filter((other) => other === name);
}
