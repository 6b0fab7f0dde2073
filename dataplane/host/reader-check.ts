/**
 * Who may read metrics: whoever Kubernetes knows by the token and allows to GET `/metrics`. Both
 * are asked of the API server, as for its own parts; an answer holds for a minute, and for as long
 * as the API server is away, so that an outage can be watched.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import type { KubeClient } from './kube-client.ts';

const keptMs = 60_000;
const keptMax = 32;
/** Strangers cost the API server no more than this at a time. */
const askingMax = 4;

const reviewSchema = z.object({
  status: z
    .object({
      authenticated: z.boolean().default(false),
      user: z
        .object({
          username: z.string().default(''),
          groups: z.array(z.string()).default([]),
        })
        .prefault({}),
    })
    .prefault({}),
});

const accessSchema = z.object({
  status: z.object({ allowed: z.boolean().default(false) }).prefault({}),
});

export class ReaderCheck {
  readonly #client: KubeClient;
  /** By the hash of the token: the token itself is kept nowhere. */
  readonly #known = new Map<string, { readonly allowed: boolean; readonly atMs: number }>();
  #asking = 0;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Rejects with `cluster.unreachable` when it cannot be found out. */
  async allows(token: string): Promise<boolean> {
    const key = createHash('sha256').update(token).digest('hex');
    const known = this.#known.get(key);
    if (known !== undefined && performance.now() < known.atMs + keptMs) return known.allowed;
    if (this.#asking >= askingMax) {
      throw new Fault('cluster.unreachable', 'Too many ask at once.', { retriable: true });
    }
    this.#asking += 1;
    try {
      const allowed = await this.#ask(token);
      this.#known.delete(key);
      const [oldest] = this.#known.keys();
      if (this.#known.size >= keptMax && oldest !== undefined) this.#known.delete(oldest);
      this.#known.set(key, { allowed, atMs: performance.now() });
      return allowed;
    } catch (error) {
      if (error instanceof Fault && known !== undefined) return known.allowed;
      throw error;
    } finally {
      this.#asking -= 1;
    }
  }

  async #ask(token: string): Promise<boolean> {
    const { status } = reviewSchema.parse(
      await this.#post('authentication.k8s.io/v1', 'TokenReview', { token }),
    );
    if (!status.authenticated) return false;
    const { username, groups } = status.user;
    const nonResourceAttributes = { path: '/metrics', verb: 'get' };
    const spec = { user: username, groups, nonResourceAttributes };
    const access = await this.#post('authorization.k8s.io/v1', 'SubjectAccessReview', spec);
    return accessSchema.parse(access).status.allowed;
  }

  async #post(apiVersion: string, kind: string, spec: object): Promise<unknown> {
    const path = `/apis/${apiVersion}/${kind.toLowerCase()}s`;
    const answer = await this.#client.send({
      method: 'POST',
      path,
      body: { apiVersion, kind, spec },
    });
    if (answer.code === 201) return answer.body;
    throw new Fault('cluster.unreachable', `${kind} was answered ${answer.code}.`, {
      retriable: true,
      hint: 'Forbidden: the roles of this service account are not of this version.',
    });
  }
}
