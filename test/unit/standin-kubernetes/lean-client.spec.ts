import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { repositoryRoot } from '../../../lab/base/paths.ts';

const standin = path.join(repositoryRoot, 'lab/standin/kubernetes');

/** Counts what is loaded, and reads a kubeconfig with the library. */
const program = `
import { registerHooks } from 'node:module';
let models = 0;
registerHooks({ load(url, context, next) { if (/client-node\\/dist\\/gen\\//.test(url)) models += 1; return next(url, context); } });
const { spareUnusedClient } = await import('${standin}/lean-client.ts');
if (process.argv.includes('spare')) spareUnusedClient();
const { loadKubeconfig } = await import('${standin}/kubeconfig.ts');
const kubeconfig = JSON.stringify({
  clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443' } }],
  users: [{ name: 'u', user: { token: 'a-token' } }],
  contexts: [{ name: 'shelf', context: { cluster: 'c', user: 'u' } }],
  'current-context': 'shelf',
});
const config = loadKubeconfig({ kubeconfig, context: '', cluster: '' });
const options = { headers: {} };
await config.applyToHTTPSOptions(options);
console.log(JSON.stringify({ models, headers: options.headers }));
`;

interface Run {
  readonly models: number;
  readonly headers: Readonly<Record<string, string>>;
}

function run(...args: readonly string[]): Run {
  const flags = ['--input-type=module-typescript', '-e', program, '--', ...args];
  return JSON.parse(execFileSync(process.execPath, flags, { encoding: 'utf8' })) as Run;
}

describe('kubeconfig reader of the stand-in', () => {
  it('signs in without loading the models of the client', () => {
    const { models, headers } = run('spare');
    assert.deepEqual(headers, { Authorization: 'Bearer a-token' });
    // Without it they are about a thousand.
    assert.ok(models < 10, `${models} files of models`);
  });
});
