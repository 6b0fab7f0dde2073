import assert from 'node:assert/strict';
import { diff } from '../../../lab/standin/kubernetes/diff.ts';
import {
  type ReplacementRule,
  replacementTable,
} from '../../../lab/standin/kubernetes/replacement-table.ts';
import type { PropertyMap, PropertyValue } from '../../../lab/standin/provider/value.ts';

const frozen = { enableConfigMapMutable: false, enableSecretMutable: false };
const mutable = { enableConfigMapMutable: true, enableSecretMutable: true };

function gvk(rule: ReplacementRule) {
  const [group = '', version = 'v1', kind = 'ConfigMap'] =
    rule.kind === '*' ? [] : rule.kind.split('/');
  return { group, version, kind };
}

/** An object with the value at the rule's place and nothing else of interest. */
function objectWith(rule: ReplacementRule, value: PropertyValue): PropertyMap {
  let inner: PropertyValue = value;
  for (const step of rule.path.toReversed()) inner = step === '*' ? [inner] : { [step]: inner };
  const outer = inner as PropertyMap;
  const metadata = { name: 'one', namespace: 'two', ...(outer['metadata'] as PropertyMap) };
  return { ...outer, metadata };
}

function without(rule: ReplacementRule): PropertyMap {
  if (rule.path[0] === 'metadata') return { metadata: {} };
  const last = rule.path.at(-1) ?? '';
  const holder = objectWith(rule, 'x');
  return JSON.parse(
    JSON.stringify(holder, (key, value: unknown) => (key === last ? undefined : value)),
  ) as PropertyMap;
}

function replaces(
  rule: ReplacementRule,
  oldInputs: PropertyMap,
  inputs: PropertyMap,
  settings = frozen,
): readonly string[] {
  const kind = gvk(rule);
  const question = { kind, isPatch: false, isNamespaced: true, ignoreChanges: [], settings };
  return diff({ ...question, oldInputs, inputs }).replaces ?? [];
}

describe('replacement table', () => {
  for (const rule of replacementTable) {
    it(`replaces [${rule.kind} ${rule.path.join('.')}: ${rule.source}]`, () => {
      const [before, after] = [objectWith(rule, 'before'), objectWith(rule, 'after')];
      assert.notDeepEqual(replaces(rule, before, after), [], 'changed');
      assert.notDeepEqual(replaces(rule, after, before), [], 'changed back');
      assert.notDeepEqual(replaces(rule, without(rule), after), [], 'added');
      assert.notDeepEqual(replaces(rule, before, without(rule)), [], 'removed');
    });
  }

  it('has no rule twice', () => {
    const texts = replacementTable.map(({ kind, path }) => `${kind} ${path.join('.')}`);
    assert.deepEqual(texts, [...new Set(texts)]);
  });

  it('lets go of ConfigMap and Secret data when they are mutable, unless they are immutable', () => {
    const switched = replacementTable.filter((rule) => rule.unless !== undefined);
    assert.equal(switched.length, 4);
    for (const rule of switched) {
      const [before, after] = [objectWith(rule, 'a'), objectWith(rule, 'b')];
      assert.deepEqual(replaces(rule, before, after, mutable), []);
      const immutable = { ...after, immutable: true };
      assert.notDeepEqual(replaces(rule, { ...before, immutable: true }, immutable, mutable), []);
    }
  });

  it('leaves alone what the official table leaves to the API server', () => {
    const free: readonly (readonly [string, string])[] = [
      ['/v1/PersistentVolumeClaim', 'spec.resources'],
      ['/v1/PersistentVolumeClaim', 'spec.volumeMode'],
      ['/v1/PersistentVolume', 'spec.nodeAffinity'],
      ['storage.k8s.io/v1/StorageClass', 'reclaimPolicy'],
      ['storage.k8s.io/v1/StorageClass', 'volumeBindingMode'],
      ['apps/v1/StatefulSet', 'spec.replicas'],
      ['apps/v1/StatefulSet', 'spec.persistentVolumeClaimRetentionPolicy'],
      ['batch/v1/CronJob', 'spec.schedule'],
      ['example.test/v1/Shelf', 'spec.size'],
    ];
    for (const [kind, path] of free) {
      const rule = { kind, path: path.split('.'), source: '' };
      const change = [objectWith(rule, 'a'), objectWith(rule, 'b')] as const;
      assert.deepEqual(replaces(rule, ...change), [], `${kind} ${path}`);
    }
  });
});
