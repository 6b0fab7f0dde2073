import assert from 'node:assert/strict';
import { banned } from './rules/bans.ts';
import { brokenLinks, namedPages, orphanDocs } from './rules/docs.ts';
import { evidence } from './rules/evidence.ts';
import { invariantLinks } from './rules/invariants.ts';
import { shape } from './rules/shape.ts';
import type { TidyRule } from './tree.ts';

/** Assembled: the repository names neither, its own rules included. */
const machinePath = ['', 'var', 'tmp', 'x'].join('/');
const registry = ['registry', 'npmjs', 'org'].join('.');

/** One violation a rule; each must be found, or the rule has stopped biting. */
const planted: ReadonlyArray<{ rule: string; by: TidyRule; files: Record<string, string> }> = [
  { rule: 'no-await-in-nouns', by: banned, files: { 'dataplane/volume/a.ts': 'await x;' } },
  { rule: 'no-clock-outside-host', by: banned, files: { 'dataplane/drive/a.ts': 'Date.now()' } },
  {
    rule: 'no-world-outside-host',
    by: banned,
    files: { 'dataplane/drive/a.ts': "import 'x'; import y from 'node:fs'" },
  },
  { rule: 'no-environment-outside-main', by: banned, files: { 'components/a.ts': 'process.env' } },
  { rule: 'no-random-outside-host', by: banned, files: { 'test/a.ts': 'Math.random()' } },
  { rule: 'no-sleep-in-tests', by: banned, files: { 'test/a.ts': 'setTimeout(resolve, 5)' } },
  { rule: 'no-silent-skip', by: banned, files: { 'test/a.ts': 'this.skip()' } },
  { rule: 'no-narrowed-run', by: banned, files: { 'test/a.ts': "it.only('x')" } },
  { rule: 'no-empty-assertion', by: banned, files: { 'test/a.ts': 'assert.ok(true)' } },
  { rule: 'no-unfinished-work', by: banned, files: { 'lab/a.ts': '// TODO later' } },
  { rule: 'no-machine-paths', by: banned, files: { 'lab/a.ts': `open('${machinePath}')` } },
  { rule: 'no-registry-hosts', by: banned, files: { 'lab/a.ts': `'https://${registry}'` } },
  { rule: 'file-length', by: shape, files: { 'lab/a.ts': `/** x */\n${'\n'.repeat(500)}` } },
  { rule: 'comment-width', by: shape, files: { 'lab/a.ts': `/** ${'x'.repeat(100)} */` } },
  { rule: 'file-name', by: shape, files: { 'lab/dirtyLog.ts': '/** x */' } },
  { rule: 'module-comment', by: shape, files: { 'lab/a.ts': 'export {};' } },
  {
    rule: 'function-length',
    by: shape,
    files: { 'lab/a.ts': `/** x */ function f() {${'\n'.repeat(71)}}` },
  },
  { rule: 'broken-link', by: brokenLinks, files: { 'docs/a.md': '[x](b.md)' } },
  { rule: 'broken-anchor', by: brokenLinks, files: { 'docs/a.md': '# Title\n[x](a.md#other)' } },
  { rule: 'named-page', by: namedPages, files: { 'lab/a.ts': "'see docs/a.md'" } },
  { rule: 'orphan-doc', by: orphanDocs, files: { 'docs/a.md': 'x' } },
  { rule: 'invariant-link', by: invariantLinks, files: { 'docs/invariants.md': '| I-07 | x |' } },
  {
    rule: 'evidence',
    by: evidence,
    files: { 'docs/invariants.md': '| what | by |\n|---|---|\n| I-07 | plant `noSuchPlant` |' },
  },
  {
    rule: 'evidence',
    by: evidence,
    files: { 'docs/promises.md': '| what | by |\n|---|---|\n| x | nobody knows |' },
  },
  {
    rule: 'evidence',
    by: evidence,
    files: {
      'docs/promises.md': '| what | by |\n|---|---|\n| x | `a` "ends well" |',
      'test/unit/a.spec.ts': "it('does something else'",
    },
  },
  { rule: 'evidence', by: evidence, files: { 'docs/faults.md': '# Faults' } },
  {
    rule: 'invariant-link',
    by: invariantLinks,
    files: { 'docs/invariants.md': '', 'dataplane/base/a.ts': "'I-99'" },
  },
];

describe('tidy rules', () => {
  for (const { rule, by, files } of planted) {
    it(`find a planted violation [${rule}: ${Object.keys(files).join(', ')}]`, () => {
      const tree = Object.entries(files).map(([path, text]) => ({ path, text }));
      const found = by(tree).map((finding) => finding.rule);
      assert.ok(found.includes(rule), `${rule} found nothing, only ${JSON.stringify(found)}`);
    });
  }

  it('leave comments and compliant files alone', () => {
    const tree = [
      {
        path: 'dataplane/volume/a.ts',
        text: '/** Never awaits: no await here. */\nexport const a = 1;\n',
      },
      { path: 'docs/README.md', text: '# Docs\n[a](a.md#a-title)\n' },
      { path: 'docs/a.md', text: '# A title\n' },
    ];
    const findings = [banned, shape, brokenLinks, invariantLinks, evidence].flatMap((rule) =>
      rule(tree),
    );
    assert.deepEqual(findings, []);
  });
});
