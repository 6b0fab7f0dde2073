/**
 * Tables of promises and invariants say in their last column what shows each row. Whatever is named
 * there in backticks exists: a file, a spec (without its ending), a planted bug, a fault of the
 * simulator. A row whose last cell names nothing says "not built" or "not shown", or is a finding.
 * Words in quotes are the name of a test in one of the files of the row. The cases of
 * docs/faults.md are all there.
 */
import type { Finding, TidyFile, TidyRule } from '../tree.ts';
import { linesOf } from '../tree.ts';

const casesPage = 'docs/faults.md';
const documents = new Set(['docs/invariants.md', 'docs/promises.md', casesPage]);

/** Acceptance cases and faults that the page has to speak about. */
const cases: readonly string[] = [
  ...numbers(1, 31).map((number) => `A${number}`),
  'A37',
  'A40',
  ...numbers(1, 7).map((number) => `B${number}`),
  ...numbers(1, 36).map(String),
  ...numbers(44, 48).map(String),
];

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

export const evidence: TidyRule = (files) => {
  const exists = namesOf(files);
  const pages = files.filter((file) => documents.has(file.path));
  return pages.flatMap((page) => {
    const rows = rowsOf(page);
    const found = rows.flatMap((row) => [
      ...findingsOf(page, row, exists),
      ...titleFindings(page, row, files),
    ]);
    return page.path === casesPage ? [...found, ...missingCases(page, rows)] : found;
  });
};

function missingCases({ path }: TidyFile, rows: readonly Row[]): Finding[] {
  return cases
    .filter((wanted) => !rows.some(({ first }) => first === wanted))
    .map((wanted) => ({
      rule: 'evidence',
      path,
      line: 1,
      what: `says nothing about the case ${wanted}`,
      cure: 'name the test that shows it, or say that none does',
    }));
}

/** Tests are named as they are in their files, so that a renamed one is missed here. */
function titleFindings({ path }: TidyFile, row: Row, files: readonly TidyFile[]): Finding[] {
  const specs = [...row.shownBy.matchAll(/`([^`]+)`/g)].map(([, name = '']) => `/${name}.spec.ts`);
  const texts = files
    .filter((file) => specs.some((spec) => file.path.endsWith(spec)))
    .map(({ text }) => text);
  return [...row.shownBy.matchAll(/"([^"]+)"/g)]
    .map(([, title = '']) => title)
    .filter((title) => title !== 'not built' && !texts.some((text) => text.includes(title)))
    .map((title) => ({
      rule: 'evidence',
      path,
      line: row.line,
      what: `names the test "${title}", which is in no spec of its row`,
      cure: 'write the name as it is in the spec, or the spec that has it',
    }));
}

interface Row {
  readonly line: number;
  readonly first: string;
  readonly shownBy: string;
}

/** Rows of tables, without head and rule. */
function rowsOf(file: TidyFile): Row[] {
  const rows = linesOf(file).filter(({ text }) => text.startsWith('|'));
  return rows.flatMap(({ line, text }, index) => {
    const isRule = /^\|[-|]+\|$/.test(text);
    const isHead = /^\|[-|]+\|$/.test(rows[index + 1]?.text ?? '');
    const cells = text.split('|').map((cell) => cell.trim());
    const [first = '', shownBy = ''] = [cells[1], cells.at(-2)];
    // Other tables of that page are not about cases.
    const isOther = file.path === casesPage && !/^[AB]?\d+$/.test(first);
    return isRule || isHead || isOther ? [] : [{ line, first, shownBy }];
  });
}

function findingsOf(file: TidyFile, row: Row, exists: (name: string) => boolean): Finding[] {
  const at = { rule: 'evidence', path: file.path, line: row.line };
  const named = [...row.shownBy.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
  if (named.length === 0 && !/not built|not shown|^as [AB]?\d+/i.test(row.shownBy)) {
    const cure = 'name a spec, a planted bug or a fault of the simulator, or say "not built"';
    return [{ ...at, what: 'names nothing that shows this row', cure }];
  }
  return named
    .filter((name) => !exists(name))
    .map((name) => ({
      ...at,
      what: `names \`${name}\`, which is no file, spec, planted bug or fault`,
      cure: 'mend the name, or write what it promises',
    }));
}

function namesOf(files: readonly TidyFile[]): (name: string) => boolean {
  const lists = files.filter(({ path }) => /^test\/sim\/(plants|faults)\.ts$/.test(path));
  const quoted = new Set(
    lists.flatMap(({ text }) => [...text.matchAll(/'([a-zA-Z-]+)'/g)].map(([, name = '']) => name)),
  );
  const paths = files.map(({ path }) => `/${path}`);
  return (name) =>
    quoted.has(name) ||
    paths.some((path) => path.endsWith(`/${name}`) || path.endsWith(`/${name}.spec.ts`));
}
