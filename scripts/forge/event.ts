/**
 * Which pull request a workflow runs for: read from the variables and the event file that GitHub's
 * runner sets, and Gitea's and Forgejo's runners set in the same form.
 */
import { readFileSync } from 'node:fs';

export interface PullRequest {
  /** Base of the forge's API, without a slash at its end. */
  readonly apiUrl: string;
  /** `owner/name` of the repository that the pull request wants to change. */
  readonly repository: string;
  readonly number: number;
  /** Whether the branch lies in another repository: its code is a stranger's. */
  readonly isFork: boolean;
  /** Page of this run, for readers who want all of it. */
  readonly runUrl: string | undefined;
  /** The workflow's own account, used where the API does not tell a token who it is. */
  readonly botName: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface EventFile {
  readonly pull_request?: {
    readonly number?: number;
    readonly head?: { readonly repo?: { readonly full_name?: string } | null };
  };
}

/**
 * @throws Error that names the variable or the key of the event file that is missing
 */
export function readPullRequest(env: Environment): PullRequest {
  const repository = required(env, 'GITHUB_REPOSITORY');
  const file = required(env, 'GITHUB_EVENT_PATH');
  const event = JSON.parse(readFileSync(file, 'utf8')) as EventFile;
  const number = event.pull_request?.number;
  if (number === undefined)
    throw new Error(`${file} describes no pull request; run this on the event pull_request`);
  const apiUrl = required(env, 'GITHUB_API_URL').replace(/\/+$/, '');
  const isGitea = apiUrl.endsWith('/api/v1');
  const server = env['GITHUB_SERVER_URL'];
  const run = env['GITHUB_RUN_ID'];
  return {
    apiUrl,
    repository,
    number,
    // A deleted fork has no repository at all: as foreign as any.
    isFork: event.pull_request?.head?.repo?.full_name !== repository,
    runUrl:
      server === undefined || run === undefined
        ? undefined
        : `${server}/${repository}/actions/runs/${run}`,
    botName: isGitea ? 'gitea-actions' : 'github-actions[bot]',
  };
}

function required(env: Environment, name: string): string {
  const value = env[name];
  if (value === undefined || value === '')
    throw new Error(`${name} is not set; the runner of a workflow sets it`);
  return value;
}
