import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KubeClient } from '../../../../dataplane/host/kube-client.ts';
import { ensurePeerIdentity, peerFilesIn } from '../../../../dataplane/host/peer-identity.ts';
import { PeerSigner } from '../../../../dataplane/host/peer-signer.ts';

const dayMs = 86_400_000;
const account = 'system:serviceaccount:larder-system:larder-node';

interface Stored {
  metadata: { name: string; resourceVersion?: string; annotations?: Record<string, string> };
  spec?: object;
  status?: { certificate?: string; conditions?: { type: string; message: string }[] };
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}

/** As much of the API server as signing needs: one Secret, and requests marked with who asked. */
class SigningApi {
  secret: Stored | undefined;
  readonly requests = new Map<string, Stored>();
  /** What the API server knows of who asks next. */
  asker = { username: account, node: 'kube1' };
  /** Nodes that ask for an answer are kept waiting until there is one. */
  #waiting: (() => void)[] = [];
  #version = 0;

  async decided(method: string, url: string): Promise<void> {
    const request = this.requests.get(url.split('/')[5] ?? '');
    const isOpen = () =>
      request?.status?.certificate === undefined &&
      request?.status?.conditions?.some(({ type }) => type === 'Denied') !== true;
    while (method === 'GET' && request !== undefined && isOpen()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  answer(method: string, url: string, body: Stored | undefined): [number, object] {
    const name = url.split('?')[0]?.split('/') ?? [];
    if (url.includes('/secrets')) return this.#secret(method, body);
    if (method === 'GET' && name.at(-1) === 'certificatesigningrequests') {
      return [200, { items: [...this.requests.values()] }];
    }
    const request = this.requests.get(name[5] ?? '');
    if (method === 'POST' && body !== undefined) {
      const { username, node } = this.asker;
      const extra = node === '' ? {} : { 'authentication.kubernetes.io/node-name': [node] };
      const stored = { ...body, spec: { ...body.spec, username, extra } };
      this.requests.set(body.metadata.name, stored);
      return [201, stored];
    }
    if (request === undefined) return [404, {}];
    if (method === 'PUT' && body?.status !== undefined) {
      request.status = body.status;
      for (const tell of this.#waiting.splice(0)) tell();
    }
    return [200, request];
  }

  #secret(method: string, body: Stored | undefined): [number, object] {
    if (method === 'GET') return this.secret === undefined ? [404, {}] : [200, this.secret];
    if (body === undefined || (method === 'POST' && this.secret !== undefined)) return [409, {}];
    const { resourceVersion } = body.metadata;
    if (method === 'PUT' && resourceVersion !== this.secret?.metadata.resourceVersion) {
      return [409, {}];
    }
    this.#version += 1;
    const data = Object.entries(body.stringData ?? {}).map(([key, text]) => [
      key,
      Buffer.from(text).toString('base64'),
    ]);
    const metadata = { ...body.metadata, resourceVersion: String(this.#version) };
    this.secret = { metadata, data: Object.fromEntries(data) as Record<string, string> };
    return [method === 'POST' ? 201 : 200, this.secret];
  }
}

/** How nodes come by their certificates, and the authority by its successor. */
describe('signer of peers', () => {
  let api: SigningApi;
  let server: Server;
  let client: KubeClient;
  let folder: string;
  let now: Date;
  const lines: string[] = [];
  const log = {
    info: (...words: unknown[]) => void lines.push(JSON.stringify(words)),
    warn: (...words: unknown[]) => void lines.push(JSON.stringify(words)),
  };

  before(async () => {
    server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        const body = text === '' ? undefined : (JSON.parse(text) as Stored);
        const { method = '', url = '' } = request;
        void api.decided(method, url).then(() => {
          const [code, answer] = api.answer(method, url, body);
          response.writeHead(code, { 'content-type': 'application/json' });
          response.end(JSON.stringify(answer));
        });
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    client = new KubeClient({ server: `http://127.0.0.1:${port}` });
  });
  after(() => {
    server.close();
  });
  beforeEach(() => {
    api = new SigningApi();
    folder = mkdtempSync(path.join(tmpdir(), 'larder-peer-'));
    now = new Date();
    lines.length = 0;
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const signer = () => new PeerSigner(client, log, 'larder-system', () => now);

  /** A node asks, a controller answers: what the node holds then. */
  async function issued(by = signer()) {
    const part = 'replica';
    const at = mkdtempSync(path.join(folder, 'node-'));
    const asking = ensurePeerIdentity(client, { node: 'kube1', part, folder: at });
    // Not before the request is there.
    while (api.requests.size === 0) await new Promise((resolve) => setImmediate(resolve));
    await by.signWaiting();
    await asking;
    api.requests.clear();
    const read = (file: string) => readFileSync(file, 'utf8');
    const files = peerFilesIn(at, part);
    const authorities = read(files.authority).match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g);
    return {
      leaf: new X509Certificate(read(files.certificate)),
      authorities: (authorities ?? []).map((each) => new X509Certificate(each)),
    };
  }

  const signs = (authority: X509Certificate | undefined, leaf: X509Certificate) =>
    authority !== undefined && leaf.verify(authority.publicKey);

  it('gives a node its own name, whatever it asked for', async () => {
    api.asker = { username: account, node: 'kube2' };
    const { leaf, authorities } = await issued();
    assert.equal(leaf.subject, 'CN=kube2');
    assert.equal(authorities.length, 1);
    assert.ok(signs(authorities[0], leaf));
  });

  for (const [what, asker, why] of [
    [
      'another account',
      { username: 'system:serviceaccount:apps:x', node: 'kube1' },
      /asked for by/,
    ],
    ['a token that is bound to no node', { username: account, node: '' }, /bound to no node/],
  ] satisfies [string, { username: string; node: string }, RegExp][]) {
    it(`denies ${what}, and says why`, async () => {
      api.asker = asker;
      await assert.rejects(issued(), why);
    });
  }

  it('is one authority however many controllers there are', async () => {
    const [first, second] = [await issued(), await issued(signer())];
    assert.equal(first.authorities[0]?.fingerprint256, second.authorities[0]?.fingerprint256);
  });

  it('has a new authority trusted by all before it signs, and the old one as long after', async () => {
    const old = await issued();
    assert.ok(api.secret !== undefined);
    api.secret.metadata.annotations = { 'larder.dev/new-authority': 'the key was seen' };
    const begun = await issued();
    assert.ok(signs(old.authorities[0], begun.leaf), 'the old one signs');
    assert.equal(begun.authorities.length, 2, 'both are trusted');
    assert.deepEqual(api.secret.metadata.annotations, {}, 'it was asked for once');
    now = new Date(now.getTime() + 89 * dayMs);
    assert.ok(signs(old.authorities[0], (await issued()).leaf), 'some may not know the new one');
    now = new Date(now.getTime() + 3 * dayMs);
    const changed = await issued();
    assert.ok(signs(begun.authorities[1], changed.leaf), 'the new one signs');
    assert.deepEqual(
      changed.authorities.map(({ fingerprint256 }) => fingerprint256),
      begun.authorities.map(({ fingerprint256 }) => fingerprint256).toReversed(),
    );
    now = new Date(now.getTime() + 92 * dayMs);
    const ended = await issued();
    assert.deepEqual(
      ended.authorities.map(({ fingerprint256 }) => fingerprint256),
      [begun.authorities[1]?.fingerprint256],
    );
    assert.ok(!JSON.stringify(api.secret.data).includes('previous'), 'nothing is left of the old');
  });

  it('is followed by another by itself long before it ends', async () => {
    const first = await issued();
    const [authority] = first.authorities;
    assert.ok(authority !== undefined);
    const life = Date.parse(authority.validTo) - now.getTime();
    now = new Date(now.getTime() + life * 0.6);
    assert.equal((await issued()).authorities.length, 1);
    now = new Date(now.getTime() + life * 0.1);
    assert.equal((await issued()).authorities.length, 2);
  });

  it('goes on where a controller stopped between two steps', async () => {
    await issued();
    assert.ok(api.secret !== undefined);
    api.secret.metadata.annotations = { 'larder.dev/new-authority': '' };
    const [one, other] = [signer(), signer()];
    await Promise.all([one.signWaiting(), other.signWaiting()]);
    assert.equal((await issued(one)).authorities.length, 2);
    assert.deepEqual(
      (await issued(one)).authorities.map(({ fingerprint256 }) => fingerprint256),
      (await issued(other)).authorities.map(({ fingerprint256 }) => fingerprint256),
    );
  });

  it('writes no key into any line of its log', async () => {
    await issued();
    assert.ok(lines.length > 0);
    assert.doesNotMatch(lines.join('\n'), /PRIVATE KEY|BEGIN/);
  });
});
