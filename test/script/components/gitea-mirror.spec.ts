import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { repositoryRoot } from '../../../lab/base/paths.ts';

interface Repo {
  full_name: string;
  empty: boolean;
  created_at: string;
}

interface Mirror {
  remote_address: string;
  last_update: string | null;
  last_error: string;
}

const token = 'a-token-of-the-other-server';
const recent = () => new Date().toISOString();

/** Two servers in one process: `/home/…` has the repositories, `/away/…` takes them. */
class Forge implements AsyncDisposable {
  readonly repos: Repo[] = [];
  readonly mirrors = new Map<string, Mirror[]>();
  readonly away = new Set<string>();
  readonly requests: string[] = [];
  /** Whether the owner at the other server is an organisation. */
  isOrganisation = false;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        const { method = 'GET', url = '' } = request;
        this.requests.push(`${method} ${url}`);
        const [status, answer] = this.#answer(method, url, body, request.headers.authorization);
        response.writeHead(status).end(JSON.stringify(answer));
      });
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #answer(method: string, url: string, body: string, authorization = ''): [number, unknown] {
    const [, side, rest = ''] = /^\/(home|away)\/api\/v1(.*)$/.exec(url) ?? [];
    const wanted = side === 'home' ? /^Basic / : new RegExp(`^token ${token}$`);
    if (!wanted.test(authorization)) return [401, { message: 'who are you' }];
    if (side === 'away') return this.#awayAnswer(method, rest, body);
    const page = /^\/repos\/search\?limit=(\d+)&page=(\d+)$/.exec(rest);
    if (page !== null) {
      const size = Number(page[1]);
      const from = (Number(page[2]) - 1) * size;
      return [200, { data: this.repos.slice(from, from + size) }];
    }
    const [, name = '', sync] = /^\/repos\/(.+)\/push_mirrors(-sync)?$/.exec(rest) ?? [];
    if (sync !== undefined) return [200, {}];
    if (method === 'GET') return [200, this.mirrors.get(name) ?? []];
    const made = JSON.parse(body) as { remote_address: string };
    const mirror = { remote_address: made.remote_address, last_update: null, last_error: '' };
    this.mirrors.set(name, [...(this.mirrors.get(name) ?? []), mirror]);
    return [201, mirror];
  }

  #awayAnswer(method: string, rest: string, body: string): [number, unknown] {
    if (method === 'GET')
      return this.away.has(rest.replace('/repos/me/', '')) ? [200, {}] : [404, {}];
    if (rest === '/orgs/me/repos' && !this.isOrganisation) return [404, {}];
    this.away.add((JSON.parse(body) as { name: string }).name);
    return [201, {}];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function runJob(base: string): Promise<{ code: number; out: string }> {
  const child = spawn(
    process.execPath,
    [path.join(repositoryRoot, 'components/jobs/gitea-mirror.ts')],
    {
      env: {
        GITEA_URL: `${base}/home`,
        GITEA_USER: 'larder',
        GITEA_PASSWORD: 'p',
        REMOTE_URL: `${base}/away/`,
        REMOTE_OWNER: 'me',
        REMOTE_TOKEN: token,
        MAX_AGE_HOURS: '24',
      },
    },
  );
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'exit');
  return { code: child.exitCode ?? -1, out: `${out}${errors}` };
}

const repo = (name: string, change: Partial<Repo> = {}): Repo => ({
  full_name: name,
  empty: false,
  created_at: recent(),
  ...change,
});

describe('mirrors of Gitea', () => {
  it('are made for every repository, over all pages, and found again by the next run', async () => {
    await using forge = new Forge();
    const base = await forge.start();
    for (let n = 0; n < 51; n += 1) forge.repos.push(repo(`ann/r${n}`));
    forge.repos.push(repo('bob/empty', { empty: true }));
    const first = await runJob(base);
    assert.deepEqual([first.code, first.out], [0, '0 repositories follow, 51 are new\n']);
    assert.equal(forge.away.size, 51);
    assert.equal(forge.mirrors.get('ann/r7')?.[0]?.remote_address, `${base}/away/me/ann--r7.git`);
    forge.repos.push(repo('bob/new'));
    const second = await runJob(base);
    assert.deepEqual([second.code, second.out], [0, '51 repositories follow, 1 are new\n']);
    assert.equal(forge.mirrors.get('ann/r7')?.length, 1);
  });

  it('go to an organisation when the owner is one', async () => {
    await using forge = new Forge();
    forge.isOrganisation = true;
    forge.repos.push(repo('ann/one'));
    const { code } = await runJob(await forge.start());
    assert.equal(code, 0);
    assert.equal(forge.requests.includes('POST /away/api/v1/user/repos'), false);
  });

  it('fail the job with every name when they fail or lag, and show no token', async () => {
    await using forge = new Forge();
    const base = await forge.start();
    const mirror = (name: string, change: Partial<Mirror>) => {
      forge.repos.push(repo(`ann/${name}`, { created_at: '2026-01-01T00:00:00Z' }));
      forge.away.add(`ann--${name}`);
      const address = `${base}/away/me/ann--${name}.git`;
      const made = { remote_address: address, last_update: recent(), last_error: '', ...change };
      forge.mirrors.set(`ann/${name}`, [made]);
    };
    mirror('well', {});
    mirror('refused', { last_error: `fatal: https://me:${token}@away refused` });
    mirror('late', { last_update: '2026-01-02T00:00:00Z' });
    mirror('never', { last_update: null });
    const { code, out } = await runJob(base);
    assert.equal(code, 1);
    assert.match(out, /1 repositories follow, 0 are new/);
    assert.match(out, /REFUSED: 3 are not mirrored:\nann\/refused: .*\(token\)@away refused\n/);
    assert.match(out, /ann\/late: not pushed since 2026-01-02T00:00:00Z\nann\/never: not pushed/);
    assert.doesNotMatch(out, new RegExp(token));
  });
});
