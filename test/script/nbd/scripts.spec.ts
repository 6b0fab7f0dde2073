import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Story } from './story.ts';

const folder = import.meta.dirname;
/** `UPDATE_GOLDEN=1` writes what happened into the scripts instead of comparing. */
const updating = process.env['UPDATE_GOLDEN'] === '1';

/**
 * A script is a list of paragraphs: command lines, `----`, and what follows from them. Lines that
 * begin with `#` are prose.
 */
async function replay(text: string): Promise<string> {
  const story = new Story();
  const paragraphs: string[] = [];
  for (const paragraph of text.trimEnd().split(/\n\n+/)) {
    const lines = paragraph.split('\n');
    const rule = lines.indexOf('----');
    const given = rule === -1 ? lines : lines.slice(0, rule);
    const commands = given.filter((line) => !line.startsWith('#'));
    const observed: string[] = [];
    for (const command of commands) observed.push(...(await story.run(command)));
    paragraphs.push([...given, ...(commands.length > 0 ? ['----', ...observed] : [])].join('\n'));
  }
  return `${paragraphs.join('\n\n')}\n`;
}

describe('NBD scripts', () => {
  const scripts = readdirSync(folder).filter((name) => name.endsWith('.txt'));

  it('are there', () => {
    assert.ok(scripts.length >= 5, `found ${scripts.length} scripts in test/script/nbd`);
  });

  for (const name of scripts) {
    it(`tell what the server does [${name}]`, async () => {
      const file = path.join(folder, name);
      const expected = readFileSync(file, 'utf8');
      const actual = await replay(expected);
      if (updating) writeFileSync(file, actual);
      else {
        const hint = 'if the change is meant: UPDATE_GOLDEN=1, and read the diff';
        assert.equal(actual, expected, `${name} tells another story; ${hint}`);
      }
    });
  }
});
