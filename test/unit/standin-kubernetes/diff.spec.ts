import assert from 'node:assert/strict';
import fc from 'fast-check';
import { diff, type DiffQuestion } from '../../../lab/standin/kubernetes/diff.ts';
import { contains, parsePath } from '../../../lab/standin/kubernetes/property-path.ts';
import { type PropertyMap, unknown } from '../../../lab/standin/provider/value.ts';

const claimKind = { group: '', version: 'v1', kind: 'PersistentVolumeClaim' };

const ask = (oldInputs: PropertyMap, inputs: PropertyMap, more: Partial<DiffQuestion> = {}) =>
  diff({
    kind: claimKind,
    isPatch: false,
    isNamespaced: true,
    ignoreChanges: [],
    settings: { enableConfigMapMutable: false, enableSecretMutable: false },
    ...more,
    oldInputs,
    inputs,
  });

const claim = (spec: PropertyMap, metadata: PropertyMap = {}): PropertyMap => ({
  metadata: { name: 'data', namespace: 'db', ...metadata },
  spec,
});

const json = fc.letrec<{ value: PropertyMap[string]; map: PropertyMap }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('map'),
  ),
  map: fc.dictionary(fc.constantFrom('a', 'b', 'spec', 'c.d'), tie('value'), { maxKeys: 3 }),
})).map;

describe('diff', () => {
  it('finds nothing between an object and itself', () => {
    fc.assert(
      fc.property(json, (inputs) => {
        const result = ask(inputs, inputs);
        assert.equal(result.changes, 'none');
        assert.deepEqual([...(result.detailed ?? [])], []);
      }),
    );
  });

  it('finds something exactly when the objects differ', () => {
    fc.assert(
      fc.property(json, json, (one, other) => {
        const isEqual = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        assert.equal(ask(one, other).changes, isEqual ? 'none' : 'some');
      }),
    );
  });

  it('replaces in both directions or in neither when a leaf changes', () => {
    const leaf = fc.constantFrom('storageClassName', 'volumeName', 'volumeMode', 'other');
    fc.assert(
      fc.property(leaf, fc.string(), fc.string(), (key, before, after) => {
        fc.pre(before !== after);
        const [there, back] = [
          ask(claim({ [key]: before }), claim({ [key]: after })),
          ask(claim({ [key]: after }), claim({ [key]: before })),
        ];
        assert.deepEqual(there.replaces, back.replaces);
      }),
    );
  });

  it('names each changed path with its kind of change', () => {
    const result = ask(
      claim({ resources: { requests: { storage: '1Gi' } }, volumeMode: 'Block' }),
      claim({ resources: { requests: { storage: '2Gi' } } }, { labels: { 'a.b/c': 'd' } }),
    );
    assert.deepEqual(Object.fromEntries(result.detailed ?? []), {
      'metadata.labels': { kind: 'add', inputDiff: true },
      'spec.resources.requests.storage': { kind: 'update', inputDiff: true },
      'spec.volumeMode': { kind: 'delete', inputDiff: true },
    });
    assert.deepEqual(result.replaces, []);
  });

  it('replaces when a whole map with a forced field comes in, not when it is taken away', () => {
    const bare = { metadata: { name: 'data', namespace: 'db' } };
    const full = claim({ accessModes: ['ReadWriteOnce'] });
    assert.deepEqual(ask(bare, full).replaces, ['spec']);
    assert.deepEqual(ask(full, bare).replaces, []);
    assert.equal(ask(full, bare).changes, 'some');
  });

  it('deletes first exactly when the new object must take the same name', () => {
    const edit = (metadata: PropertyMap) =>
      ask(claim({ storageClassName: 'a' }), claim({ storageClassName: 'b' }, metadata));
    assert.equal(edit({}).deleteBeforeReplace, true);
    assert.equal(edit({ name: 'other' }).deleteBeforeReplace, false);
    assert.equal(edit({ namespace: 'other' }).deleteBeforeReplace, false);
    const autonamed = { annotations: { 'pulumi.com/autonamed': 'true' } };
    assert.equal(edit(autonamed).deleteBeforeReplace, false);
    assert.equal(
      ask(claim({}), claim({ volumeMode: 'Block' })).deleteBeforeReplace,
      false,
      'no replacement, no order',
    );
  });

  it('takes a missing namespace for the default one, and none for cluster-scoped kinds', () => {
    const [without, given] = [
      { metadata: { name: 'a' } },
      { metadata: { name: 'a', namespace: 'default' } },
    ];
    assert.equal(ask(without, given).changes, 'none');
    assert.equal(ask(without, given, { isNamespaced: undefined }).changes, 'none');
    const elsewhere = { metadata: { name: 'a', namespace: 'x' } };
    assert.equal(ask(without, elsewhere, { isNamespaced: false }).changes, 'none');
    assert.deepEqual(ask(without, elsewhere).replaces, ['metadata.namespace']);
  });

  it('keeps what may be unknown a change, forced where its place is', () => {
    const before = claim({ storageClassName: 'a', volumeMode: 'Block' });
    const after = claim({ storageClassName: unknown, volumeMode: unknown });
    const result = ask(before, after);
    assert.deepEqual(result.replaces, ['spec.storageClassName']);
    assert.equal(result.detailed?.get('spec.volumeMode')?.kind, 'update');
  });

  it('overlooks what the program wants ignored', () => {
    const [before, after] = [claim({ volumeName: 'a' }), claim({ volumeName: 'b' })];
    for (const path of ['spec.volumeName', 'spec', 'spec["volumeName"]', '*']) {
      assert.equal(ask(before, after, { ignoreChanges: [path] }).changes, 'none', path);
    }
    assert.deepEqual(ask(before, after, { ignoreChanges: ['spec.volumeMode'] }).replaces, [
      'spec.volumeName',
    ]);
  });

  it('lets a patch change everything but its identity in place', () => {
    const patch = { isPatch: true };
    const edit = ask(claim({ storageClassName: 'a' }), claim({ storageClassName: 'b' }), patch);
    assert.deepEqual(edit.replaces, []);
    assert.deepEqual(ask(claim({}), claim({}, { name: 'x' }), patch).replaces, ['metadata.name']);
  });
});

describe('property path', () => {
  it('is read as programs write it', () => {
    assert.deepEqual(parsePath('spec.volumeName'), ['spec', 'volumeName']);
    assert.deepEqual(parsePath('spec.containers[0].image'), ['spec', 'containers', 0, 'image']);
    assert.deepEqual(parsePath('metadata.annotations["a.b/c"]'), [
      'metadata',
      'annotations',
      'a.b/c',
    ]);
    assert.deepEqual(parsePath('spec.containers[*].env'), ['spec', 'containers', '*', 'env']);
    assert.throws(() => parsePath('spec.["'), /cannot be read from/);
  });

  it('contains what lies below it, whatever the index for a star', () => {
    const path = ['spec', 'containers', 3, 'env', 0];
    assert.equal(contains(parsePath('spec.containers[*].env'), path), true);
    assert.equal(contains(parsePath('spec.containers[2].env'), path), false);
    assert.equal(contains(path, ['spec']), false);
  });
});

function sorted(value: PropertyMap[string]): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as PropertyMap);
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, part]) => [key, sorted(part)]),
  );
}
