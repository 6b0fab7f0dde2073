/**
 * The one comment under a pull request: what each check found, as Markdown. Pure.
 *
 * Promises: begins with the hidden marker by which the next run finds it; never longer than a forge
 * takes (GitHub: 65,536 characters), and says how many lines it left out and where they are; what a
 * program printed cannot break out of its block.
 */

/** What one check printed, secrets already taken out. */
export interface CheckResult {
  /** `preview of homelab` */
  readonly title: string;
  readonly ok: boolean;
  /** One line for the overview. */
  readonly summary: string;
  readonly output: string;
}

/** Identifies our comment among others; one a workflow, so that stacks share it. */
export const marker = '<!-- larder: preview of this pull request -->';

export const commentCharsMax = 65_536;
/** A block that holds less than this tells nothing. */
const blockCharsMin = 400;

export interface CommentContext {
  readonly commit: string | undefined;
  readonly runUrl: string | undefined;
  /** Sentences that stand above everything. */
  readonly notes: readonly string[];
}

export function commentBody(results: readonly CheckResult[], context: CommentContext): string {
  const ok = results.every((result) => result.ok);
  const head = [
    marker,
    `### Larder: ${ok ? 'this change can be applied' : 'this change cannot be applied as it is'}`,
    '',
    ...context.notes.flatMap((note) => [`> ${note}`, '']),
    ...results.map(
      ({ title, ok: good, summary }) =>
        `- ${good ? '✅' : '❌'} **${inline(title)}**: ${inline(summary)}`,
    ),
  ].join('\n');
  const whole = [
    context.commit === undefined ? undefined : `commit ${context.commit}`,
    context.runUrl === undefined ? undefined : `[whole log](${context.runUrl})`,
  ].filter((part) => part !== undefined);
  const tail = whole.length === 0 ? '' : `\n\n<sub>${whole.join(' · ')}</sub>\n`;
  const roomEach = Math.floor(
    (commentCharsMax - head.length - tail.length) / Math.max(1, results.length),
  );
  return `${head}${results.map((result) => block(result, roomEach)).join('')}${tail}`;
}

const inline = (text: string) => text.replaceAll(/[\n`<>|]/g, ' ');

function block({ title, ok, output }: CheckResult, roomChars: number): string {
  const text = output.trim();
  if (text === '' || roomChars < blockCharsMin) return '';
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  const open = `\n\n<details${ok ? '' : ' open'}><summary>${inline(title)}</summary>\n\n${fence}text\n`;
  const close = `\n${fence}\n\n</details>`;
  return `${open}${cut(text, roomChars - open.length - close.length)}${close}`;
}

const longestRun = (text: string) =>
  Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));

/** The beginning and the end of a text: the end holds the refusal, the beginning the plan. */
function cut(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const lines = text.split('\n');
  const noteChars = 80;
  const half = Math.floor((charsMax - noteChars) / 2);
  const head = takeLines(lines, half);
  const tail = takeLines(lines.toReversed(), half).toReversed();
  const left = lines.length - head.length - tail.length;
  return [...head, `… ${left} lines left out; the whole log has them …`, ...tail].join('\n');
}

function takeLines(lines: readonly string[], charsMax: number): string[] {
  const taken: string[] = [];
  let chars = 0;
  for (const line of lines) {
    chars += line.length + 1;
    if (chars > charsMax) break;
    taken.push(line);
  }
  return taken;
}
