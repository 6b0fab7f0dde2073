import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect } from '../../../operator/kubernetes.ts';

/** What a person is told when the cluster cannot be looked at. */
describe("operator's way into the cluster", () => {
  let folder: string;
  let server: Server;
  let answer = { code: 200, message: '' };
  /** Headers of the last request. */
  let authorization: string | undefined;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-operator-'));
    server = createServer((request, response) => {
      ({ authorization } = request.headers);
      response.writeHead(answer.code, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ message: answer.message, items: [] }));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  async function connected(context?: string, port = (server.address() as AddressInfo).port) {
    // Without TLS the official client insists that one means it.
    const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
    const content = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'shelf',
      clusters: [{ name: 'shelf', cluster }],
      users: [{ name: 'me', user: { token: 'secret-token' } }],
      contexts: [{ name: 'shelf', context: { cluster: 'shelf', user: 'me' } }],
    };
    const kubeconfig = path.join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, JSON.stringify(content));
    return connect({ kubeconfig: undefined, context }, { KUBECONFIG: kubeconfig }, folder);
  }

  it("takes the kubeconfig's current context, and asks as its user", async () => {
    answer = { code: 200, message: '' };
    const view = await connected();
    assert.equal(view.cluster, 'shelf');
    assert.deepEqual(await view.objects.volumes.list(), []);
    assert.equal(authorization, 'Bearer secret-token');
  });

  it('says where it looked when there is no kubeconfig', async () => {
    const nowhere = path.join(folder, 'nowhere');
    const wanted = { kubeconfig: nowhere, context: undefined };
    await assert.rejects(connect(wanted, {}, folder), {
      code: 'input.invalid',
      message: new RegExp(`No cluster is known: found ${nowhere}, which is not there`),
      hint: /npm start/,
    });
  });

  it('names the contexts there are when the one asked for is not among them', async () => {
    await assert.rejects(connected('shed'), {
      message: /found shed, which .* does not hold; expected shelf/,
    });
  });

  it('says that nothing answers when nothing does', async () => {
    // Nothing listens on port 2.
    await assert.rejects(connected(undefined, 2), {
      code: 'cluster.unreachable',
      message: /The cluster shelf does not answer\..*127\.0\.0\.1:2/,
      hint: /--context/,
    });
  });

  it('says that Larder is not in this cluster when its kinds are not', async () => {
    answer = { code: 404, message: 'the server could not find the requested resource' };
    await assert.rejects(connected(), {
      code: 'input.invalid',
      message: /The cluster shelf \(http.*\) has no objects of larder\.dev/,
      hint: /docs\/components\/replicated-tier\.md/,
    });
  });

  it('says that this user may not look when it may not, and never shows the token', async () => {
    answer = { code: 403, message: 'forbidden: User "me"' };
    await assert.rejects(connected(), (error: Error & { hint: string }) => {
      assert.match(error.message, /answered 403: forbidden: User "me"/);
      assert.doesNotMatch(error.message + error.hint, /secret-token/);
      return true;
    });
  });
});
