/**
 * A forge's comments, over the part of the API that GitHub, Gitea and Forgejo have in common
 * (`/repos/{owner}/{repo}/issues/{number}/comments`; pull requests are issues there).
 *
 * Promises: at most one comment of ours under a pull request, edited in place; a comment of another
 * author is never touched, also when it carries our marker; what may pass (5xx, 429, a broken
 * connection) is tried again within a bound; after a reply that was lost, the comments are read
 * again first, so that a retry never writes a second one. A refusal is an answer, not an exception.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { PullRequest } from './event.ts';

export interface ForgeOptions {
  readonly pullRequest: PullRequest;
  readonly token: string;
  /** Pause before the second attempt; doubled for each further one. Default: one second. */
  readonly pauseMs?: number;
}

export type Published =
  | { readonly kind: 'created' | 'edited' }
  /** The forge does not let this token do it; the reason in words. */
  | { readonly kind: 'refused'; readonly reason: string };

interface Comment {
  readonly id: number;
  readonly body: string;
  readonly author: string;
}

const attemptsMax = 5;
const requestLimitMs = 20_000;
const pageSize = 50;
const pagesMax = 40;
/** A forge that asks for more patience than this is asked again by the next run. */
const pauseLimitMs = 30_000;

/** A failure that may pass by itself. */
class Passing extends Error {
  readonly pauseMs: number | undefined;
  constructor(message: string, pauseMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.pauseMs = pauseMs;
  }
}

/** The forge understood and says no. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class Forge {
  readonly #options: ForgeOptions;

  constructor(options: ForgeOptions) {
    this.#options = options;
  }

  /**
   * Writes the comment that begins with `marker`, or edits the one that is there.
   *
   * @throws Error when the forge cannot be reached or fails again and again
   */
  async publish(marker: string, body: string): Promise<Published> {
    let pauseMs = this.#options.pauseMs ?? 1000;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#publishOnce(marker, body);
      } catch (error) {
        if (error instanceof Refused) return { kind: 'refused', reason: error.message };
        if (!(error instanceof Passing) || attempt === attemptsMax) throw error;
        await wait(Math.min(error.pauseMs ?? pauseMs, pauseLimitMs));
        pauseMs *= 2;
      }
    }
  }

  async #publishOnce(marker: string, body: string): Promise<Published> {
    const own = await this.#ownComment(marker);
    const { repository, number } = this.#options.pullRequest;
    if (own !== undefined) {
      try {
        await this.#request('PATCH', `/repos/${repository}/issues/comments/${own.id}`, { body });
        return { kind: 'edited' };
      } catch (error) {
        // Deleted, or not ours after all: a new one is the way on.
        if (!(error instanceof Refused)) throw error;
      }
    }
    await this.#request('POST', `/repos/${repository}/issues/${number}/comments`, { body });
    return { kind: 'created' };
  }

  async #ownComment(marker: string): Promise<Comment | undefined> {
    const author = await this.#author();
    const { repository, number } = this.#options.pullRequest;
    for (let page = 1; page <= pagesMax; page += 1) {
      // GitHub says per_page, Gitea limit; each ignores the other's word.
      const query = `per_page=${pageSize}&limit=${pageSize}&page=${page}`;
      const answer = await this.#request(
        'GET',
        `/repos/${repository}/issues/${number}/comments?${query}`,
      );
      const comments = commentsIn(answer);
      const own = comments.find(
        (comment) => comment.author === author && comment.body.startsWith(marker),
      );
      // Gitea may give all comments on every page: a page without news ends the search.
      if (own !== undefined || comments.length < pageSize) return own;
    }
    return undefined;
  }

  /** The account behind the token. A workflow's own token may not ask, and has a known name. */
  async #author(): Promise<string> {
    try {
      const answer = await this.#request('GET', '/user');
      const { login } = answer as { readonly login?: unknown };
      if (typeof login === 'string' && login !== '') return login;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
    return this.#options.pullRequest.botName;
  }

  async #request(method: string, path: string, body?: object): Promise<unknown> {
    const what = `${method} ${path.split('?')[0]}`;
    const { response, text } = await this.#fetch(method, path, body, what);
    if (response.ok) return text === '' ? {} : (JSON.parse(text) as unknown);
    const reason = `${what} was answered ${response.status}: ${messageIn(text)}`;
    if (response.status >= 500 || response.status === 429)
      throw new Passing(reason, retryAfterMs(response));
    throw new Refused(response.status, reason);
  }

  async #fetch(method: string, path: string, body: object | undefined, what: string) {
    try {
      const response = await fetch(`${this.#options.pullRequest.apiUrl}${path}`, {
        method,
        headers: {
          // Both forges take this form; GitHub's Bearer is unknown to older Gitea.
          authorization: `token ${this.#options.token}`,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(requestLimitMs),
      });
      return { response, text: await response.text() };
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      throw new Passing(`${what} had no answer: ${cause.message}`, undefined, { cause });
    }
  }
}

function commentsIn(answer: unknown): Comment[] {
  if (!Array.isArray(answer)) return [];
  return (answer as { id?: unknown; body?: unknown; user?: { login?: unknown } | null }[]).flatMap(
    ({ id, body, user }) =>
      typeof id === 'number' && typeof body === 'string'
        ? [{ id, body, author: typeof user?.login === 'string' ? user.login : '' }]
        : [],
  );
}

const messageCharsMax = 200;

function messageIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    if (typeof message === 'string') return message.slice(0, messageCharsMax);
  } catch {
    // No JSON: a proxy's page.
  }
  return text.replaceAll(/\s+/g, ' ').slice(0, messageCharsMax) || 'nothing';
}

function retryAfterMs(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}
