import assert from 'node:assert/strict';
import { execFileSync, type StdioOptions } from 'node:child_process';
import path from 'node:path';
import { repositoryRoot } from '../../../lab/base/paths.ts';

const preload = path.join(repositoryRoot, 'components/lean-sdk.ts');

/** Loads the SDK as a program does, and tells which of the two packages came along. */
const program = `
const pulumi = await import('@pulumi/pulumi');
const { createRequire } = await import('node:module');
const files = () => Object.keys(createRequire('${preload}').cache);
const loaded = () => ({
  arborist: files().some((file) => /@npmcli.arborist.lib.index\\.js$/.test(file)),
  typescript: files().some((file) => /typescript\\.js$/.test(file)),
});
const before = loaded();
const use = process.argv.includes('use');
const { text } = use ? await pulumi.runtime.serializeFunction((x) => x + 1) : { text: '' };
console.log(JSON.stringify({ before, after: loaded(), text }));
`;

function run(flags: readonly string[], ...words: readonly string[]) {
  const args = [...flags, '--input-type=module', '-e', program, '--', ...words];
  // The SDK's own warnings are not ours to show.
  const stdio: StdioOptions = ['ignore', 'pipe', 'ignore'];
  const options = { cwd: repositoryRoot, encoding: 'utf8', stdio } as const;
  return JSON.parse(execFileSync(process.execPath, args, options)) as {
    readonly before: Readonly<Record<string, boolean>>;
    readonly after: Readonly<Record<string, boolean>>;
    readonly text: string;
  };
}

describe('SDK behind its preload', () => {
  it('comes without what serialises functions, and serialises them all the same', () => {
    const { before, after, text } = run([`--import=${preload}`], 'use');
    assert.deepEqual(before, { arborist: false, typescript: false });
    assert.equal(after['typescript'], true);
    assert.match(text, /x \+ 1/);
    assert.deepEqual(run([]).before, { arborist: true, typescript: true });
  });
});
