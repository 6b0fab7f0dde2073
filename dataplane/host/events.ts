/**
 * Events of Kubernetes about our objects. The same about the same object is one Event whose count
 * goes up, not oftener than every few minutes; what comes faster than the API server takes it is
 * dropped, as is what it refuses.
 */
import { createHash } from 'node:crypto';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { apiGroup, apiVersion } from '../control/objects.ts';
import type { Happening } from '../control/happenings.ts';
import type { Events } from '../ports/events.ts';
import type { Log } from '../ports/log.ts';
import type { KubeClient } from './kube-client.ts';

/** Objects without a namespace have their Events in this one. */
const path = '/api/v1/namespaces/default/events';
/** The same again within this time is only counted. */
const quietMs = 300_000;
/** The API server takes no longer ones. */
const messageMax = 1024;

interface Told {
  readonly sentAtMs: number;
  readonly count: number;
}

export class KubeEvents implements Events {
  readonly #client: Pick<KubeClient, 'send'>;
  readonly #log: Log;
  readonly #reporter: string;
  /** By the name of the Event, oldest first. */
  readonly #told = new Map<string, Told>();
  readonly #waiting: Happening[] = [];
  #sending = false;

  /** @param reporter this process */
  constructor(client: Pick<KubeClient, 'send'>, log: Log, reporter: string) {
    this.#client = client;
    this.#log = log;
    this.#reporter = reporter;
  }

  tell(happening: Happening): void {
    if (this.#waiting.length >= limits.eventsWaitingMax) return;
    this.#waiting.push(happening);
    if (!this.#sending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        await this.#send(next);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        this.#log.warn(`an event could not be told: ${error.message}`, { about: next.name });
      }
    }
    this.#sending = false;
  }

  async #send(happening: Happening): Promise<void> {
    const name = eventNameOf(happening);
    const nowMs = performance.now();
    const known = this.#told.get(name);
    const count = (known?.count ?? 0) + 1;
    if (known !== undefined && nowMs < known.sentAtMs + quietMs) {
      this.#told.set(name, { ...known, count });
      return;
    }
    this.#remember(name, { sentAtMs: nowMs, count });
    const body = this.#bodyOf(name, happening);
    const made = await this.#client.send({ method: 'POST', path, body: { ...body, count } });
    if (made.code === 409) await this.#countUp(name, known === undefined ? 1 : count - known.count);
    else if (made.code >= 300) {
      this.#log.warn(`an event was refused: ${made.code} ${String(made.body['message'])}`);
    }
  }

  /** Told before, by this controller or by another. */
  async #countUp(name: string, more: number): Promise<void> {
    const { code, body } = await this.#client.send({ method: 'GET', path: `${path}/${name}` });
    if (code !== 200) return;
    const count = Number(body['count'] ?? 0) + more;
    const lastTimestamp = new Date().toISOString();
    await this.#client.send({
      method: 'PATCH',
      path: `${path}/${name}`,
      contentType: 'application/merge-patch+json',
      body: { count, lastTimestamp },
    });
  }

  #remember(name: string, told: Told): void {
    this.#told.delete(name);
    this.#told.set(name, told);
    const [oldest] = this.#told.keys();
    if (this.#told.size > limits.eventsKnownMax && oldest !== undefined) this.#told.delete(oldest);
  }

  #bodyOf(name: string, happening: Happening): object {
    const { kind, type, reason, message, uid } = happening;
    const at = new Date().toISOString();
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: 'default' },
      involvedObject: { apiVersion: `${apiGroup}/${apiVersion}`, kind, name: happening.name, uid },
      type,
      reason,
      message: message.length > messageMax ? `${message.slice(0, messageMax - 1)}…` : message,
      source: { component: 'larder-controller' },
      reportingComponent: 'larder.dev/controller',
      reportingInstance: this.#reporter,
      firstTimestamp: at,
      lastTimestamp: at,
    };
  }
}

/** The same for the same about the same object, whoever tells it. */
function eventNameOf({ name, uid, type, reason, message }: Happening): string {
  const digest = createHash('sha256').update([uid, type, reason, message].join('\n')).digest('hex');
  return `${name.slice(0, 200)}.${digest.slice(0, 16)}`;
}
