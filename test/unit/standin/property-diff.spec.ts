import assert from 'node:assert/strict';
import { differences, pathText, same } from '../../../lab/standin/provider/property-diff.ts';
import { Asset, type PropertyMap, Secret, unknown } from '../../../lab/standin/provider/value.ts';

const diff = (before: PropertyMap, after: PropertyMap) =>
  differences(before, after).map(({ segments, kind }) => `${kind} ${pathText(segments)}`);

describe('property difference', () => {
  it('names each change by its path', () => {
    const before = { spec: { ports: [{ name: 'a' }, { name: 'b' }], gone: 1 } };
    const after = { spec: { ports: [{ name: 'a' }, { name: 'c' }, { name: 'd' }] }, fresh: true };
    assert.deepEqual(diff(before, after), [
      'update spec.ports[1].name',
      'add spec.ports[2]',
      'delete spec.gone',
      'add fresh',
    ]);
  });

  it('quotes keys that are not names', () => {
    const labels = (value: string) => ({ metadata: { labels: { 'larder.dev/tier': value } } });
    assert.deepEqual(diff(labels('a'), labels('b')), ['update metadata.labels["larder.dev/tier"]']);
  });

  it('takes null for absent', () => {
    assert.deepEqual(diff({ a: null }, {}), []);
    assert.deepEqual(diff({}, { a: null }), []);
  });

  it('looks through secrets', () => {
    assert.ok(same(new Secret('x'), 'x'));
    assert.deepEqual(diff({ a: new Secret({ b: 1 }) }, { a: { b: 2 } }), ['update a.b']);
  });

  it('holds an unknown value for a change', () => {
    assert.ok(!same('x', unknown));
    assert.ok(!same(unknown, unknown));
  });

  it('compares files by content, and never takes two without a hash for equal', () => {
    const at = (path: string, hash?: string) => new Asset({ path }, hash);
    assert.ok(same(at('a', '1'), at('b', '1')));
    assert.ok(!same(at('a', '1'), at('a', '2')));
    assert.ok(!same(at('a'), at('a')));
  });

  it('tells a map from a list', () => {
    assert.deepEqual(diff({ a: { 0: 'x' } }, { a: ['x'] }), ['update a']);
  });
});
