/** Sizes and names: what keeps a file readable in one sitting. */
import ts from 'typescript';
import { type Finding, linesOf, type TidyFile, type TidyRule } from '../tree.ts';

/** A file has one noun; past the soft limit of 300 a reviewer asks what it is about (style). */
const fileLinesMax = 500;
const functionLinesMax = 70;
const lineColumnsMax = 100;

const isSource = (file: TidyFile) =>
  file.path.endsWith('.ts') && !/\/(generated|planted)\//.test(file.path);

export const shape: TidyRule = (files) =>
  files
    .filter(isSource)
    .flatMap((file) => [
      ...fileLength(file),
      ...lineLength(file),
      ...fileName(file),
      ...moduleComment(file),
      ...functionLength(file),
    ]);

function fileLength(file: TidyFile): Finding[] {
  const count = linesOf(file).length;
  if (count <= fileLinesMax) return [];
  return [
    {
      rule: 'file-length',
      path: file.path,
      line: 0,
      what: `has ${count} lines, more than ${fileLinesMax}`,
      cure: 'name its second noun and give it a file of its own',
    },
  ];
}

/** Code is the formatter's work; comments and strings that it cannot break are ours. */
function lineLength(file: TidyFile): Finding[] {
  return linesOf(file)
    .filter(({ text }) => text.length > lineColumnsMax && /^\s*(\*|\/\/|\/\*)/.test(text))
    .filter(({ text }) => !/https?:\/\//.test(text))
    .map(({ line, text }) => ({
      rule: 'comment-width',
      path: file.path,
      line,
      what: `comment of ${text.length} columns, more than ${lineColumnsMax}`,
      cure: 'break the line',
    }));
}

function fileName(file: TidyFile): Finding[] {
  const name = file.path.split('/').at(-1) ?? '';
  if (/^[a-z0-9]+(-[a-z0-9]+)*(\.(spec|contract|d))?\.ts$/.test(name)) return [];
  return [
    {
      rule: 'file-name',
      path: file.path,
      line: 0,
      what: 'is not a kebab-case noun',
      cure: 'rename it: dirty-log.ts, dirty-log.spec.ts',
    },
  ];
}

function moduleComment(file: TidyFile): Finding[] {
  if (file.path.startsWith('test/') && file.path.endsWith('.spec.ts')) return [];
  if (/^(#!.*\n)?\/\*\*/.test(file.text)) return [];
  return [
    {
      rule: 'module-comment',
      path: file.path,
      line: 1,
      what: 'does not open with a doc comment',
      cure: 'say what it is, what it promises and what it never does',
    },
  ];
}

function functionLength(file: TidyFile): Finding[] {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2022, true);
  const findings: Finding[] = [];
  const lineAt = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1;
  const visit = (node: ts.Node): void => {
    // Test suites are one long function by nature; the tests inside are measured.
    if (ts.isFunctionLike(node) && 'body' in node && node.body && !isSuite(node)) {
      const count = lineAt(node.end) - lineAt(node.getStart(source)) + 1;
      if (count > functionLinesMax) {
        findings.push({
          rule: 'function-length',
          path: file.path,
          line: lineAt(node.getStart(source)),
          what: `function of ${count} lines, more than ${functionLinesMax}`,
          cure: 'keep the control flow here and move the computing into helpers',
        });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return findings;
}

/** The callback of describe(...), or a function that only declares a suite (`xContract(...)`). */
function isSuite(node: ts.Node): boolean {
  const call = node.parent;
  if (call && ts.isCallExpression(call) && ts.isIdentifier(call.expression)) {
    if (call.expression.text === 'describe') return true;
  }
  return ts.isFunctionDeclaration(node) && node.name?.text.endsWith('Contract') === true;
}
