/**
 * Every numbered invariant stands in three places: docs/invariants.md, an assert in the data plane
 * and a checker of the simulator or another test. A row that is not built says "not built" in a
 * cell.
 */
import type { Finding, TidyFile, TidyRule } from '../tree.ts';

const number = /\bI-\d{2}\b/g;

/** The tidy rules plant numbers of their own. */
const isTest = (file: TidyFile) => /^test\/(?!tidy\/)/.test(file.path);

export const invariantLinks: TidyRule = (files) => {
  const doc = files.find((file) => file.path === 'docs/invariants.md');
  if (doc === undefined) return [];
  const asserted = numbersIn(files, (file) => file.path.startsWith('dataplane/'));
  const checked = numbersIn(files, (file) => isTest(file));
  const declared = new Map<string, { line: number; built: boolean }>();
  for (const [index, text] of doc.text.split('\n').entries()) {
    // The declaring line begins with the number: a table row, a heading or a list item.
    const found = /^[|#\-*\s\d.]*\*{0,2}(I-\d{2})\b/.exec(text)?.[1];
    if (found === undefined || declared.has(found)) continue;
    declared.set(found, { line: index + 1, built: !/\|\s*not built\s*\|/i.test(text) });
  }
  const finding = (path: string, line: number, what: string, cure: string): Finding => ({
    rule: 'invariant-link',
    path,
    line,
    what,
    cure,
  });
  const missing = [...declared].flatMap(([id, { line, built }]) => {
    const places = [
      asserted.has(id) ? '' : 'an assert in dataplane/',
      checked.has(id) ? '' : 'a checker in test/',
    ];
    const absent = places.filter((place) => place !== '').join(' and ');
    if (built && absent !== '') {
      return [
        finding(
          doc.path,
          line,
          `${id} lacks ${absent}`,
          'name the number there, or say "not built" in a cell',
        ),
      ];
    }
    if (!built && absent === '') {
      return [finding(doc.path, line, `${id} says "not built" but is built`, 'remove "not built"')];
    }
    return [];
  });
  const undeclared = [...new Set([...asserted, ...checked])]
    .filter((id) => !declared.has(id))
    .map((id) => finding(doc.path, 0, `${id} is named in code and not declared`, 'declare it'));
  return [...missing, ...undeclared];
};

function numbersIn(files: readonly TidyFile[], where: (file: TidyFile) => boolean): Set<string> {
  const code = files.filter((file) => file.path.endsWith('.ts') && where(file));
  return new Set(code.flatMap((file) => file.text.match(number) ?? []));
}
