import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import * as engine from '../../engine/support/matrix-table.ts';
import * as applications from '../../stack/support/application-matrix.ts';

const page = path.join(repositoryRoot, 'docs/data-safety.md');
const end = '<!-- end of matrix -->';

/** One matrix as a reader sees it: a row for each edit, a column for each kind. */
function table(
  kinds: readonly string[],
  cells: readonly { readonly row: string; readonly kind: string; readonly word: string }[],
): string {
  const rows = [...new Set(cells.map(({ row }) => row))];
  const outcome = (row: string, kind: string) =>
    cells.find((cell) => cell.row === row && cell.kind === kind)?.word ?? '–';
  const lines = [
    ['what is done', ...kinds],
    ['---', ...kinds.map(() => '---')],
    ...rows.map((row) => [row, ...kinds.map((kind) => outcome(row, kind))]),
  ];
  return lines.map((line) => `| ${line.join(' | ')} |\n`).join('');
}

const tables: Readonly<Record<string, string>> = {
  'test/engine/support/matrix-table.ts': table(engine.kinds, [
    ...engine.refusedCells.map((cell) => ({ ...cell, word: 'refused' })),
    ...engine.allowedCells.map((cell) => ({ ...cell, word: 'in place' })),
    ...engine.accidents.flatMap((row) => engine.kinds.map((kind) => ({ row, kind, word: 'kept' }))),
  ]),
  'test/stack/support/application-matrix.ts': table(applications.kinds, [
    ...applications.refusedCells.map((cell) => ({ ...cell, word: 'refused' })),
    ...applications.allowedCells.map((cell) => ({
      ...cell,
      word: 'word' in cell.outcome ? cell.outcome.word : 'refused',
    })),
  ]),
};

describe('data safety', () => {
  for (const [source, wanted] of Object.entries(tables))
    it(`is told by the page as ${source} has it`, () => {
      const begin = `<!-- matrix: ${source}; UPDATE_GOLDEN=1 writes it -->\n`;
      const text = readFileSync(page, 'utf8');
      const from = text.indexOf(begin) + begin.length;
      const to = text.indexOf(end, from);
      assert.ok(from > begin.length && to >= from, 'the page has a place for the matrix');
      if (process.env['UPDATE_GOLDEN'] === '1')
        writeFileSync(page, `${text.slice(0, from)}\n${wanted}\n${text.slice(to)}`);
      const told = readFileSync(page, 'utf8').slice(from).split(end)[0]?.trim();
      assert.equal(told, wanted.trim());
    });
});
