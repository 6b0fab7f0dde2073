import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { removable } from '../../../components/rules/retention.ts';
import { repositoryRoot } from '../../../lab/base/paths.ts';

const token = 'a-token-of-the-job';
const base = '/apis/snapshot.storage.k8s.io/v1/namespaces/apps/volumesnapshots';
const hourMs = 3_600_000;

interface Snapshot {
  metadata: { name: string; creationTimestamp: string; labels: Record<string, string> };
  spec: unknown;
  status: { readyToUse: boolean; error?: { message: string } };
}

/** An API server that holds snapshots; those of a claim called `stuck` never become ready. */
class Snapshots implements AsyncDisposable {
  readonly objects = new Map<string, Snapshot>();
  readonly folder = mkdtempSync(path.join(tmpdir(), 'larder-snapshots-'));
  readonly #server: Server;

  constructor() {
    writeFileSync(path.join(this.folder, 'token'), `${token}\n`);
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        const isKnown = request.headers.authorization === `Bearer ${token}`;
        const [status, answer] = isKnown
          ? this.#answer(request.method ?? 'GET', request.url ?? '', body)
          : [401, { message: 'Unauthorized' }];
        response.writeHead(status).end(JSON.stringify(answer));
      });
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add(name: string, ageMs: number, more: { claim?: string; isReady?: boolean } = {}): void {
    const { claim = 'git', isReady = true } = more;
    this.objects.set(name, {
      metadata: {
        name,
        creationTimestamp: new Date(Date.now() - ageMs).toISOString(),
        labels: { 'larder.dev/snapshots': claim },
      },
      spec: {},
      status: { readyToUse: isReady },
    });
  }

  /** Names of those that were there before, sorted. */
  get old(): string[] {
    return [...this.objects.keys()].filter((name) => name.startsWith('old-')).toSorted();
  }

  #answer(method: string, url: string, body: string): [number, unknown] {
    const { pathname, searchParams } = new URL(url, 'http://api');
    if (!pathname.startsWith(base)) return [404, { message: `no ${pathname}` }];
    const name = pathname.slice(base.length + 1);
    if (method === 'POST') return this.#take(JSON.parse(body) as Snapshot);
    if (method === 'DELETE') return this.objects.delete(name) ? [200, {}] : [404, {}];
    if (name !== '') return [200, this.objects.get(name)];
    const [key = '', value] = (searchParams.get('labelSelector') ?? '').split('=');
    const items = [...this.objects.values()].filter(
      ({ metadata }) => metadata.labels[key] === value,
    );
    return [200, { items }];
  }

  #take(wanted: Snapshot): [number, unknown] {
    const { metadata, spec } = wanted;
    const claim = metadata.labels['larder.dev/snapshots'] ?? '';
    if (claim === 'gone') return [422, { message: 'no such claim' }];
    const status =
      claim === 'stuck'
        ? { readyToUse: false, error: { message: 'the pool is full' } }
        : { readyToUse: true };
    const creationTimestamp = new Date().toISOString();
    this.objects.set(metadata.name, {
      metadata: { ...metadata, creationTimestamp },
      spec,
      status,
    });
    return [201, wanted];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.folder, { recursive: true });
  }
}

interface Ended {
  readonly code: number;
  readonly output: string;
}

