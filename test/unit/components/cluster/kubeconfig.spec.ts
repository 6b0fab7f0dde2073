import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import {
  kubeconfigFiles,
  nowhere,
  readKubeconfig,
} from '../../../../components/cluster/kubeconfig.ts';

describe('kubeconfig', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-kubeconfig-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (name: string, contexts: readonly string[], extra: object = {}): string => {
    const file = path.join(folder, name);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: contexts.map((each) => ({
        name: `${each}-c`,
        cluster: { server: `https://${each}` },
      })),
      users: contexts.map((each) => ({ name: `${each}-u`, user: { token: `token of ${each}` } })),
      contexts: contexts.map((each) => ({
        name: each,
        context: { cluster: `${each}-c`, user: `${each}-u` },
      })),
      ...extra,
    };
    writeFileSync(file, stringify(config));
    return file;
  };
  const around = (env: Record<string, string> = {}) => ({ env, projectFolder: folder });

  it('hands on the named context and nothing of the others', () => {
    const file = write('config', ['home', 'work']);
    const read = readKubeconfig({ file, context: 'home' }, around());
    assert.ok('text' in read);
    assert.match(read.text, /token of home/);
    assert.doesNotMatch(read.text, /of work|work-c/);
    assert.equal(read.config.getCurrentContext(), 'home');
  });

  it('tells an address from the one that stands in for none', () => {
    const server = (file: string) => {
      const read = readKubeconfig({ file, context: 'home' }, around());
      assert.ok('server' in read);
      return read.server;
    };
    assert.equal(server(write('config', ['home'])), 'https://home');
    const clusters = [{ name: 'home-c', cluster: { server: nowhere } }];
    assert.equal(server(write('none', ['home'], { clusters })), undefined);
  });

  it('lists the contexts when the named one is not there', () => {
    const file = write('config', ['home', 'work']);
    const read = readKubeconfig({ file, context: 'hom' }, around());
    assert.ok('problem' in read);
    assert.equal(read.problem.path, 'larder:cluster.context');
    assert.equal(read.problem.found, `hom, which ${file} does not hold`);
    assert.equal(read.problem.allowed, 'home or work');
  });

  it('merges the files of $KUBECONFIG as kubectl does', () => {
    const files = [write('one', ['home']), write('two', ['work'])];
    const read = readKubeconfig(
      { file: undefined, context: 'work' },
      around({ KUBECONFIG: files.join(path.delimiter) }),
    );
    assert.ok('text' in read);
    assert.match(read.text, /token of work/);
  });

  it('looks where kubectl looks when nothing is named', () => {
    const nothing = { file: undefined, context: 'x' };
    assert.deepEqual(kubeconfigFiles(nothing, around({ HOME: '/users/me' })), [
      '/users/me/.kube/config',
    ]);
    assert.deepEqual(
      kubeconfigFiles({ file: '~/k3s.yaml', context: 'x' }, around({ HOME: '/users/me' })),
      ['/users/me/k3s.yaml'],
    );
    assert.deepEqual(kubeconfigFiles({ file: 'k3s.yaml', context: 'x' }, around()), [
      path.join(folder, 'k3s.yaml'),
    ]);
  });

  it('says so when the file is missing or is something else', () => {
    const missing = readKubeconfig({ file: 'nowhere', context: 'home' }, around());
    assert.ok('problem' in missing);
    assert.match(missing.problem.found, /nowhere, which is not there$/);
    writeFileSync(path.join(folder, 'odd'), 'a: [unclosed');
    const odd = readKubeconfig({ file: 'odd', context: 'home' }, around());
    assert.ok('problem' in odd);
    assert.match(odd.problem.found, /odd, which is no kubeconfig$/);
  });

  it('says so when the context has no user', () => {
    const file = write('config', ['home'], { users: [] });
    const read = readKubeconfig({ file, context: 'home' }, around());
    assert.ok('problem' in read);
    assert.match(read.problem.found, /whose user is missing/);
  });
});
