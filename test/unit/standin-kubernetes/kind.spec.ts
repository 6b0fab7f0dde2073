import assert from 'node:assert/strict';
import { isNamespacedOffline, resourceType } from '../../../lab/standin/kubernetes/kind.ts';
import { parseId, prune } from '../../../lab/standin/kubernetes/object.ts';

describe('resource type', () => {
  it('names the group, version and kind of a token', () => {
    assert.deepEqual(resourceType('kubernetes:core/v1:Pod', 'Pod'), {
      form: 'object',
      kind: { group: '', version: 'v1', kind: 'Pod' },
    });
    assert.deepEqual(resourceType('kubernetes:apps/v1:Deployment', '').form, 'object');
    assert.deepEqual(resourceType('kubernetes:example.test/v1:Shelf', 'Shelf'), {
      form: 'object',
      kind: { group: 'example.test', version: 'v1', kind: 'Shelf' },
    });
  });

  it('tells a patch from a custom kind whose name ends in Patch', () => {
    const patch = resourceType('kubernetes:core/v1:NodePatch', 'Node');
    assert.deepEqual(patch, { form: 'patch', kind: { group: '', version: 'v1', kind: 'Node' } });
    assert.equal(resourceType('kubernetes:core/v1:NodePatch', '').form, 'patch');
    assert.equal(resourceType('kubernetes:e.test/v1:Patch', 'Patch').form, 'object');
    assert.equal(resourceType('kubernetes:e.test/v1:RoofPatch', 'RoofPatch').form, 'object');
    assert.equal(resourceType('kubernetes:e.test/v1:RoofPatch', 'Roof').form, 'patch');
  });

  it('knows what it cannot do and what nobody does', () => {
    for (const token of [
      'kubernetes:helm.sh/v3:Release',
      'kubernetes:helm.sh/v4:Chart',
      'kubernetes:yaml/v2:ConfigGroup',
      'kubernetes:kustomize/v2:Directory',
    ]) {
      assert.equal(resourceType(token, '').form, 'unavailable', token);
    }
    assert.equal(resourceType('kubernetes:core/v1:PodList', 'PodList').form, 'list');
  });

  it('knows without a cluster which built-in kinds have namespaces', () => {
    const scope = (group: string, kind: string) =>
      isNamespacedOffline({ group, version: 'v1', kind });
    assert.equal(scope('', 'PersistentVolume'), false);
    assert.equal(scope('', 'PersistentVolumeClaim'), true);
    assert.equal(scope('storage.k8s.io', 'StorageClass'), false);
    assert.equal(scope('example.test', 'Shelf'), undefined);
  });
});

describe('object', () => {
  it('is found by its id', () => {
    assert.deepEqual(parseId('db/data'), { namespace: 'db', name: 'data' });
    assert.deepEqual(parseId('kube01'), { namespace: '', name: 'kube01' });
  });

  it('is pruned to what is declared', () => {
    const live = {
      metadata: { name: 'a', labels: { ours: '1', theirs: '2' } },
      spec: { list: [{ a: 1, b: 2 }, { c: 3 }], replicas: 5 },
      status: {},
    };
    const declared = { metadata: { labels: { ours: '0' } }, spec: { list: [{ a: 0 }], gone: 1 } };
    assert.deepEqual(prune(live, declared), {
      metadata: { labels: { ours: '1' } },
      spec: { list: [{ a: 1 }] },
    });
  });
});