describe('job volume-snapshots', () => {
  let api: Snapshots;
  let url: string;
  beforeEach(async () => {
    api = new Snapshots();
    url = await api.start();
  });
  afterEach(async () => api[Symbol.asyncDispose]());

  async function run(claims: readonly string[], keep = 8): Promise<Ended> {
    const script = path.join(repositoryRoot, 'components/jobs/volume-snapshots.ts');
    const child = spawn(process.execPath, [script], {
      env: {
        API_URL: url,
        ACCOUNT: api.folder,
        NAMESPACE: 'apps',
        KEEP: String(keep),
        WAIT_SECONDS: '0.2',
        POLL_MS: '20',
        VOLUMES: JSON.stringify(claims.map((claim) => ({ claim, class: 'copies' }))),
      },
    });
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number]>,
    ]);
    return { code, output: stdout + stderr };
  }

  it('takes one of each volume, and waits until it is ready', async () => {
    const { code, output } = await run(['git', 'vault']);
    assert.equal(code, 0, output);
    assert.match(output, /2 snapshots are ready, 0 old ones are gone/);
    const [first] = [...api.objects.values()].filter(({ metadata }) =>
      metadata.name.startsWith('git-'),
    );
    assert.match(first?.metadata.name ?? '', /^git-\d{8}t\d{6}z$/);
    assert.deepEqual(first?.spec, {
      volumeSnapshotClassName: 'copies',
      source: { persistentVolumeClaimName: 'git' },
    });
  });

  it('lets the oldest go, and never leaves fewer than three good ones', async () => {
    for (let age = 1; age <= 6; age += 1) api.add(`old-${age}`, age * 6 * hourMs);
    assert.match((await run(['git'], 5)).output, /1 snapshots are ready, 2 old ones are gone/);
    assert.deepEqual(api.old, ['old-1', 'old-2', 'old-3', 'old-4']);
    await run(['git'], 1);
    assert.equal([...api.objects.values()].length, 3, 'three stay, whatever is asked');
  });

  it('counts none that never became ready, and keeps what others took', async () => {
    for (let age = 1; age <= 3; age += 1) api.add(`old-${age}`, age * 6 * hourMs);
    api.add('old-bad', 3 * hourMs, { isReady: false });
    api.add('old-others', 99 * hourMs, { claim: 'of-somebody-else' });
    await run(['git'], 4);
    assert.deepEqual(api.old, ['old-1', 'old-2', 'old-3', 'old-others']);
  });

  it('names every volume that has no new one, and deletes nothing of these', async () => {
    for (let age = 1; age <= 9; age += 1)
      api.add(`old-${age}`, age * 6 * hourMs, { claim: 'stuck' });
    const { code, output } = await run(['stuck', 'git', 'gone'], 3);
    assert.equal(code, 1);
    assert.match(output, /REFUSED: 2 volumes have no new snapshot/);
    assert.match(output, /stuck: stuck-\S+ is not ready after 0.2 s: the pool is full/);
    assert.match(output, /gone: the API server answered 422: no such claim/);
    assert.match(output, /1 snapshots are ready/);
    assert.equal(api.old.length, 9);
  });

  it('deletes nothing while the clock is behind the newest one', async () => {
    for (let age = 1; age <= 9; age += 1) api.add(`old-${age}`, age * 6 * hourMs);
    api.add('old-from-tomorrow', -24 * hourMs);
    const { output } = await run(['git'], 3);
    assert.match(output, /0 old ones are gone/);
    assert.equal(api.old.length, 10);
  });

  it('lets go exactly what the rule of retention lets go', async () => {
    const drawn = fc.array(
      fc.record({ hours: fc.integer({ min: 1, max: 99 }), isReady: fc.boolean() }),
      {
        maxLength: 12,
      },
    );
    const [shelf = [], ...more] = fc.sample(drawn, { numRuns: 4, seed: 7 });
    for (const snapshots of [shelf, ...more]) {
      api.objects.clear();
      snapshots.forEach(({ hours, isReady }, index) =>
        api.add(`old-${index}`, hours * hourMs + index * 1000, { isReady }),
      );
      const copies = [...api.objects.values()].map(({ metadata, status }) => ({
        id: metadata.name,
        takenMs: Date.parse(metadata.creationTimestamp),
        isGood: status.readyToUse,
      }));
      const now = Date.now();
      const all = [...copies, { id: 'new', takenMs: now, isGood: true }];
      const policy = { last: 4, daily: 0, weekly: 0, monthly: 0 };
      const leaving = new Set(removable(all, policy, now).map(({ id }) => id));
      await run(['git'], 4);
      const stays = copies.map(({ id }) => id).filter((id) => !leaving.has(id));
      assert.deepEqual(api.old, stays.toSorted(), JSON.stringify(snapshots));
    }
  });

  it('says that it may not when its account has lost its rights', async () => {
    writeFileSync(path.join(api.folder, 'token'), 'another');
    const { code, output } = await run(['git']);
    assert.equal(code, 1);
    assert.match(output, /git: the API server answered 401: Unauthorized/);
  });
});
