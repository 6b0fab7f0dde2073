import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { commentCharsMax, marker } from '../../../scripts/forge/comment.ts';
import { type Checks, type Ran, review } from '../../../scripts/forge/review.ts';
import { number, repository, StandInForge } from './stand-in-forge.ts';

const passphrase = 'correct horse battery staple';
const token = 'ghp_0123456789abcdef0123456789abcdef0123';

/** A workflow's run for a pull request, against the stand-in forge. */
describe('review of a pull request', () => {
  let server: StandInForge;
  let folder: string;
  let asked: string[];
  let log: string[];
  beforeEach(async () => {
    server = await StandInForge.open('github');
    folder = mkdtempSync(path.join(tmpdir(), 'larder-review-test-'));
    asked = [];
    log = [];
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const environment = (from = repository, more: Record<string, string> = {}) => {
    const event = path.join(folder, 'event.json');
    const head = { repo: { full_name: from } };
    writeFileSync(event, JSON.stringify({ pull_request: { number, head } }));
    return {
      GITHUB_API_URL: server.apiUrl,
      GITHUB_SERVER_URL: 'https://git.home',
      GITHUB_RUN_ID: '42',
      GITHUB_SHA: 'abc1234',
      GITHUB_REPOSITORY: repository,
      GITHUB_EVENT_PATH: event,
      GITHUB_STEP_SUMMARY: path.join(folder, 'summary.md'),
      FORGE_TOKEN: 'workflow',
      PULUMI_CONFIG_PASSPHRASE: passphrase,
      ...more,
    };
  };
  const good: Ran = {
    code: 0,
    output: 'fine\n\nResources:\n    + 3 to create\n    20 unchanged\n',
  };
  const answering = (preview: Ran, goldens: Ran = good): Checks => ({
    preview: async (stack) => {
      asked.push(`preview ${stack}`);
      return preview;
    },
    goldensAndPolicies: async () => {
      asked.push('goldens');
      return goldens;
    },
  });
  const run = (env: Record<string, string>, checks: Checks, stacks = ['homelab']) =>
    review({ env, stacks, checks, say: (text) => log.push(text), pauseMs: 1 });
  const comment = () => {
    assert.equal(server.comments.length, 1, log.join('\n'));
    return server.comments[0]?.body ?? '';
  };

  it('previews each stack and tells the counts', async () => {
    assert.equal(await run(environment(), answering(good), ['homelab', 'pi-rack']), 0);
    assert.deepEqual(asked, ['preview homelab', 'preview pi-rack']);
    assert.ok(comment().startsWith(marker));
    assert.match(comment(), /can be applied/);
    assert.match(comment(), /✅ \*\*preview of pi-rack\*\*: \+ 3 to create, 20 unchanged/);
    assert.match(
      comment(),
      /commit abc1234 · \[whole log\]\(https:\/\/git\.home\/shelf\/larder\/actions\/runs\/42\)/,
    );
  });

  it('fails and opens the refusal when a preview is refused', async () => {
    const output =
      'Previewing\nerror: the stack homelab has 2 problems; nothing was changed.\n  1. larder:nodes\n';
    assert.equal(await run(environment(), answering({ code: 255, output })), 1);
    assert.match(comment(), /cannot be applied as it is/);
    assert.match(
      comment(),
      /❌ \*\*preview of homelab\*\*: error: the stack homelab has 2 problems/,
    );
    assert.match(comment(), /<details open>[^]*1\. larder:nodes/);
  });

  it('gives a fork goldens and policies, and no preview', async () => {
    assert.equal(await run(environment('stranger/larder'), answering(good)), 0);
    assert.deepEqual(asked, ['goldens']);
    assert.match(comment(), /The branch lies in a fork: its code is run without secrets/);
  });

  it('gives a fork that was deleted no preview either', async () => {
    const env = environment();
    writeFileSync(
      env['GITHUB_EVENT_PATH'] ?? '',
      JSON.stringify({ pull_request: { number, head: { repo: null } } }),
    );
    await run(env, answering(good));
    assert.deepEqual(asked, ['goldens']);
  });

  it('checks goldens and policies when there is no passphrase', async () => {
    await run(environment(repository, { PULUMI_CONFIG_PASSPHRASE: '' }), answering(good));
    assert.deepEqual(asked, ['goldens']);
    assert.match(comment(), /This workflow has no passphrase/);
  });

  it('takes secrets out of the comment, the log and the summary', async () => {
    const base64 = Buffer.from(passphrase).toString('base64');
    const certificate = 'dGhlIGNsaWVudCBrZXkgb2YgYSBjbHVzdGVy';
    const kubeconfig = `users:\n- user:\n    client-key-data: ${certificate}`;
    const hidden = [
      passphrase,
      base64,
      token,
      'hunter2hunter2',
      certificate,
      encodeURIComponent(passphrase),
    ];
    const output = [
      `passphrase ${passphrase}, ${base64} or ${encodeURIComponent(passphrase)}`,
      `token ${token}`,
      'postgres://app:hunter2hunter2@db/app',
      `client-key-data: ${certificate}`,
      `    client-key-data: ${certificate}`,
    ].join('\n');
    const env = environment(repository, { KUBECONFIG_CONTENT: kubeconfig });
    await run(env, answering({ code: 1, output }));
    const everything = [comment(), ...log, readFileSync(path.join(folder, 'summary.md'), 'utf8')];
    for (const word of hidden)
      assert.equal(everything.join('\n').includes(word), false, `${word} can be read`);
    assert.match(comment(), /postgres:\/\/app:\[redacted\]@db\/app/);
  });

  it('cuts what is too long, and keeps its beginning and its end', async () => {
    const lines = Array.from({ length: 20_000 }, (_, line) => `line ${line} of many`);
    const output = ['the first', ...lines, 'the last'].join('\n');
    await run(environment(), answering({ code: 1, output }), ['homelab', 'pi-rack', 'lesson']);
    assert.ok(comment().length <= commentCharsMax, String(comment().length));
    assert.match(comment(), /the first\nline 0/);
    assert.match(comment(), /the last\n```/);
    assert.match(comment(), /… \d+ lines left out; the whole log has them …/);
    assert.equal(comment().match(/<\/details>/g)?.length, 3);
  });

  it('lets no output break out of its block', async () => {
    const output = 'a\n```\n</details>\n<img src=x>\n````\nb';
    await run(environment(), answering({ code: 0, output }));
    assert.match(comment(), /\n`````text\na\n```\n<\/details>\n<img src=x>\n````\nb\n`````\n/);
  });

  it('keeps its verdict when the forge takes no comment, and says why', async () => {
    server.isReadOnly = true;
    assert.equal(await run(environment(), answering(good)), 0);
    assert.match(
      log.at(-1) ?? '',
      /No comment was written: POST .* 403.*permissions issues: write/,
    );
    assert.match(readFileSync(path.join(folder, 'summary.md'), 'utf8'), /can be applied/);
    server.disturbances.push(...Array.from({ length: 9 }, () => ({ request: 'GET', with: 500 })));
    assert.equal(await run(environment(), answering({ ...good, code: 3 })), 1);
    assert.match(log.at(-1) ?? '', /No comment was written: GET .* 500/);
  });

  it('says that no comment was written when there is no token', async () => {
    await run(environment(repository, { FORGE_TOKEN: '' }), answering(good));
    assert.match(log.at(-1) ?? '', /FORGE_TOKEN is not set/);
  });

  it('names what is missing when it does not run for a pull request', async () => {
    const env = environment();
    writeFileSync(env['GITHUB_EVENT_PATH'] ?? '', '{}');
    await assert.rejects(run(env, answering(good)), /event\.json describes no pull request/);
    await assert.rejects(
      run({ ...environment(), GITHUB_API_URL: '' }, answering(good)),
      /GITHUB_API_URL is not set/,
    );
  });
});
