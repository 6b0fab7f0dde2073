import assert from 'node:assert/strict';
import { at, nameOf, textAt } from '../../lab/standin/kubernetes/object.ts';
import { type TestApiServer, useApiServer } from './support/api-server.ts';
import { failed, succeeded } from './support/cli-run.ts';
import {
  claim,
  declareObjects,
  inCluster,
  kinds,
  namespace,
  stackOn,
  type Values,
} from './support/kubernetes-stack.ts';
import { Project } from './support/project.ts';
import { resourceNamed } from './support/state.ts';

/** Objects through their lives: names, secrets, custom kinds, drift, fields that go. */
describe('kubernetes provider: objects [Objects, Drift, Secrets]', () => {
  let api: TestApiServer;
  before(async function () {
    api = await useApiServer(this);
  });
  const configMap = (metadata: Values, data: Values = { a: '1' }, options: Values = {}) => ({
    kind: 'core.v1.ConfigMap',
    args: { metadata, data },
    dependsOn: ['ns'],
    options,
  });

  it('makes up names, keeps them, and marks them', async function () {
    const name = api.uniqueName('names');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const declare = (labels: Values) =>
      declareObjects(
        project,
        stackOn(api, { ns: namespace(name), config: configMap({ namespace: name, labels }) }),
      );
    declare({});
    succeeded(await project.up({ previewFirst: true }));
    const { id = '' } = resourceNamed(project.state(), 'config');
    assert.match(id, new RegExp(`^${name}/config-[0-9a-f]{8}$`));
    const found = await inCluster(api, kinds.configMap, name, id.split('/')[1] ?? '');
    assert.equal(at(found, 'metadata', 'annotations', 'pulumi.com/autonamed'), 'true');
    declare({ tier: 'fast' });
    succeeded(await project.up());
    assert.equal(resourceNamed(project.state(), 'config').id, id);
  });

  it('takes the logical name or refuses a missing one as pulumi:autonaming says', async function () {
    const name = api.uniqueName('autonaming');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const config = configMap({ namespace: name });
    declareObjects(project, stackOn(api, { ns: namespace(name), config }));
    project.configure({ 'pulumi:autonaming': { mode: 'disabled' } });
    const refused = failed(await project.preview());
    assert.match(refused.screen, /autonaming is disabled for config.*Set metadata\.name/s);
    project.configure({ 'pulumi:autonaming': { mode: 'verbatim' } });
    succeeded(await project.up());
    assert.equal(nameOf((await inCluster(api, kinds.configMap, name, 'config')) ?? {}), 'config');
  });

  it('keeps secrets out of state, screen and event log, those of stringData too', async function () {
    const name = api.uniqueName('secrets');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const key = (value: string) => ({
      kind: 'core.v1.Secret',
      args: { metadata: { name: 'key', namespace: name }, stringData: { password: value } },
      dependsOn: ['ns'],
    });
    const env = { kind: 'core.v1.ConfigMap', dependsOn: ['ns'] };
    const annotated = {
      ...env,
      args: {
        metadata: { name: 'env', namespace: name },
        data: { token: { $secret: 'hush-token' } },
      },
    };
    const declare = (value: string) =>
      declareObjects(project, stackOn(api, { ns: namespace(name), key: key(value), annotated }));
    declare('hush-one');
    const runs = [succeeded(await project.up({ previewFirst: true, args: ['--diff'] }))];
    declare('hush-two');
    runs.push(succeeded(await project.preview({ args: ['--diff'] })));
    runs.push(succeeded(await project.refresh({ args: ['--diff'] })));
    const everything = [project.state().text, ...runs.map(({ screen }) => screen)].join('\n');
    const hidden = ['hush-one', 'hush-two', 'hush-token'];
    for (const word of [...hidden, ...hidden.map((one) => Buffer.from(one).toString('base64'))]) {
      assert.equal(everything.includes(word), false, `${word} can be read`);
    }
    const token = /token: ([0-9a-f]{48})/.exec(api.kubeconfigText)?.[1] ?? 'no token';
    assert.equal(everything.includes(token), false, 'the kubeconfig can be read');
  });

  it('brings a custom kind and its objects in one update, and shows what the schema forbids', async function () {
    const name = api.uniqueName('shelves');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const group = `${name}.example.test`;
    const declare = (spec: Values, properties: Values = {}) => {
      const shelf = {
        kind: 'apiextensions.CustomResource',
        args: { apiVersion: `${group}/v1`, kind: 'Shelf', metadata: { name: 'one' }, spec },
        dependsOn: ['definition'],
      };
      const definition = shelfDefinition(group, { size: { type: 'integer' }, ...properties });
      declareObjects(project, stackOn(api, { definition, shelf }));
    };
    declare({ size: 1 });
    succeeded(await project.up({ previewFirst: true }));
    declare({ size: 2 }, { color: { type: 'string' } });
    assert.deepEqual(succeeded(await project.up({ previewFirst: true })).operations, [
      'update definition',
      'update shelf',
    ]);
    declare({ size: 'large' }, { color: { type: 'string' } });
    assert.match(
      failed(await project.preview()).screen,
      /expected numeric|must be of type integer/,
    );
    succeeded(await project.destroy());
  });

  it('takes away fields that are no longer declared, and leaves those of others', async function () {
    const name = api.uniqueName('fields');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const container = (env: readonly Values[], labels: Values) => ({
      kind: 'apps.v1.Deployment',
      args: {
        metadata: { name: 'web', namespace: name, labels },
        spec: {
          replicas: 0,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: { containers: [{ name: 'main', image: 'localhost/none:1', env }] },
          },
        },
      },
      dependsOn: ['ns'],
    });
    const declare = (env: readonly Values[], labels: Values) =>
      declareObjects(project, stackOn(api, { ns: namespace(name), web: container(env, labels) }));
    const [one, two] = ['A', 'B'].map((variable) => ({ name: variable, value: '1' }));
    declare([one ?? {}, two ?? {}], { tier: 'one', shelf: 'top' });
    succeeded(await project.up());
    const byHand = { apiVersion: 'apps/v1', kind: 'Deployment' };
    const metadata = { name: 'web', namespace: name, labels: { theirs: 'yes' } };
    const signal = AbortSignal.timeout(20_000);
    const options = { fieldManager: 'hand', dryRun: false, force: false, signal };
    await api.cluster.apply({ ...byHand, metadata }, options);
    assert.deepEqual(
      succeeded(await project.up({ args: ['--refresh'] })).operations,
      [],
      "others' fields are no drift",
    );

    declare([two ?? {}], { tier: 'one' });
    succeeded(await project.up());
    const web = await inCluster(api, kinds.deployment, name, 'web');
    assert.deepEqual(at(web, 'metadata', 'labels'), { theirs: 'yes', tier: 'one' });
    const path = ['spec', 'template', 'spec', 'containers', 0, 'env'] as const;
    assert.deepEqual(at(web, ...path), [two]);
  });

  it('grows a bound claim in place', async function () {
    const name = api.uniqueName('grow');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const storageClassName = `${name}-manual`;
    const resources = (storage: string) => ({ requests: { storage } });
    const spec = { storageClassName, accessModes: ['ReadWriteOnce'] };
    const volume = {
      kind: 'core.v1.PersistentVolume',
      args: {
        metadata: { name },
        spec: { ...spec, capacity: { storage: '5Gi' }, hostPath: { path: '/mnt/nvme/data' } },
      },
    };
    const storageClass = {
      kind: 'storage.v1.StorageClass',
      args: {
        metadata: { name: storageClassName },
        provisioner: 'kubernetes.io/no-provisioner',
        allowVolumeExpansion: true,
      },
    };
    const declare = (storage: string) =>
      declareObjects(
        project,
        stackOn(api, {
          ns: namespace(name),
          storageClass,
          volume,
          data: {
            ...claim({ name: 'data', namespace: name }),
            args: {
              metadata: { name: 'data', namespace: name },
              spec: { ...spec, volumeName: name, resources: resources(storage) },
            },
            dependsOn: ['ns', 'storageClass', 'volume'],
          },
        }),
      );
    declare('1Gi');
    succeeded(await project.up());
    const data = await inCluster(api, kinds.claim, name, 'data');
    assert.equal(textAt(data, 'status', 'phase'), 'Bound', 'the provider waits for it');
    declare('2Gi');
    assert.deepEqual(succeeded(await project.up({ previewFirst: true })).operations, [
      'update data',
    ]);
  });

  it('previews the first change of an unnamed port wrongly, and carries it out', async function () {
    const name = api.uniqueName('ports');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const declare = (port: number) =>
      declareObjects(
        project,
        stackOn(api, {
          ns: namespace(name),
          service: {
            kind: 'core.v1.Service',
            args: {
              metadata: {
                name: 'web',
                namespace: name,
                annotations: { 'pulumi.com/skipAwait': 'true' },
              },
              spec: { selector: { app: 'web' }, ports: [{ port }] },
            },
            dependsOn: ['ns'],
          },
        }),
      );
    declare(80);
    succeeded(await project.up());
    declare(81);
    assert.match(failed(await project.preview()).screen, /spec\.ports\[0\]\.name: Required value/);
    succeeded(await project.up());
    declare(82);
    succeeded(await project.preview());
  });

  it('waits for the end of an object and says what holds it when time is up', async function () {
    const name = api.uniqueName('held');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const finalizers = ['example.test/held'];
    const options = { customTimeouts: { delete: '1s' } };
    const config = configMap({ name: 'config', namespace: name, finalizers }, {}, options);
    declareObjects(project, stackOn(api, { ns: namespace(name), config }));
    succeeded(await project.up());
    assert.match(
      failed(await project.destroy()).screen,
      /Timed out after 1 s waiting for deletion of v1\/ConfigMap "config".*example\.test\/held/,
    );
    const reference = { kind: kinds.configMap, namespace: name, name: 'config' };
    const release = [{ op: 'remove', path: '/metadata/finalizers' }];
    await api.cluster.patch(reference, release, AbortSignal.timeout(20_000));
    succeeded(await project.destroy());
  });
});

/** A cluster-scoped kind `Shelf` of that group. */
function shelfDefinition(group: string, properties: Values) {
  const spec = { type: 'object', properties };
  return {
    kind: 'apiextensions.v1.CustomResourceDefinition',
    args: {
      metadata: { name: `shelves.${group}` },
      spec: {
        group,
        scope: 'Cluster',
        names: { plural: 'shelves', singular: 'shelf', kind: 'Shelf' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
          },
        ],
      },
    },
  };
}
