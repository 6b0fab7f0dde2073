import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import { run } from '../../../../lab/base/run.ts';
import { ensurePki } from '../../../../lab/cluster/pki.ts';

describe('pki', () => {
  const parent = mkdtempSync(path.join(tmpdir(), 'larder-pki-'));
  const folder = path.join(parent, 'pki');
  const pem = (name: string) => readFileSync(path.join(folder, name), 'utf8');

  before(async () => {
    await ensurePki(folder, [{ name: 'kube01', address: '10.66.0.11' }]);
  });

  after(() => {
    rmSync(parent, { recursive: true });
  });

  it('has every certificate signed by its authority, as OpenSSL sees it', async () => {
    const file = (name: string) => path.join(folder, name);
    const verify = (authority: string, purpose: string, name: string) =>
      run('openssl', [
        'verify',
        '-x509_strict',
        '-CAfile',
        file(authority),
        '-purpose',
        purpose,
        file(name),
      ]);
    for (const name of ['apiserver.crt', 'kubelet-kube01.crt'])
      assert.match((await verify('ca.crt', 'sslserver', name)).stdout, /: OK$/);
    for (const name of ['admin.crt', 'apiserver-kubelet-client.crt'])
      assert.match((await verify('ca.crt', 'sslclient', name)).stdout, /: OK$/);
    const proxy = await verify('front-proxy-ca.crt', 'sslclient', 'front-proxy-client.crt');
    assert.match(proxy.stdout, /: OK$/);
  });

  it('has two authorities that do not vouch for each other', async () => {
    const authority = path.join(folder, 'ca.crt');
    const client = path.join(folder, 'front-proxy-client.crt');
    await assert.rejects(run('openssl', ['verify', '-CAfile', authority, client]), /code 2/);
  });

  it('lets Node connect to the API server by its address and know the client', async () => {
    const options = { key: pem('apiserver.key'), cert: pem('apiserver.crt'), ca: pem('ca.crt') };
    const server = createServer({ ...options, requestCert: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
    const client = connect({
      host: '127.0.0.1',
      port: address.port,
      ca: pem('ca.crt'),
      key: pem('admin.key'),
      cert: pem('admin.crt'),
    });
    await once(client, 'secureConnect');
    const [socket] = await accepted;
    assert.equal(client.authorized, true);
    assert.equal(socket.authorized, true);
    assert.equal(socket.getPeerCertificate().subject.O, 'system:masters');
    client.destroy();
    server.close();
  });

  it('names the API server by every name and address it is reached under', () => {
    const names = new X509Certificate(pem('apiserver.crt')).subjectAltName ?? '';
    for (const name of ['127.0.0.1', '10.66.0.1', '10.68.0.1', 'kubernetes.default.svc'])
      assert.ok(names.includes(name), `${name} is not in ${names}`);
  });

  it('gives a node the identity that the Node authorizer asks for', () => {
    const config = new KubeConfig();
    config.loadFromFile(path.join(folder, 'kube01.kubeconfig'));
    const data = config.getCurrentUser()?.certData;
    assert.ok(data !== undefined);
    const { subject } = new X509Certificate(Buffer.from(data, 'base64'));
    assert.deepEqual(subject.split('\n'), ['O=system:nodes', 'CN=system:node:kube01']);
    assert.equal(config.getCurrentCluster()?.server, 'https://10.66.0.1:6443');
  });

  it('keeps keys from other users of the machine', () => {
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    for (const name of readdirSync(folder).filter((file) => /\.(?:key|kubeconfig)$/.test(file)))
      assert.equal(statSync(path.join(folder, name)).mode & 0o077, 0, name);
  });

  it('is made once: a second call changes nothing', async () => {
    const was = pem('ca.crt');
    await ensurePki(folder, [{ name: 'other', address: '10.66.0.12' }]);
    assert.equal(pem('ca.crt'), was);
  });
});
