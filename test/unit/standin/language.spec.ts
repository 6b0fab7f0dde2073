import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { splitArguments } from '../../../lab/standin/language/options.ts';
import { installedPackages } from '../../../lab/standin/language/packages.ts';

describe('nodeargs', () => {
  const cases: ReadonlyArray<[string, string[]]> = [
    ['', []],
    ['--import=tsx', ['--import=tsx']],
    ['  --a   --b=1 ', ['--a', '--b=1']],
    [`--title='two words' --x="a b"c`, ['--title=two words', '--x=a bc']],
    [String.raw`a\ b "c\"d" 'e\f'`, ['a b', 'c"d', String.raw`e\f`]],
  ];
  for (const [text, words] of cases) {
    it(`are split as a shell would [${text}]`, () => {
      assert.deepEqual(splitArguments(text), words);
    });
  }
});

describe('installed packages', () => {
  let folder: string;
  const manifest = (name: string, content: object) => {
    const place = path.join(folder, name);
    mkdirSync(place, { recursive: true });
    writeFileSync(path.join(place, 'package.json'), JSON.stringify(content));
  };
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-packages-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are found upwards, nested and through one another, each once', () => {
    manifest('.', { dependencies: { a: '*' }, devDependencies: { b: '*' } });
    manifest('node_modules/a', { version: '1.0.0', dependencies: { c: '*', absent: '*' } });
    manifest('node_modules/a/node_modules/c', { version: '2.0.0', dependencies: { a: '*' } });
    manifest('node_modules/b', { version: '3.0.0', devDependencies: { d: '*' } });
    manifest('node_modules/c', { version: '9.0.0' });
    manifest('node_modules/d', { version: '4.0.0' });
    mkdirSync(path.join(folder, 'deep/inside'), { recursive: true });
    const found = installedPackages(path.join(folder, 'deep/inside'));
    assert.deepEqual(
      found.map(({ name, version, direct }) => `${name} ${version} ${direct}`),
      ['b 3.0.0 true', 'a 1.0.0 true', 'c 2.0.0 false'],
    );
  });

  it('say which plugin they need', () => {
    manifest('.', { dependencies: { '@pulumi/random': '*', '@own/shelf': '*', plain: '*' } });
    const pulumi = { resource: true, name: 'random', version: '4.21.2' };
    manifest('node_modules/@pulumi/random', { version: '4.21.2', pulumi });
    const server = 'https://plugins.example';
    manifest('node_modules/@own/shelf', { version: '0.1.0', pulumi: { resource: true, server } });
    manifest('node_modules/plain', { version: '1.0.0', pulumi: { resource: false } });
    const plugins = installedPackages(folder).flatMap(({ plugin }) => plugin ?? []);
    assert.deepEqual(plugins, [
      { name: 'random', version: 'v4.21.2', server: '' },
      { name: 'shelf', version: 'v0.1.0', server },
    ]);
  });

  it('name the manifest that cannot be read', () => {
    writeFileSync(path.join(folder, 'package.json'), '{ "name": ');
    assert.throws(() => installedPackages(folder), /package\.json cannot be read as JSON/);
  });
});
