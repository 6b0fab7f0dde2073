import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import {
  accidents,
  allowedCells,
  type Kind,
  kinds,
  refusedCells,
} from '../../engine/support/matrix-table.ts';

const page = path.join(repositoryRoot, 'docs/data-safety.md');
const begin = '<!-- matrix: test/engine/support/matrix-table.ts; UPDATE_GOLDEN=1 writes it -->\n';
const end = '<!-- end of matrix -->';

/** The matrix as a reader sees it: a row for each edit, a column for each kind. */
function table(): string {
  const rows = [...new Set([...refusedCells, ...allowedCells].map(({ row }) => row))];
  const outcome = (row: string, kind: Kind) => {
    const of = (cells: readonly { row: string; kind: Kind }[]) =>
      cells.some((cell) => cell.row === row && cell.kind === kind);
    if (of(refusedCells)) return 'refused';
    return of(allowedCells) ? 'in place' : '–';
  };
  const lines = [
    ['what is done', ...kinds],
    ['---', ...kinds.map(() => '---')],
    ...rows.map((row) => [row, ...kinds.map((kind) => outcome(row, kind))]),
    ...accidents.map((row) => [row, ...kinds.map(() => 'kept')]),
  ];
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

describe('data safety', () => {
  it('is told by the page as the engine tests have it', () => {
    const text = readFileSync(page, 'utf8');
    const from = text.indexOf(begin) + begin.length;
    const to = text.indexOf(end);
    assert.ok(from > begin.length && to >= from, 'the page has a place for the matrix');
    if (process.env['UPDATE_GOLDEN'] === '1')
      writeFileSync(page, `${text.slice(0, from)}\n${table()}\n${text.slice(to)}`);
    const told = readFileSync(page, 'utf8').slice(from).split(end)[0]?.trim();
    assert.equal(told, table().trim());
  });
});
