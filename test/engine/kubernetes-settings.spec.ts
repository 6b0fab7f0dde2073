import assert from 'node:assert/strict';
import { parse, stringify } from 'yaml';
import { at } from '../../lab/standin/kubernetes/object.ts';
import { skip } from '../support/reporter.ts';
import { type TestApiServer, useApiServer } from './support/api-server.ts';
import { failed, succeeded } from './support/cli-run.ts';
import {
  declareObjects,
  inCluster,
  kinds,
  namespace,
  stackOn,
  uidInCluster,
  type Values,
} from './support/kubernetes-stack.ts';
import { Project } from './support/project.ts';
import { resourceNamed } from './support/state.ts';

const needsOfficial = /is not available in a closed network with the stand-in/;

/** The provider's settings, and clusters that do not answer. */
describe('kubernetes provider: settings and silent clusters [Settings, Unreachable]', () => {
  let api: TestApiServer;
  before(async function () {
    api = await useApiServer(this);
  });

  const configMap = (name: string, data: Values = { key: 'old' }) => ({
    kind: 'core.v1.ConfigMap',
    args: { metadata: { name: 'config', namespace: name }, data },
    dependsOn: ['ns'],
  });
  const secret = (name: string, value: string) => ({
    kind: 'core.v1.Secret',
    args: { metadata: { name: 'key', namespace: name }, stringData: { key: value } },
    dependsOn: ['ns'],
  });

  /** The same credentials for an address where nobody listens. */
  function elsewhere(): string {
    const config = parse(api.kubeconfigText) as { clusters: { cluster: { server: string } }[] };
    for (const { cluster } of config.clusters) cluster.server = 'https://127.0.0.1:1';
    return stringify(config);
  }

  it('updates ConfigMap and Secret in place when they are mutable, replaces them when they say immutable', async function () {
    const name = api.uniqueName('mutable');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const settings = { enableConfigMapMutable: true, enableSecretMutable: true };
    const declare = (value: string, immutable = false) => {
      const ns = namespace(name);
      const config = configMap(name, { key: value });
      const frozen = { ...config.args, metadata: { name: 'frozen', namespace: name }, immutable };
      declareObjects(
        project,
        stackOn(
          api,
          { ns, config, key: secret(name, value), frozen: { ...config, args: frozen } },
          settings,
        ),
      );
    };
    declare('one', true);
    succeeded(await project.up());
    declare('two', true);
    assert.deepEqual(succeeded(await project.up({ previewFirst: true })).operations, [
      'create-replacement frozen',
      'delete-replaced frozen',
      'replace frozen',
      'update config',
      'update key',
    ]);
  });

  it('a changed clusterIdentifier replaces everything, and every creation meets its own object', async function () {
    const name = api.uniqueName('identifier');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const declare = (clusterIdentifier: string, more: Values = {}) =>
      declareObjects(
        project,
        stackOn(api, { ns: namespace(name) }, { clusterIdentifier, ...more }),
      );
    declare('shelf');
    succeeded(await project.up());
    declare('shelf', { kubeconfig: { $secret: `${api.kubeconfigText}\n# another text\n` } });
    assert.deepEqual(succeeded(await project.up()).operations, [], 'the provider alone changes');
    declare('shelf', { enableConfigMapMutable: true, upsertExistingObjects: true });
    assert.deepEqual(succeeded(await project.up()).operations, []);

    declare('other');
    const up = failed(await project.up());
    assert.match(up.screen, /namespaces "identifier-\S+" already exists/);
    assert.notEqual(await uidInCluster(api, kinds.namespace, '', name), '');
  });

  it('previews without the cluster, stops up before any change, and fails a refresh', async function () {
    const name = api.uniqueName('silent');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const resources = { ns: namespace(name), config: configMap(name) };
    const silent = { clusterIdentifier: 'shelf', kubeconfig: { $secret: elsewhere() } };
    declareObjects(project, stackOn(api, resources, silent));
    assert.deepEqual(succeeded(await project.preview()).operations, ['create config', 'create ns']);
    const up = failed(await project.up());
    assert.match(up.screen, /configured Kubernetes cluster is unreachable: .*127\.0\.0\.1:1/);
    assert.deepEqual(
      project.state().resources.filter(({ type }) => type.startsWith('kubernetes:')),
      [],
    );

    declareObjects(project, stackOn(api, resources, { clusterIdentifier: 'shelf' }));
    succeeded(await project.up());
    declareObjects(project, stackOn(api, resources, silent));
    assert.deepEqual(succeeded(await project.up()).operations, [], 'nothing to do, nothing asked');
    assert.match(
      failed(await project.refresh()).screen,
      /failed to read resource state due to unreachable cluster/,
    );
    assert.match(failed(await project.destroy()).screen, /PULUMI_K8S_DELETE_UNREACHABLE/);
    const env = { PULUMI_K8S_DELETE_UNREACHABLE: 'true' };
    succeeded(await project.destroy({ env, args: ['--refresh'] }));
    assert.notEqual(await inCluster(api, kinds.configMap, name, 'config'), undefined);
  });

  it('says which contexts there are when the one asked for does not exist, and shows no key', async function () {
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const resources = { ns: namespace(api.uniqueName('context')) };
    declareObjects(project, stackOn(api, resources, { context: 'office' }));
    const up = failed(await project.up());
    assert.match(up.screen, /context "office" does not exist in the kubeconfig, which has test/);
    const broken = `${api.kubeconfigText}\n  token: [abc-secret-token`;
    declareObjects(project, stackOn(api, resources, { kubeconfig: { $secret: broken } }));
    const unreadable = failed(await project.up());
    assert.match(unreadable.screen, /line \d+ is not valid YAML/);
    assert.doesNotMatch(unreadable.screen, /abc-secret-token/);
  });

  it('updates without server-side apply where it is switched off, and refuses patches there', async function () {
    const name = api.uniqueName('client-side');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const settings = { enableServerSideApply: false, enableConfigMapMutable: true };
    const declare = (data: Values, more: Values = {}) =>
      declareObjects(
        project,
        stackOn(api, { ns: namespace(name), config: configMap(name, data), ...more }, settings),
      );
    declare({ kept: '1', gone: '1' });
    succeeded(await project.up({ previewFirst: true }));
    declare({ kept: '2' });
    assert.deepEqual(succeeded(await project.up({ previewFirst: true })).operations, [
      'update config',
    ]);
    const found = await inCluster(api, kinds.configMap, name, 'config');
    assert.deepEqual(at(found, 'data'), { kept: '2' });
    const patch = { kind: 'core.v1.NamespacePatch', args: { metadata: { name } } };
    declare({ kept: '2' }, { patch });
    assert.match(
      failed(await project.preview()).screen,
      /patch resources require Server-side Apply mode/,
    );
  });

  it('puts objects without namespace into that of the provider', async function () {
    const name = api.uniqueName('default-namespace');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const config = {
      kind: 'core.v1.ConfigMap',
      args: { metadata: { name: 'config' }, data: { a: '1' } },
      dependsOn: ['ns'],
    };
    declareObjects(project, stackOn(api, { ns: namespace(name), config }, { namespace: name }));
    succeeded(await project.up());
    assert.notEqual(await inCluster(api, kinds.configMap, name, 'config'), undefined);
  });

  it('says that charts, YAML and Kustomize need the official provider', async function () {
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    if (!project.installation.standIns) skip(this, 'official plugins are in use');
    for (const [kind, args] of [
      ['helm.v4.Chart', { chart: 'nginx' }],
      ['kustomize.v2.Directory', { directory: '.' }],
    ] as const) {
      declareObjects(project, stackOn(api, { it: { kind, args } }));
      assert.match(failed(await project.preview()).screen, needsOfficial, kind);
    }
  });

  it('previews a Helm release by its inputs, and says in an update that it cannot make one', async function () {
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    if (!project.installation.standIns) skip(this, 'official plugins are in use');
    const release = { kind: 'helm.v3.Release', args: { name: 'web', chart: 'nginx' } };
    declareObjects(project, stackOn(api, { it: release }));
    assert.deepEqual(succeeded(await project.preview()).operations, ['create it']);
    assert.match(failed(await project.up()).screen, needsOfficial);
    assert.throws(() => resourceNamed(project.state(), 'it'));
  });
});
