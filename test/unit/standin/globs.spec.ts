import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { filesMatching } from '../../../lab/standin/command/globs.ts';

describe('asset globs', () => {
  let folder: string;
  const files = [
    'assets/logos/logo.svg',
    'src/index.js',
    'src/deep/other.js',
    'src/secret.js',
    'a.txt',
    'b.txt',
    '.hidden',
    'strange(1)+[x].txt',
  ];
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-globs-'));
    for (const file of files) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), '');
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const cases: ReadonlyArray<[string[], string[]]> = [
    // The example of pulumi-command's own documentation (local/base.go).
    [
      ['assets/**', 'src/**.js', '!**secret.*'],
      ['assets/logos/logo.svg', 'src/deep/other.js', 'src/index.js'],
    ],
    [['*.txt'], ['a.txt', 'b.txt', 'strange(1)+[x].txt']],
    [['?.txt'], ['a.txt', 'b.txt']],
    [['[!a].txt'], ['b.txt']],
    [['{a,b}.txt', '!a.txt'], ['b.txt']],
    [
      ['!a.txt', '{a,b}.txt'],
      ['a.txt', 'b.txt'],
    ],
    [['src/*.js'], ['src/index.js', 'src/secret.js']],
    [['.hidden'], ['.hidden']],
    [['strange(1)+*'], ['strange(1)+[x].txt']],
    [['nothing'], []],
  ];
  for (const [globs, expected] of cases) {
    it(`choose files in order [${globs.join(' ')}]`, () => {
      assert.deepEqual(filesMatching(folder, globs), expected);
    });
  }
});
