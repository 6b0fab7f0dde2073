import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../lab/base/paths.ts';

const bin = path.join(repositoryRoot, 'node_modules/.bin');
const folders = [
  'index.ts',
  'components',
  'policies',
  'dataplane',
  'lab',
  'scripts',
  'operator',
  'test',
  'bench',
];

interface Outcome {
  readonly code: number;
  readonly output: string;
}

async function tool(name: string, args: readonly string[], cwd = repositoryRoot): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      path.join(bin, name),
      [...args],
      { cwd, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? 1);
        resolve({ code, output: `${stdout}${stderr}` });
      },
    );
  });
}

const present = folders.filter((name) => globSync(name, { cwd: repositoryRoot }).length > 0);

describe('checks', () => {
  const checks = [
    { title: 'types hold', name: 'tsc', args: ['-p', '.'], cure: 'npx tsc -p .' },
    {
      title: 'lint is clean',
      name: 'oxlint',
      args: ['--type-aware', '--deny-warnings'],
      cure: 'npx oxlint --type-aware',
    },
    {
      title: "formatting is the formatter's",
      name: 'biome',
      args: ['format', '.'],
      cure: 'npm run format',
    },
    {
      title: 'nothing is unused',
      name: 'knip',
      args: ['--no-progress'],
      cure: 'delete what knip names, or use it',
    },
  ];
  for (const { title, name, args, cure } of checks) {
    it(`${title} [${name}]`, async () => {
      const { code, output } = await tool(name, args);
      assert.equal(code, 0, `${output.slice(-6000)}\n    cure: ${cure}`);
    });
  }

  it('layers hold, and every file was read [dependency-cruiser]', async () => {
    const args = ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', ...present];
    const { output } = await tool('depcruise', args);
    const result = JSON.parse(output) as Cruise;
    const broken = result.summary.violations.map((v) => `${v.from} -> ${v.to}: ${v.rule.name}`);
    assert.deepEqual(broken, [], "cure: the rule's comment in .dependency-cruiser.mjs");
    // A parser that fails reads fewer files and reports nothing: count them.
    const read = result.modules.filter(
      (m) => m.source.endsWith('.ts') && !m.source.includes('node_modules'),
    );
    const there = present
      .flatMap((name) =>
        globSync(name.endsWith('.ts') ? name : `${name}/**/*.ts`, { cwd: repositoryRoot }),
      )
      .filter((name) => !/(^|\/)(planted|golden|fixtures)\//.test(name));
    assert.ok(
      read.length >= there.length,
      `${read.length} modules read, ${there.length} files there`,
    );
  });

  it('layers bite: every rule reports its planted violation [dependency-cruiser]', async () => {
    const planted = path.join(repositoryRoot, 'test/tidy/planted');
    const config = path.join(repositoryRoot, '.dependency-cruiser.mjs');
    const { output } = await tool(
      'depcruise',
      ['--config', config, '--output-type', 'json', '.'],
      planted,
    );
    const reported = new Set(
      (JSON.parse(output) as Cruise).summary.violations.map((v) => v.rule.name),
    );
    const { default: rules } = (await import(config)) as {
      default: { forbidden: Array<{ name: string }> };
    };
    const silent = rules.forbidden.map((rule) => rule.name).filter((name) => !reported.has(name));
    assert.deepEqual(silent, [], 'these rules found nothing in test/tidy/planted');
  });
});

interface Cruise {
  readonly modules: ReadonlyArray<{ source: string }>;
  readonly summary: {
    readonly violations: ReadonlyArray<{ from: string; to: string; rule: { name: string } }>;
  };
}
