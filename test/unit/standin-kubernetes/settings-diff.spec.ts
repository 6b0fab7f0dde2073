import assert from 'node:assert/strict';
import { readSettings } from '../../../lab/standin/kubernetes/settings.ts';
import { diffSettings } from '../../../lab/standin/kubernetes/settings-diff.ts';
import { type PropertyMap, unknown } from '../../../lab/standin/provider/value.ts';

const kubeconfig = (server: string) =>
  JSON.stringify({
    'current-context': 'one',
    clusters: ['a', 'b'].map((name) => ({ name, cluster: { server: `${server}/${name}` } })),
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [
      { name: 'one', context: { cluster: 'a', user: 'u' } },
      { name: 'two', context: { cluster: 'b', user: 'u' } },
    ],
  });
const here = kubeconfig('https://here.test');
const there = kubeconfig('https://there.test');

/** Rows of pulumi-kubernetes `provider_diffconfig_test.go`, with the reason for a replacement. */
const table: readonly (readonly [string, PropertyMap, PropertyMap, readonly string[]])[] = [
  ['nothing given', {}, {}, []],
  ['ambient to explicit', {}, { kubeconfig: here }, []],
  ['kubeconfig unknown', { kubeconfig: here }, { kubeconfig: unknown }, ['kubeconfig']],
  ['another server', { kubeconfig: here }, { kubeconfig: there }, ['kubeconfig']],
  [
    'another server, one identifier',
    { kubeconfig: here, clusterIdentifier: 'x' },
    { kubeconfig: there, clusterIdentifier: 'x' },
    [],
  ],
  [
    'another identifier',
    { kubeconfig: here, clusterIdentifier: 'x' },
    { kubeconfig: here, clusterIdentifier: 'y' },
    ['clusterIdentifier'],
  ],
  ['identifier added', { kubeconfig: here }, { kubeconfig: here, clusterIdentifier: 'x' }, []],
  [
    'identifier added and another server',
    { kubeconfig: here },
    { kubeconfig: there, clusterIdentifier: 'x' },
    [],
  ],
  ['identifier removed', { kubeconfig: here, clusterIdentifier: 'x' }, { kubeconfig: here }, []],
  [
    'context of another cluster',
    { kubeconfig: here, context: 'one' },
    { kubeconfig: here, context: 'two' },
    ['context'],
  ],
  [
    'context that does not exist',
    { kubeconfig: here, context: 'one' },
    { kubeconfig: here, context: 'three' },
    [],
  ],
  [
    'context unknown',
    { kubeconfig: here, context: 'one' },
    { kubeconfig: here, context: unknown },
    ['context'],
  ],
  [
    'another cluster by name',
    { kubeconfig: here, cluster: 'a' },
    { kubeconfig: here, cluster: 'b' },
    ['cluster'],
  ],
  [
    'other settings',
    { kubeconfig: here },
    { kubeconfig: here, enableConfigMapMutable: 'true', upsertExistingObjects: 'true' },
    [],
  ],
];

describe('settings', () => {
  for (const [what, before, after, replaces] of table) {
    it(`${replaces.length === 0 ? 'keep' : 'replace'} the provider [${what}]`, () => {
      const result = diffSettings(before, after);
      assert.deepEqual(result.replaces, replaces);
      const isSame = JSON.stringify(before) === JSON.stringify(after);
      assert.equal(result.changes, isSame ? 'none' : 'some');
    });
  }

  it('are read from JSON text, from booleans and from the environment', () => {
    const none = readSettings({}, {});
    assert.equal(none.enableServerSideApply, true);
    assert.equal(none.upsertExistingObjects, false);
    const given = readSettings(
      {
        upsertExistingObjects: 'true',
        enableServerSideApply: false,
        kubeClientSettings: '{"timeout":7}',
        kubeconfig: { clusters: [] },
      },
      { PULUMI_K8S_ENABLE_SECRET_MUTABLE: 'true', PULUMI_K8S_UPSERT_EXISTING_OBJECTS: 'false' },
    );
    assert.equal(given.upsertExistingObjects, true, 'the program wins');
    assert.equal(given.enableServerSideApply, false);
    assert.equal(given.enableSecretMutable, true);
    assert.equal(given.timeoutMs, 7_000);
    assert.equal(given.kubeconfig, '{"clusters":[]}');
  });
});
