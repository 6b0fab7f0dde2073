/**
 * Tables of promises and invariants say in their last column what shows each row. Whatever is named
 * there in backticks exists: a file, a spec (without its ending), a planted bug, a fault of the
 * simulator. A row whose last cell names nothing says "not built" or is a finding.
 */
import type { Finding, TidyFile, TidyRule } from '../tree.ts';
import { linesOf } from '../tree.ts';

const documents = new Set(['docs/invariants.md', 'docs/promises.md']);

export const evidence: TidyRule = (files) => {
  const exists = namesOf(files);
  return files
    .filter((file) => documents.has(file.path))
    .flatMap((file) => rowsOf(file).flatMap((row) => findingsOf(file, row, exists)));
};

interface Row {
  readonly line: number;
  readonly shownBy: string;
}

/** Rows of tables, without head and rule. */
function rowsOf(file: TidyFile): Row[] {
  const rows = linesOf(file).filter(({ text }) => text.startsWith('|'));
  return rows.flatMap(({ line, text }, index) => {
    const isRule = /^\|[-|]+\|$/.test(text);
    const isHead = /^\|[-|]+\|$/.test(rows[index + 1]?.text ?? '');
    const shownBy = text.split('|').at(-2) ?? '';
    return isRule || isHead ? [] : [{ line, shownBy }];
  });
}

function findingsOf(file: TidyFile, row: Row, exists: (name: string) => boolean): Finding[] {
  const at = { rule: 'evidence', path: file.path, line: row.line };
  const named = [...row.shownBy.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
  if (named.length === 0 && !/not built/i.test(row.shownBy)) {
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
