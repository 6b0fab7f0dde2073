/**
 * What a workflow does for a pull request: run the checks, take secrets out of what they print, and
 * tell the result in one comment, in the log and in the run's summary.
 *
 * A branch of the repository itself is previewed with its policies, against the real state where
 * the workflow has a backend and a passphrase. A fork's code never sees a secret: it gets the
 * goldens and the policies, which need none.
 */
import { appendFileSync } from 'node:fs';
import type { CheckResult } from './comment.ts';
import { commentBody, marker } from './comment.ts';
import { readPullRequest } from './event.ts';
import { Forge, type Published } from './forge.ts';
import { redactor } from './redact.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A check and how it ended. */
export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** How checks are run; the tests put their own in its place. */
export interface Checks {
  preview(stack: string): Promise<Ran>;
  goldensAndPolicies(): Promise<Ran>;
}

export interface ReviewOptions {
  readonly env: Environment;
  readonly stacks: readonly string[];
  readonly checks: Checks;
  readonly say: (text: string) => void;
  /** For tests: the forge's first pause between attempts. */
  readonly pauseMs?: number;
}

/** The exit code: 0 when every check passed, whether or not the forge took the comment. */
export async function review(options: ReviewOptions): Promise<number> {
  const { env, stacks, checks, say } = options;
  const pullRequest = readPullRequest(env);
  const redact = redactor(env);
  const trusts = !pullRequest.isFork && (env['PULUMI_CONFIG_PASSPHRASE'] ?? '') !== '';
  const results: CheckResult[] = [];
  const add = (title: string, ran: Ran) => {
    const output = redact(ran.output);
    say(`== ${title}\n${output}`);
    results.push({ title, ok: ran.code === 0, summary: redact(summaryOf(ran)), output });
  };
  if (trusts) for (const stack of stacks) add(`preview of ${stack}`, await checks.preview(stack));
  else add('goldens and policies', await checks.goldensAndPolicies());
  const body = commentBody(results, {
    commit: env['GITHUB_SHA'],
    runUrl: pullRequest.runUrl,
    notes: trusts ? [] : [withoutSecrets(pullRequest.isFork)],
  });
  const summaryFile = env['GITHUB_STEP_SUMMARY'];
  if (summaryFile !== undefined && summaryFile !== '') appendFileSync(summaryFile, `${body}\n`);
  say(redact(await tell(options, pullRequest, body)));
  return results.every(({ ok }) => ok) ? 0 : 1;
}

const withoutSecrets = (isFork: boolean) =>
  isFork
    ? 'The branch lies in a fork: its code is run without secrets, so goldens and policies are checked and nothing is previewed.'
    : 'This workflow has no passphrase (secret PULUMI_CONFIG_PASSPHRASE): goldens and policies are checked and nothing is previewed.';

/** What became of the comment. A forge that does not take it must not turn a good change red. */
async function tell(
  { env, pauseMs }: ReviewOptions,
  pullRequest: ReturnType<typeof readPullRequest>,
  body: string,
): Promise<string> {
  const token = env['FORGE_TOKEN'] ?? '';
  if (token === '') return 'No comment was written: FORGE_TOKEN is not set.';
  const forge = new Forge({ pullRequest, token, ...(pauseMs === undefined ? {} : { pauseMs }) });
  try {
    return outcome(await forge.publish(marker, body));
  } catch (error) {
    return `No comment was written: ${error instanceof Error ? error.message : String(error)}. The result stands above.`;
  }
}

function outcome(published: Published): string {
  if (published.kind !== 'refused') return `The comment was ${published.kind}.`;
  return `No comment was written: ${published.reason}. The token needs the permissions issues: write and pull-requests: write; a fork's has neither. The result stands above.`;
}

/** The line that says most: Pulumi's refusal or its count of changes, else the last one. */
function summaryOf({ code, output }: Ran): string {
  const lines = output.split('\n').map((line) => line.trim());
  const problem = lines.find((line) => /\bhas (?:one problem|\d+ problems);/.test(line));
  if (code !== 0 && problem !== undefined) return problem;
  const from = lines.lastIndexOf('Resources:');
  const counts = from < 0 ? [] : lines.slice(from + 1).filter((line) => line !== '');
  if (code === 0 && counts.length > 0) return counts.slice(0, 4).join(', ');
  const last = lines.findLast((line) => line !== '') ?? 'it printed nothing';
  return code === 0 ? last : `ended with code ${code}: ${last}`;
}
