import assert from 'node:assert/strict';
import {
  mayForce,
  takeOver,
  withIgnoredFields,
} from '../../../lab/standin/kubernetes/field-managers.ts';
import type { KubeObject } from '../../../lab/standin/kubernetes/object.ts';

const entry = (
  manager: string,
  operation: string,
  fieldsV1: KubeObject,
  more: KubeObject = {},
) => ({
  manager,
  operation,
  apiVersion: 'v1',
  fieldsType: 'FieldsV1',
  fieldsV1,
  ...more,
});
const live = (...managedFields: KubeObject[]): KubeObject => ({
  metadata: { name: 'a', resourceVersion: '7', managedFields },
  spec: { replicas: 3, image: 'x', nested: { a: 1 } },
});
const replicas = { 'f:spec': { 'f:replicas': {} } };
const image = { 'f:spec': { 'f:image': {} } };
const ours = 'pulumi-kubernetes-1234';

describe('field managers', () => {
  it('pass the fields of the creation to the apply manager, with those it has already', () => {
    const controller = entry('kube-controller-manager', 'Update', replicas);
    const status = entry('pulumi-kubernetes', 'Update', replicas, { subresource: 'status' });
    const operations = takeOver(
      live(
        controller,
        entry('pulumi-kubernetes', 'Update', replicas),
        entry(ours, 'Apply', image),
        status,
      ),
      ours,
    );
    assert.deepEqual(operations, [
      {
        op: 'replace',
        path: '/metadata/managedFields',
        value: [
          controller,
          status,
          entry(ours, 'Apply', { 'f:spec': { 'f:replicas': {}, 'f:image': {} } }),
        ],
      },
      { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
    ]);
  });

  it('take over nothing from controllers and other appliers', () => {
    const others = [entry('flux', 'Apply', image), entry('hand', 'Update', replicas)];
    assert.equal(takeOver(live(...others), ours), undefined);
    assert.equal(takeOver({ metadata: {} }, ours), undefined);
  });

  it('leave ignored fields to their owners and keep the live value of ours', () => {
    const object = live(entry('hand', 'Update', replicas), entry(ours, 'Apply', image));
    const declared = { spec: { replicas: 1, image: 'y', nested: { a: 2 } } };
    const ignored = (...paths: string[]) => withIgnoredFields(declared, object, ours, paths);
    assert.deepEqual(ignored('spec.replicas'), { spec: { image: 'y', nested: { a: 2 } } });
    const shared = live(entry('hand', 'Update', image), entry(ours, 'Apply', image));
    assert.deepEqual(
      withIgnoredFields(declared, shared, ours, ['spec.image'])['spec'],
      { ...declared.spec, image: 'x' },
      'what is shared stays, or our apply would take it from both',
    );
    assert.deepEqual(ignored('spec.image')['spec'], { ...declared.spec, image: 'x' });
    assert.deepEqual(ignored('spec.nested.a')['spec'], { ...declared.spec, nested: { a: 1 } });
    assert.deepEqual(ignored('spec.list[0]', 'spec.absent'), declared);
  });

  it('may force in a preview what the real run would not conflict about, and where told to', () => {
    const about = { isPreview: true, enablePatchForce: false };
    const created = live(entry('pulumi-kubernetes', 'Update', image));
    const foreign = live(entry('hand', 'Update', image));
    assert.equal(mayForce({}, undefined, about), true);
    assert.equal(mayForce({}, created, about), true);
    assert.equal(mayForce({}, foreign, about), false);
    assert.equal(mayForce({}, created, { ...about, isPreview: false }), false);
    const told = { metadata: { annotations: { 'pulumi.com/patchForce': 'true' } } };
    assert.equal(mayForce(told, foreign, { ...about, isPreview: false }), true);
    assert.equal(mayForce({}, foreign, { isPreview: false, enablePatchForce: true }), true);
  });
});
