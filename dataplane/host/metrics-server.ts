/**
 * `GET /metrics` over TLS, for readers that Kubernetes knows and allows. Nothing else is answered,
 * nobody is answered without a token, and a body is never read.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { Fault } from '../base/fault.ts';
import type { Log } from '../ports/log.ts';
import { exposition, type Family } from '../report/metrics.ts';

/** PEM texts. */
interface Shown {
  readonly key: string;
  readonly certificate: string;
}

export interface MetricsSource {
  /** Rejects with `cluster.unreachable` when it cannot be found out. */
  readonly allows: (token: string) => Promise<boolean>;
  readonly families: () => Promise<readonly Family[]>;
}

const connectionsMax = 16;
const requestMs = 5_000;
const contentType = 'text/plain; version=0.0.4; charset=utf-8';

export class MetricsServer {
  readonly #server: Server;
  readonly #source: MetricsSource;
  readonly #log: Log;

  constructor(shown: Shown, source: MetricsSource, log: Log) {
    this.#source = source;
    this.#log = log;
    this.#server = createServer(
      {
        ...tlsOf(shown),
        headersTimeout: requestMs,
        requestTimeout: requestMs,
        minVersion: 'TLSv1.2',
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = connectionsMax;
  }

  /**
   * Resolves to the port; rejects with `input.invalid` when it is taken.
   *
   * @param port 0 for any free one
   */
  async listen(host: string | undefined, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        const hint = 'Metrics of this process are not served; free the port.';
        reject(new Fault('input.invalid', `Port ${port}: ${error.message}`, { hint }));
      });
      this.#server.listen({ host, port }, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Connections from now on are shown this certificate. */
  renew(shown: Shown): void {
    this.#server.setSecureContext(tlsOf(shown));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const end = (code: number, text: string, type = 'text/plain') => {
      response.writeHead(code, {
        'content-type': type,
        connection: code === 200 ? 'keep-alive' : 'close',
      });
      response.end(text);
    };
    try {
      if (request.url !== '/metrics' || request.method !== 'GET') return end(404, 'not found\n');
      const token = /^Bearer (\S{1,16384})$/.exec(request.headers.authorization ?? '')?.[1];
      if (token === undefined) return end(401, 'a token of this cluster is needed\n');
      if (!(await this.#source.allows(token))) return end(403, 'this token may not read metrics\n');
      return end(200, exposition(await this.#source.families()), contentType);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#log.warn(`metrics could not be shown: ${error.message}`);
      return end(503, 'try again\n');
    }
  }
}

function tlsOf({ key, certificate }: Shown): { readonly key: string; readonly cert: string } {
  return { key, cert: certificate };
}
