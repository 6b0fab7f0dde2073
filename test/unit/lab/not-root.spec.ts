import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '../../../lab/base/paths.ts';

/** As somebody who is not root: a new user namespace maps root to nobody. */
const asNobody = process.getuid?.() === 0 ? ['unshare', '--user'] : [];

describe('npm start without root', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(path.join(tmpdir(), 'larder-not-root-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('says what needs root and which commands do not, and writes nothing', () => {
    const [program, ...args] = [
      ...asNobody,
      process.execPath,
      path.join(repositoryRoot, 'lab/start.ts'),
    ];
    const { KUBECONFIG: _, ...env } = process.env;
    const folders = { HOME: home, XDG_CACHE_HOME: home, XDG_STATE_HOME: home };
    const { status, stdout, stderr } = spawnSync(program, args, {
      env: { ...env, ...folders },
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.equal(status, 1, `${stdout}${stderr}`);
    assert.match(stderr, /^\nThe lab needs root: its nodes are made of namespaces, mounts/);
    assert.match(stderr, /sudo npm start/);
    assert.match(stderr, /KUBECONFIG=<file> npm start/);
    assert.match(stderr, /npm run preview/);
    assert.deepEqual(readdirSync(home), []);
  });
});
