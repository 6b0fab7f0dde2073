import assert from 'node:assert/strict';
import { whatHolds } from '../../../lab/standin/kubernetes/deletion.ts';
import { mergePatch } from '../../../lab/standin/kubernetes/update.ts';

describe('deletion', () => {
  it('says what still holds an object', () => {
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', finalizers: ['kubernetes.io/pvc-protection'] },
    };
    assert.equal(
      whatHolds(claim),
      'PersistentVolumeClaim "data" still exists (finalizers: kubernetes.io/pvc-protection)',
    );
    const namespace = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'db' },
      status: {
        conditions: [
          { type: 'NamespaceContentRemaining', status: 'True', message: '1 pod is left' },
          { type: 'NamespaceDeletionContentFailure', status: 'False', message: 'all gone' },
        ],
      },
    };
    assert.equal(whatHolds(namespace), 'Namespace "db" still exists (1 pod is left)');
    const set = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db' },
      spec: { replicas: 3 },
      status: { replicas: 2 },
    };
    assert.equal(whatHolds(set), 'StatefulSet "db" still exists (2 / 3 replicas exist)');
  });
});

describe('merge patch', () => {
  it('brings in what is new, takes out what is gone, and leaves the rest unsaid', () => {
    const before = { a: 1, b: { c: 1, d: 2 }, list: [1], gone: 'x' };
    const after = { a: 1, b: { c: 1, d: 3 }, list: [1, 2], fresh: {} };
    assert.deepEqual(mergePatch(before, after), {
      gone: null,
      b: { d: 3 },
      list: [1, 2],
      fresh: {},
    });
    assert.deepEqual(mergePatch(after, after), {});
  });
});
