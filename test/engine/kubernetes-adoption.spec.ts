import assert from 'node:assert/strict';
import { at, textAt } from '../../lab/standin/kubernetes/object.ts';
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
  type Values,
  withClass,
} from './support/kubernetes-stack.ts';
import { Project } from './support/project.ts';

/** How objects that are already in the cluster come under Pulumi, and how they do not. */
describe('kubernetes provider: objects that exist already [Adoption, Import]', () => {
  let api: TestApiServer;
  before(async function () {
    api = await useApiServer(this);
  });
  const kept = { options: { protect: true, retainOnDelete: true } };
  const upsert = { upsertExistingObjects: true };

  function shelf(name: string, settings: Values = {}) {
    const ns = namespace(name, kept.options);
    const data = claim({ name: 'data', namespace: name }, { ...kept, dependsOn: ['ns'] });
    return { data, stack: stackOn(api, { ns, data }, settings), ns };
  }

  it('refuses to create over an existing object and says what to do', async function () {
    const name = api.uniqueName('exists');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    declareObjects(project, shelf(name).stack);
    succeeded(await project.up());
    await project.loseState();
    succeeded(await project.preview());
    const up = failed(await project.up());
    assert.match(
      up.screen,
      /was not successfully created by the Kubernetes API server: namespaces "exists-\S+" already exists/,
    );
    assert.match(up.screen, /upsertExistingObjects/);
  });

  it('takes over with the same UID when the state is lost and upsertExistingObjects is set', async function () {
    const name = api.uniqueName('adopt');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    declareObjects(project, shelf(name).stack);
    succeeded(await project.up());
    const uids = await Promise.all([
      uidInCluster(api, kinds.namespace, '', name),
      uidInCluster(api, kinds.claim, name, 'data'),
    ]);
    await project.loseState();

    declareObjects(project, shelf(name, upsert).stack);
    succeeded(await project.up({ previewFirst: true }));
    assert.deepEqual(
      await Promise.all([
        uidInCluster(api, kinds.namespace, '', name),
        uidInCluster(api, kinds.claim, name, 'data'),
      ]),
      uids,
    );
    assert.deepEqual(succeeded(await project.up()).operations, [], 'a second up changes nothing');
    declareObjects(project, shelf(name).stack);
    assert.deepEqual(succeeded(await project.up()).operations, [], 'nor does taking it back');
  });

  it('names field and both managers and touches nothing when an owned field differs', async function () {
    const name = api.uniqueName('conflict');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const { data, ns, stack } = shelf(name);
    declareObjects(project, stack);
    succeeded(await project.up());
    const before = await inCluster(api, kinds.claim, name, 'data');
    await project.loseState();

    declareObjects(project, stackOn(api, { ns, data: withClass(data, 'other') }, upsert));
    const up = failed(await project.up());
    assert.match(up.screen, /Server-Side Apply field conflict detected/);
    assert.match(up.screen, /managed by field manager "pulumi-kubernetes-[0-9a-f]{8}"/);
    assert.match(up.screen, /conflict with "pulumi-kubernetes"[^:]*: \.spec\.storageClassName/);
    assert.deepEqual(await inCluster(api, kinds.claim, name, 'data'), before);
  });

  it('L5 plans to replace what the import option has just brought in', async function () {
    const name = api.uniqueName('l5');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const { data, stack } = shelf(name);
    declareObjects(project, stack);
    succeeded(await project.up());
    await project.loseState();
    const imported = { import: `${name}/data` };
    const declare = (options: Values) =>
      declareObjects(project, stackOn(api, { data: { ...data, options, dependsOn: [] } }));

    declare({ ...kept.options, ...imported });
    const stuck = failed(await project.preview());
    assert.match(stuck.screen, /unable to replace resource/);
    declare(imported);
    const plan = await project.preview();
    const step = plan.steps.find((one) => one.name === 'data' && one.op === 'replace');
    assert.ok(step?.replaceKeys.includes('spec'), plan.screen);
  });

  it('reads an object that it does not manage', async function () {
    const name = api.uniqueName('get');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const ns = namespace(name);
    const source = {
      kind: 'core.v1.ConfigMap',
      args: { metadata: { name: 'source', namespace: name }, data: { greeting: 'hello' } },
      dependsOn: ['ns'],
    };
    declareObjects(project, stackOn(api, { ns, source }));
    succeeded(await project.up());
    const read = { kind: 'core.v1.ConfigMap', get: `${name}/source` };
    const copy = {
      kind: 'core.v1.ConfigMap',
      args: { metadata: { name: 'copy', namespace: name }, data: { $ref: 'read.data' } },
    };
    declareObjects(project, stackOn(api, { ns, source, read, copy }));
    succeeded(await project.up());
    const found = await inCluster(api, kinds.configMap, name, 'copy');
    assert.equal(textAt(found, 'data', 'greeting'), 'hello');
  });

  it('a patch adds its labels to an object of others, conflicts over theirs, and takes its own away', async function () {
    const name = api.uniqueName('patch');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const soon = () => AbortSignal.timeout(20_000);
    const others = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { owner: 'them' } },
    };
    await api.cluster.create(others, { fieldManager: 'them', dryRun: false, signal: soon() });
    const patch = (labels: Values, annotations: Values = {}) => ({
      patch: { kind: 'core.v1.NodePatch', args: { metadata: { name, labels, annotations } } },
    });
    const labels = async () => {
      const node = await inCluster(api, kinds.node, '', name);
      return at(node, 'metadata', 'labels');
    };
    declareObjects(project, stackOn(api, patch({ tier: 'fast' })));
    succeeded(await project.up({ previewFirst: true }));
    assert.deepEqual(await labels(), { owner: 'them', tier: 'fast' });

    declareObjects(project, stackOn(api, patch({ tier: 'slow' })));
    assert.deepEqual(succeeded(await project.up()).operations, ['update patch']);
    assert.deepEqual(await labels(), { owner: 'them', tier: 'slow' });

    declareObjects(project, stackOn(api, patch({ tier: 'slow', owner: 'us' })));
    assert.match(
      failed(await project.up()).screen,
      /conflict with "them"[^:]*: \.metadata\.labels\.owner/,
    );
    const force = { 'pulumi.com/patchForce': 'true' };
    declareObjects(project, stackOn(api, patch({ tier: 'slow', owner: 'us' }, force)));
    succeeded(await project.up());
    assert.deepEqual(await labels(), { owner: 'us', tier: 'slow' });

    succeeded(await project.destroy());
    assert.equal(await labels(), undefined, 'what nobody owns any more is gone');
    assert.notEqual(await inCluster(api, kinds.node, '', name), undefined, 'the node stays');
    await api.cluster.delete({ kind: kinds.node, namespace: '', name }, 'Background', soon());
  });

  it('does not make an object out of a patch', async function () {
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const name = api.uniqueName('nobody');
    const args = { metadata: { name, labels: { tier: 'fast' } } };
    declareObjects(project, stackOn(api, { patch: { kind: 'core.v1.NodePatch', args } }));
    assert.match(failed(await project.up()).screen, /nodes "nobody-\S+" not found/);
  });
});
