import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { issue, makeAuthority, validFor } from '../../../../dataplane/host/authority.ts';
import { KubeClient } from '../../../../dataplane/host/kube-client.ts';
import {
  readMetrics,
  removeMetrics,
  writeMetrics,
} from '../../../../dataplane/host/metrics-files.ts';
import { MetricsServer } from '../../../../dataplane/host/metrics-server.ts';
import { ReaderCheck } from '../../../../dataplane/host/reader-check.ts';
import { gauge } from '../../../../dataplane/report/metrics.ts';

const families = [gauge('larder_x', 'x', [{ labels: {}, value: 1 }])];

/** Metrics are shown to whom Kubernetes allows to read them, and to nobody else. */
describe('metrics server', () => {
  let api: Server;
  let asked: string[] = [];
  let isAway = false;
  let metrics: MetricsServer;
  let port: number;
  const warned: string[] = [];
  const log = { info: () => {}, warn: (message: string) => void warned.push(message) };

  before(async () => {
    api = createServer((incoming, response) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => (text += chunk));
      incoming.on('end', () => {
        if (isAway) {
          response.destroy();
          return;
        }
        const { kind, spec } = JSON.parse(text) as {
          kind: string;
          spec: { token?: string; user?: string };
        };
        asked.push(kind);
        const user = { username: spec.token ?? '', groups: [] };
        const status =
          kind === 'TokenReview'
            ? { authenticated: spec.token !== 'forged', user }
            : { allowed: spec.user === 'prometheus' };
        response.writeHead(201, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ status }));
      });
    });
    await new Promise<void>((resolve) => {
      api.listen(0, '127.0.0.1', resolve);
    });
    const address = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
    const check = new ReaderCheck(new KubeClient({ server: address }));
    const authority = await makeAuthority(validFor(1));
    const shown = await issue(authority, { name: 'kube1', part: 'replica' }, validFor(1));
    const source = {
      allows: async (token: string) => check.allows(token),
      families: async () => families,
    };
    metrics = new MetricsServer(shown, source, log);
    port = await metrics.listen('127.0.0.1', 0);
  });
  after(() => {
    metrics.close();
    api.close();
  });
  beforeEach(() => {
    asked = [];
    isAway = false;
  });

  async function get(token?: string, at = '/metrics') {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const agent = new Agent({ rejectUnauthorized: false });
    return new Promise<{ code: number | undefined; text: string }>((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port, path: at, headers, agent }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          agent.destroy();
          resolve({ code: response.statusCode, text });
        });
      });
      call.once('error', reject);
      call.end();
    });
  }

  it('turns away who brings no token, without asking anybody', async () => {
    assert.equal((await get()).code, 401);
    assert.deepEqual(asked, []);
  });

  it('turns away whom Kubernetes does not know', async () => {
    assert.equal((await get('forged')).code, 403);
    assert.deepEqual(asked, ['TokenReview']);
  });

  it('turns away whom Kubernetes knows and does not allow to', async () => {
    assert.equal((await get('somebody')).code, 403);
    assert.deepEqual(asked, ['TokenReview', 'SubjectAccessReview']);
  });

  it('cannot tell while the API server is away, and shows nothing then', async () => {
    isAway = true;
    const { code, text } = await get('secret-of-another');
    assert.equal(code, 503);
    assert.doesNotMatch(text, /larder_/);
    assert.ok(!warned.some((line) => line.includes('secret-of-another')), 'no token in a log');
  });

  it('shows them to who may read them, and asks once a minute', async () => {
    const first = await get('prometheus');
    assert.deepEqual([first.code, first.text.includes('larder_x 1\n')], [200, true]);
    isAway = true;
    assert.equal((await get('prometheus')).code, 200);
    assert.equal(asked.length, 2);
  });

  it('has nothing else to show', async () => {
    assert.equal((await get('prometheus', '/')).code, 404);
    assert.equal((await get('prometheus', '/metrics/../etc/passwd')).code, 404);
  });
});

describe('metrics files', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-metrics-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('are read while their process renews them, and not after', async () => {
    await writeMetrics(folder, 'v', families);
    assert.deepEqual(await readMetrics(folder), families);
    const past = Date.now() / 1000 - 120;
    utimesSync(path.join(folder, 'v.metrics.json'), past, past);
    assert.deepEqual(await readMetrics(folder), []);
  });

  it('of others do no harm: what is no metrics is left out', async () => {
    await writeMetrics(folder, 'w', families);
    writeFileSync(path.join(folder, 'x.metrics.json'), '[{"name":"larder_y\\n","type":"gauge"}]');
    writeFileSync(path.join(folder, 'half.metrics.json.new'), '[');
    assert.deepEqual(await readMetrics(folder), families);
    await removeMetrics(folder, 'w');
    assert.deepEqual(await readMetrics(folder), []);
  });

  it('are none where there is no folder', async () => {
    assert.deepEqual(await readMetrics(path.join(folder, 'nowhere')), []);
  });
});
