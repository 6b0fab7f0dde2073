import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { ApiClient } from '../../../lab/standin/kubernetes/api-client.ts';
import { Cluster } from '../../../lab/standin/kubernetes/cluster.ts';
import { Discovery } from '../../../lab/standin/kubernetes/discovery.ts';
import { loadKubeconfig } from '../../../lab/standin/kubernetes/kubeconfig.ts';

const resources = {
  resources: [{ name: 'configmaps', kind: 'ConfigMap', namespaced: true }],
};
const conflict = (causes: readonly object[]) => ({
  kind: 'Status',
  reason: 'Conflict',
  message: 'Operation cannot be fulfilled: the object has been modified',
  details: { causes },
});

describe('server-side apply of a cluster', () => {
  let server: Server;
  let client: ApiClient;
  let applied: number;
  /** What the API answers to each apply; 200 when there is none left. */
  let refusals: object[];

  beforeEach(async () => {
    applied = 0;
    server = createServer((request, response) => {
      request.resume();
      if (request.method === 'GET') {
        response.end(JSON.stringify(resources));
        return;
      }
      applied += 1;
      const refusal = refusals.shift();
      response.statusCode = refusal === undefined ? 200 : 409;
      response.end(JSON.stringify(refusal ?? { metadata: { name: 'c' } }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
    const kubeconfig = JSON.stringify({
      'current-context': 'c',
      clusters: [{ name: 'k', cluster }],
      users: [{ name: 'u', user: { token: 'hush' } }],
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    });
    client = new ApiClient(loadKubeconfig({ kubeconfig, context: '', cluster: '' }));
  });
  afterEach(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });

  const apply = async (metadata: object = {}) =>
    new Cluster(client, new Discovery(client)).apply(
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'c', namespace: 'default', ...metadata },
      },
      { fieldManager: 'test', dryRun: false, force: false, signal: AbortSignal.timeout(5_000) },
    );

  it('sends it again when somebody wrote to the object in between', async () => {
    refusals = [conflict([]), conflict([])];
    await apply();
    assert.equal(applied, 3);
  });

  it('gives up when that never ends', async () => {
    refusals = Array.from({ length: 10 }, () => conflict([]));
    await assert.rejects(apply(), /the object has been modified/);
    assert.equal(applied, 5);
  });

  it('does not repeat what another manager disputes, or what names a version', async () => {
    refusals = [conflict([{ reason: 'FieldManagerConflict', field: '.data' }])];
    await assert.rejects(apply(), /has been modified/);
    refusals = [conflict([])];
    await assert.rejects(apply({ resourceVersion: '7' }), /has been modified/);
    assert.equal(applied, 2);
  });
});
