import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import { ApiClient } from '../../../lab/standin/kubernetes/api-client.ts';
import { ApiFailure, Unreachable } from '../../../lab/standin/kubernetes/api-failure.ts';
import { loadKubeconfig } from '../../../lab/standin/kubernetes/kubeconfig.ts';

describe('API client', () => {
  let server: Server;
  let port: number;
  let seen: string[];

  async function serve(listener: RequestListener): Promise<ApiClient> {
    seen = [];
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`);
      listener(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
    return clientOf(port);
  }
  const clientOf = (at: number, timeoutMs?: number) => {
    const cluster = { server: `http://127.0.0.1:${at}/proxy`, 'insecure-skip-tls-verify': true };
    const kubeconfig = JSON.stringify({
      'current-context': 'c',
      clusters: [{ name: 'k', cluster }],
      users: [{ name: 'u', user: { token: 'hush' } }],
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    });
    const config = loadKubeconfig({ kubeconfig, context: '', cluster: '' });
    return new ApiClient(config, timeoutMs === undefined ? {} : { timeoutMs });
  };
  const get = {
    method: 'GET',
    path: '/api/v1/pods',
    query: { labelSelector: 'a=b', none: undefined },
  } as const;

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('sends what it is told to the server of the kubeconfig, with its token', async () => {
    const client = await serve((_request, response) => response.end('{"items":[]}'));
    assert.deepEqual(await client.send(get), { items: [] });
    assert.deepEqual(seen, ['GET /proxy/api/v1/pods?labelSelector=a%3Db Bearer hush']);
    client.close();
  });

  it('turns a refusal into the words of the server', async () => {
    const client = await serve((_request, response) => {
      response.statusCode = 409;
      response.end(
        '{"kind":"Status","message":"pods \\"a\\" already exists","reason":"AlreadyExists"}',
      );
    });
    await assert.rejects(client.send(get), (error: unknown) => {
      assert.ok(error instanceof ApiFailure);
      assert.deepEqual(
        [error.code, error.reason, error.message],
        [409, 'AlreadyExists', 'pods "a" already exists'],
      );
      return true;
    });
    client.close();
  });

  it('asks again when the server says it is busy', async () => {
    const client = await serve((_request, response) => {
      if (seen.length === 1) response.writeHead(429, { 'retry-after': '0' });
      response.end('{}');
    });
    assert.deepEqual(await client.send(get), {});
    assert.equal(seen.length, 2);
    client.close();
  });

  it('takes a new connection when a kept one was closed', async () => {
    const client = await serve((request, response) => {
      if (seen.length === 2) request.socket.destroy();
      else response.end('{}');
    });
    await client.send(get);
    assert.deepEqual(await client.send(get), {});
    assert.equal(seen.length, 3);
    client.close();
  });

  it('says which server does not answer, and how long it waited', async () => {
    await serve((_request, response) => response.end('{}'));
    const nobody = clientOf(1);
    await assert.rejects(nobody.send(get), (error: unknown) => {
      assert.ok(error instanceof Unreachable);
      assert.match(error.message, /http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/);
      assert.doesNotMatch(error.message, /hush/);
      return true;
    });
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const silentPort = typeof address === 'object' && address !== null ? address.port : 0;
    const patient = clientOf(silentPort, 50);
    await assert.rejects(patient.send(get), /no answer within 0\.05 s/);
    silent.closeAllConnections();
    silent.close();
  });
});
