/**
 * HTTP to one API server: JSON in, JSON out, refusals as `ApiFailure`, silence as `Unreachable`.
 * Connections are kept open and shared. TLS and authentication come from the kubeconfig.
 *
 * Never: logs a request or its headers.
 */
import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { ApiFailure, Unreachable } from './api-failure.ts';
import { isObject, type KubeObject } from './object.ts';

/** The content types of PATCH that are used here, by what they mean. */
export const patchType = {
  apply: 'application/apply-patch+yaml',
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
} as const;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: KubeObject | readonly KubeObject[];
  /** Default: JSON. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export interface ApiClientOptions {
  /**
   * How long one request may take. Default: 30 s, as kubectl's and the official provider's client.
   */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 30_000;
const attemptsMax = 4;
const retryAfterMsMax = 5_000;

class StaleConnection extends Unreachable {}

interface Answer {
  readonly code: number;
  readonly text: string;
  readonly retryAfterMs: number | undefined;
}

export class ApiClient {
  readonly #config: KubeConfig;
  readonly #timeoutMs: number;
  readonly #server: URL;
  #agent: http.Agent | undefined;

  constructor(config: KubeConfig, options: ApiClientOptions = {}) {
    this.#config = config;
    this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    this.#server = new URL(config.getCurrentCluster()?.server ?? '');
  }

  /** The server's address, for messages. */
  get server(): string {
    return this.#server.origin;
  }

  /** The body of a successful answer; `{}` when it is empty. */
  async send(request: ApiRequest): Promise<KubeObject> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#exchange(request);
      const isBusy =
        answer.code === 429 || (answer.code === 503 && answer.retryAfterMs !== undefined);
      if (isBusy && attempt < attemptsMax) {
        const waitMs = Math.min(answer.retryAfterMs ?? 1_000, retryAfterMsMax);
        await delay(
          waitMs,
          undefined,
          request.signal === undefined ? {} : { signal: request.signal },
        );
        continue;
      }
      const body = parse(answer.text);
      if (answer.code >= 200 && answer.code < 300) return body;
      throw new ApiFailure(
        answer.code,
        body,
        `${request.method} ${request.path}: HTTP ${answer.code}`,
      );
    }
  }

  close(): void {
    this.#agent?.destroy();
  }

  /**
   * The server may close a kept connection in the moment it is used again; the request has then not
   * been read, and a new connection takes it (Node's documentation of `request.reusedSocket`).
   */
  async #exchange(request: ApiRequest): Promise<Answer> {
    try {
      return await this.#exchangeOnce(request);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      return this.#exchangeOnce(request);
    }
  }

  async #exchangeOnce(request: ApiRequest): Promise<Answer> {
    const url = new URL(this.#server.pathname.replace(/\/$/, '') + request.path, this.#server);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const options = await this.#options(request, body);
    const module = url.protocol === 'http:' ? http : https;
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        const isStale = call.reusedSocket && (error as { code?: string }).code === 'ECONNRESET';
        const Failure = isStale ? StaleConnection : Unreachable;
        reject(
          request.signal?.aborted === true
            ? (request.signal.reason as Error)
            : new Failure(`${this.server}: ${explainSilence(error)}`, { cause: error }),
        );
      };
      const call = module.request(url, options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', fail);
        response.on('end', () => {
          const seconds = Number(response.headers['retry-after'] ?? Number.NaN);
          const retryAfterMs = Number.isFinite(seconds) ? seconds * 1_000 : undefined;
          resolve({ code: response.statusCode ?? 0, text, retryAfterMs });
        });
      });
      call.on('error', fail);
      call.setTimeout(this.#timeoutMs, () =>
        call.destroy(new Error(`no answer within ${this.#timeoutMs / 1_000} s`)),
      );
      call.end(body);
    });
  }

  async #options(request: ApiRequest, body: string | undefined): Promise<https.RequestOptions> {
    const headers: http.OutgoingHttpHeaders = { accept: 'application/json' };
    if (body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json';
      headers['content-length'] = Buffer.byteLength(body);
    }
    const options: https.RequestOptions = { method: request.method, headers };
    try {
      await this.#config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new Unreachable(`the kubeconfig's credentials cannot be used: ${messageOf(error)}`, {
        cause: error,
      });
    }
    if (request.signal !== undefined) options.signal = request.signal;
    options.agent = this.#keepAlive(options);
    return options;
  }

  /** The library's agent opens a connection for each request; proxies need it nevertheless. */
  #keepAlive(options: https.RequestOptions): http.Agent | undefined {
    if (this.#config.getCurrentCluster()?.proxyUrl !== undefined) {
      return options.agent as http.Agent | undefined;
    }
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const secure = { ca, cert, key, rejectUnauthorized, servername };
    const given = Object.fromEntries(
      Object.entries(secure).filter(([, value]) => value !== undefined),
    );
    this.#agent ??=
      this.#server.protocol === 'http:'
        ? new http.Agent({ keepAlive: true })
        : new https.Agent({ keepAlive: true, ...given });
    return this.#agent;
  }
}

function parse(text: string): KubeObject {
  if (text === '') return {};
  try {
    const value = JSON.parse(text) as KubeObject;
    return isObject(value) ? value : {};
  } catch {
    // Proxies and the server's own start-up answer in prose.
    return { message: text.trim().slice(0, 500) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Several addresses of one name fail together; their reasons are inside. */
function explainSilence(error: Error): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map(messageOf))].join('; ');
  }
  return error.message;
}
