/**
 * A stand-in for GitHub and Gitea: a real HTTP server that speaks the comment part of their APIs as
 * both document it, with their differences (paths, what a token may ask, page sizes) and the ways
 * in which they fail. It keeps comments in memory and notes every request.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type ForgeKind = 'github' | 'gitea';

export interface StoredComment {
  readonly id: number;
  readonly author: string;
  body: string;
}

/** One disturbance: applies to the first request that matches, then is used up. */
export interface Disturbance {
  /** `POST`, or `POST /repos`: beginning of method and path. */
  readonly request: string;
  /** A status instead of the answer; `cut` closes the connection. */
  readonly with: number | 'cut';
  /** Carry the request out first: the reply is lost, the effect is not. */
  readonly afterEffect?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

export const repository = 'shelf/larder';
export const number = 7;
const pageSizeMax = 50;

export class StandInForge implements AsyncDisposable {
  readonly kind: ForgeKind;
  readonly comments: StoredComment[] = [];
  readonly requests: string[] = [];
  readonly disturbances: Disturbance[] = [];
  /** Tokens and their accounts; a workflow's own token cannot ask who it is. */
  readonly accounts = new Map<string, string>();
  /** When set, nothing may be written: a fork's token. */
  isReadOnly = false;
  readonly #server: Server;
  #nextId = 1;

  private constructor(kind: ForgeKind, server: Server) {
    this.kind = kind;
    this.#server = server;
  }

  static async open(kind: ForgeKind): Promise<StandInForge> {
    const server = createServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    const forge = new StandInForge(kind, server);
    server.on('request', (request, response) => void forge.#answer(request, response));
    return forge;
  }

  get apiUrl(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${this.#prefix}`;
  }

  get #prefix(): string {
    return this.kind === 'gitea' ? '/api/v1' : '';
  }

  /** The account of a workflow's own token. */
  get botName(): string {
    return this.kind === 'gitea' ? 'gitea-actions' : 'github-actions[bot]';
  }

  add(author: string, body: string): StoredComment {
    const comment = { id: this.#nextId, author, body };
    this.#nextId += 1;
    this.comments.push(comment);
    return comment;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://forge');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = url.pathname.slice(this.#prefix.length);
    const line = `${request.method} ${path}`;
    this.requests.push(line);
    const body =
      chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as object);
    const [disturbance] = this.disturbances;
    const isDisturbed = disturbance !== undefined && line.startsWith(disturbance.request);
    if (isDisturbed) this.disturbances.shift();
    const effect = () => this.#carryOut(request, path, url.searchParams, body as { body?: string });
    const [status, content] = isDisturbed && disturbance.afterEffect !== true ? [0, {}] : effect();
    if (isDisturbed && disturbance.with === 'cut') {
      response.destroy();
      return;
    }
    const shown = isDisturbed ? Number(disturbance.with) : status;
    const headers = {
      'content-type': 'application/json',
      ...(isDisturbed ? disturbance.headers : {}),
    };
    response.writeHead(shown, headers);
    response.end(JSON.stringify(isDisturbed ? { message: `disturbed: ${shown}` } : content));
  }

  #carryOut(
    request: IncomingMessage,
    path: string,
    query: URLSearchParams,
    body: { readonly body?: string },
  ): [number, unknown] {
    const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ');
    const account = this.accounts.get(token);
    if (scheme !== 'token' || (account === undefined && token !== 'workflow'))
      return [401, { message: 'Bad credentials' }];
    const author = account ?? this.botName;
    if (path === '/user')
      return account === undefined
        ? [403, { message: 'Resource not accessible by integration' }]
        : [200, { login: account }];
    if (request.method !== 'GET' && this.isReadOnly)
      return [403, { message: 'Resource not accessible by integration' }];
    const [, id] = new RegExp(`^/repos/${repository}/issues/comments/(\\d+)$`).exec(path) ?? [];
    if (id !== undefined && request.method === 'PATCH') return this.#edit(Number(id), author, body);
    if (path !== `/repos/${repository}/issues/${number}/comments`)
      return [404, { message: 'Not Found' }];
    if (request.method === 'POST') return this.#create(author, body);
    return [200, this.#page(query)];
  }

  #create(author: string, { body = '' }: { readonly body?: string }): [number, unknown] {
    if (body.length > 65_536)
      return [422, { message: 'body is too long (maximum is 65536 characters)' }];
    return [201, show(this.add(author, body))];
  }

  #edit(id: number, author: string, { body = '' }: { readonly body?: string }): [number, unknown] {
    const comment = this.comments.find((each) => each.id === id);
    if (comment === undefined) return [404, { message: 'Not Found' }];
    if (comment.author !== author) return [403, { message: 'Must be the author' }];
    comment.body = body;
    return [200, show(comment)];
  }

  /** Gitea counts with `limit`, GitHub with `per_page`. */
  #page(query: URLSearchParams): unknown[] {
    const asked = Number(query.get(this.kind === 'gitea' ? 'limit' : 'per_page') ?? 30);
    const size = Math.min(asked, pageSizeMax);
    const from = (Number(query.get('page') ?? 1) - 1) * size;
    return this.comments.slice(from, from + size).map(show);
  }
}

const show = ({ id, author, body }: StoredComment) => ({ id, body, user: { login: author } });
