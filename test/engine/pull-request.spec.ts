import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { number, repository, StandInForge } from '../contract/forge/stand-in-forge.ts';
import { findInstallation } from './support/installation.ts';
import { skip } from '../support/reporter.ts';

/** What the workflows run, whole: the script, the real CLI with the policies, a stand-in forge. */
describe('pull request under the real engine', function () {
  this.timeout(300_000);
  const passphrase = 'a passphrase that no comment may show';
  let forge: StandInForge;
  let home: string;
  before(async function () {
    this.timeout(0);
    const found = await findInstallation();
    if ('missing' in found) skip(this, found.missing);
    forge = await StandInForge.open('gitea');
    home = mkdtempSync(path.join(tmpdir(), 'larder-runner-'));
    const pullRequest = { number, head: { repo: { full_name: repository } } };
    writeFileSync(path.join(home, 'event.json'), JSON.stringify({ pull_request: pullRequest }));
  });
  after(async () => {
    await forge?.[Symbol.asyncDispose]();
    if (home !== undefined) rmSync(home, { recursive: true, force: true });
  });

  it('previews the stack and writes one comment without a secret', async () => {
    const run = () =>
      execa(process.execPath, ['scripts/pull-request.ts', 'homelab'], {
        cwd: repositoryRoot,
        extendEnv: false,
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: home,
          XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
          GITHUB_API_URL: forge.apiUrl,
          GITHUB_REPOSITORY: repository,
          GITHUB_EVENT_PATH: path.join(home, 'event.json'),
          FORGE_TOKEN: 'workflow',
          PULUMI_CONFIG_PASSPHRASE: passphrase,
        },
        all: true,
        reject: false,
      });
    const { all, exitCode } = await run();
    assert.equal(exitCode, 0, all);
    assert.match(all ?? '', /The comment was created\.$/);
    const [comment] = forge.comments;
    assert.match(comment?.body ?? '', /✅ \*\*preview of homelab\*\*: \+ \d+ to create/);
    assert.match(comment?.body ?? '', /larder:index:Postgres/);
    assert.equal(`${comment?.body}${all}`.includes(passphrase), false);
  });
});
