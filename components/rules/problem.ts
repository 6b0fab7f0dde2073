/**
 * One thing that is wrong with what a person asked for, in four parts: where, what was found, what
 * would be right, what to do. Problems are collected and shown together, never one a run.
 */
export interface Problem {
  /** The place as one would look for it in the stack file, for example `larder:nodes[0].name`. */
  readonly path: string;
  readonly found: string;
  readonly allowed: string;
  readonly todo: string;
}

/** The message of a refusal: everything at once, and that nothing has happened yet. */
export function explainProblems(stack: string, problems: readonly Problem[]): string {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  const blocks = problems.map((problem, index) =>
    [
      `  ${index + 1}. ${problem.path}`,
      `     found    ${indent(problem.found)}`,
      `     allowed  ${indent(problem.allowed)}`,
      `     to do    ${indent(problem.todo)}`,
    ].join('\n'),
  );
  return `the stack ${stack} has ${count}; nothing was changed.\n\n${blocks.join('\n\n')}\n`;
}

const indent = (text: string) => text.replaceAll('\n', '\n              ');

/** Words as they stand in a list: `a, b or c`. */
export function oneOf(words: readonly string[]): string {
  if (words.length === 0) return 'nothing (there is none)';
  if (words.length === 1) return words[0] ?? '';
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
