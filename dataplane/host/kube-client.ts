/**
 * The Kubernetes API over HTTPS, as much of it as the nodes need: JSON in, JSON out, kept
 * connections, a time for everything. The official client costs a process some 60 MiB, which is
 * more than all else it does.
 *
 * Promises: an answer of the server is a value with its code; silence rejects with
 * `cluster.unreachable`, and whether the request had its effect is then unknown. Never: reads from
 * a cache, tries a change twice, or puts a token into a message.
 */
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { Fault } from '../base/fault.ts';

export interface KubeAccess {
  /** `https://host:port`. */
  readonly server: string;
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile?: string;
  /** File with the bearer token; read again for each request, because it is renewed. */
  readonly tokenFile?: string;
  /** Says who asks where files cannot: a person's certificate, or a helper that mints tokens. */
  readonly identify?: (options: RequestOptions) => Promise<void>;
}

export interface KubeAnswer {
  readonly code: number;
  readonly body: Record<string, unknown>;
}

interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Default: `application/json`. */
  readonly contentType?: string;
}

/** How long an answer may take, headers to end. */
const answerMs = 5_000;
/** A watch that says nothing for this long is taken for dead; the server is asked to end before. */
const watchMs = 240_000;
const bodyBytesMax = 64 * 2 ** 20;
const watchLineBytesMax = 4 * 2 ** 20;

/** The access every pod has. Throws `input.invalid` outside a pod. */
export function accessOfPod(environment: NodeJS.ProcessEnv): KubeAccess {
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (host === undefined) {
    throw new Fault('input.invalid', 'This process does not run in a pod of a cluster.', {
      hint: 'KUBERNETES_SERVICE_HOST is not set; give the access in the configuration.',
    });
  }
  const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    caFile: `${folder}/ca.crt`,
    tokenFile: `${folder}/token`,
  };
}

export class KubeClient {
  readonly #access: KubeAccess;
  #agent: Agent | undefined;

  constructor(access: KubeAccess) {
    this.#access = access;
  }

  async send(wanted: KubeRequest): Promise<KubeAnswer> {
    const body = wanted.body === undefined ? undefined : JSON.stringify(wanted.body);
    const signal = AbortSignal.timeout(answerMs);
    try {
      const response = await this.#open(wanted, body, signal);
      const text = await textOf(response, bodyBytesMax);
      return { code: response.statusCode ?? 0, body: parsed(text) };
    } catch (error) {
      if (error instanceof Fault) throw error;
      const why = signal.aborted ? `no answer within ${answerMs} ms` : String(error);
      throw new Fault('cluster.unreachable', `${this.#access.server}: ${why}`, {
        retriable: true,
        hint: 'Look whether the API server runs and can be reached from this node.',
        cause: error,
      });
    }
  }

  /**
   * The lines of a watch, each a JSON value. Ends when the server ends it; rejects with
   * `cluster.unreachable`.
   *
   * @param onOpen called when the server has taken it: from then on nothing is missed
   */
  async *watch(
    path: string,
    signal: AbortSignal,
    onOpen: () => void = () => {},
  ): AsyncGenerator<Record<string, unknown>> {
    const silence = new AbortController();
    const either = AbortSignal.any([signal, silence.signal]);
    const timer = setTimeout(() => {
      silence.abort();
    }, watchMs + answerMs);
    try {
      const query = `${path.includes('?') ? '&' : '?'}watch=1&timeoutSeconds=${watchMs / 1000}`;
      const response = await this.#open({ method: 'GET', path: path + query }, undefined, either);
      if (response.statusCode !== 200) {
        response.destroy();
        throw new Error(`the watch was refused with code ${response.statusCode}`);
      }
      onOpen();
      response.setEncoding('utf8');
      let rest = '';
      for await (const chunk of response as AsyncIterable<string>) {
        rest += chunk;
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > watchLineBytesMax) throw new Error('a line of the watch never ends');
        for (const line of lines) if (line !== '') yield parsed(line);
      }
    } catch (error) {
      if (signal.aborted) return;
      throw new Fault('cluster.unreachable', `${this.#access.server}: ${String(error)}`, {
        retriable: true,
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #open(
    wanted: KubeRequest,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { caFile, tokenFile, identify, server } = this.#access;
    const url = new URL(wanted.path, server);
    const secure = url.protocol === 'https:';
    const headers: Record<string, string | number> = { accept: 'application/json' };
    if (tokenFile !== undefined) {
      headers['authorization'] = `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}`;
    }
    if (body !== undefined) {
      headers['content-type'] = wanted.contentType ?? 'application/json';
      headers['content-length'] = Buffer.byteLength(body);
    }
    const options: RequestOptions = { method: wanted.method, headers, signal };
    if (secure) {
      this.#agent ??= new Agent({
        keepAlive: true,
        ...(caFile === undefined ? {} : { ca: await readFile(caFile) }),
      });
      options.agent = this.#agent;
    }
    await identify?.(options);
    return new Promise((resolve, reject) => {
      const call = (secure ? httpsRequest : httpRequest)(url, options, resolve);
      call.once('error', reject);
      call.end(body);
    });
  }
}

async function textOf(response: IncomingMessage, bytesMax: number): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > bytesMax) throw new Error(`the answer is longer than ${bytesMax} bytes`);
  }
  return text;
}

/** Proxies and a server that starts answer in prose. */
function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Shown as it came.
  }
  return { message: text.trim().slice(0, 500) };
}
