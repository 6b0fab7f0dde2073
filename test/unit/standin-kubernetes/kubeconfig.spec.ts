import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { loadKubeconfig } from '../../../lab/standin/kubernetes/kubeconfig.ts';

const config = {
  'current-context': 'home',
  clusters: [
    { name: 'shelf', cluster: { server: 'https://shelf.test' } },
    { name: 'office', cluster: { server: 'https://office.test' } },
  ],
  users: [{ name: 'ann', user: { token: 'hush' } }],
  contexts: [{ name: 'home', context: { cluster: 'shelf', user: 'ann', namespace: 'db' } }],
};
const text = stringify(config);
const load = (kubeconfig: string, more: { context?: string; cluster?: string } = {}) =>
  loadKubeconfig({ kubeconfig, context: '', cluster: '', ...more });
const serverOf = (kubeconfig: string, more = {}) =>
  load(kubeconfig, more).getCurrentCluster()?.server;

describe('kubeconfig', () => {
  it('is read as YAML, as JSON and from a file', () => {
    assert.equal(serverOf(text), 'https://shelf.test');
    assert.equal(serverOf(JSON.stringify(config)), 'https://shelf.test');
    const folder = mkdtempSync(path.join(tmpdir(), 'larder-kubeconfig-'));
    try {
      const file = path.join(folder, 'config');
      writeFileSync(file, text);
      assert.equal(serverOf(file), 'https://shelf.test');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('lets the provider choose another cluster for the context', () => {
    const chosen = load(text, { cluster: 'office' });
    assert.equal(chosen.getCurrentCluster()?.server, 'https://office.test');
    assert.equal(chosen.getContextObject(chosen.getCurrentContext())?.namespace, 'db');
    assert.equal(chosen.getCurrentUser()?.name, 'ann');
  });

  it('says what is missing', () => {
    assert.throws(() => load(text, { context: 'work' }), /context "work" does not exist.*has home/);
    assert.throws(() => load(text, { cluster: 'x' }), /cluster "x" does not exist/);
    assert.throws(() => load('clusters:\n- cluster: {}\n'), /clusters\[0\]\.name is missing/);
  });

  it('never quotes itself when it cannot be read', () => {
    for (const broken of [`${text}\n  - token: [hush`, 'token: hush\n: :', '/no/such/hush/file']) {
      assert.throws(
        () => load(broken),
        (error: Error) => !error.message.includes('hush'),
        broken,
      );
    }
  });
});
