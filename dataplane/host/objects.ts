/**
 * The objects of `larder.dev` on the Kubernetes API. Whatever is read is checked against its
 * schema: an object that somebody bent is refused by name, and the others go on.
 */
import type { z } from 'zod';
import { Fault } from '../base/fault.ts';
import {
  apiGroup,
  apiVersion,
  type Kind,
  kinds,
  type Metadata,
  snapshotObject,
  storageNodeObject,
  volumeObject,
} from '../control/objects.ts';
import type { Log } from '../ports/log.ts';
import type { Changed, Collection, Hint, Mirror, Objects } from '../ports/objects.ts';
import type { KubeAnswer, KubeClient } from './kube-client.ts';
import { KubeMirror } from './kube-mirror.ts';

export function hostObjects(client: KubeClient, log: Log): Objects {
  return {
    volumes: new KubeCollection(client, log, 'Volume', volumeObject),
    storageNodes: new KubeCollection(client, log, 'StorageNode', storageNodeObject),
    snapshots: new KubeCollection(client, log, 'Snapshot', snapshotObject),
  };
}

interface Named {
  readonly metadata: Metadata;
}

class KubeCollection<T extends Named> implements Collection<T> {
  readonly #client: KubeClient;
  readonly #log: Log;
  readonly #kind: Kind;
  readonly #schema: z.ZodType<T>;
  readonly #path: string;

  constructor(client: KubeClient, log: Log, kind: Kind, schema: z.ZodType<T>) {
    this.#client = client;
    this.#log = log;
    this.#kind = kind;
    this.#schema = schema;
    this.#path = collectionPath(kind);
  }

  async get(name: string): Promise<T | undefined> {
    const answer = await this.#client.send({ method: 'GET', path: `${this.#path}/${name}` });
    if (answer.code === 404) return undefined;
    return this.#checked(successful(answer).body);
  }

  async list(): Promise<readonly T[]> {
    const answer = successful(await this.#client.send({ method: 'GET', path: this.#path }));
    const items = Array.isArray(answer.body['items']) ? (answer.body['items'] as unknown[]) : [];
    return items.flatMap((item) => this.#usable(item) ?? []);
  }

  /** Undefined for an object that somebody bent: the others go on. */
  #usable(item: unknown): T | undefined {
    try {
      return this.#checked(item);
    } catch (error) {
      this.#log.warn(String(error));
      return undefined;
    }
  }

  async create(object: T): Promise<Changed<T>> {
    return this.#change('POST', this.#path, object);
  }

  async put(object: T): Promise<Changed<T>> {
    return this.#change('PUT', `${this.#path}/${object.metadata.name}`, object);
  }

  async putStatus(object: T): Promise<Changed<T>> {
    return this.#change('PUT', `${this.#path}/${object.metadata.name}/status`, object);
  }

  async remove({ metadata }: T): Promise<Changed<undefined>> {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: metadata.uid } };
    const path = `${this.#path}/${metadata.name}`;
    const answer = await this.#client.send({ method: 'DELETE', path, body }).catch(silent);
    if (answer === undefined) return { kind: 'unknown' };
    if (answer.code < 300 || answer.code === 404) return { kind: 'written', object: undefined };
    return refusal(answer);
  }

  mirror(onHint: Hint<T>, only?: string): Mirror<T> {
    const onBroken = (why: string) => {
      this.#log.warn(why);
    };
    const parse = (item: unknown) => this.#usable(item);
    const selector = only === undefined ? '' : encodeURIComponent(`metadata.name=${only}`);
    const path = selector === '' ? this.#path : `${this.#path}?fieldSelector=${selector}`;
    return new KubeMirror<T>(this.#client, { path, parse, onHint, onBroken });
  }

  async #change(method: 'POST' | 'PUT', path: string, object: T): Promise<Changed<T>> {
    const body = { apiVersion: `${apiGroup}/${apiVersion}`, kind: this.#kind, ...object };
    // A new object has no version, and an empty one is refused.
    const { resourceVersion, uid, ...metadata } = object.metadata;
    const sent = method === 'POST' ? { ...body, metadata } : { ...body, metadata: object.metadata };
    if (method === 'PUT' && (resourceVersion === '' || uid === '')) {
      throw new Error(`${path}: a change needs the version that was read`);
    }
    const answer = await this.#client.send({ method, path, body: sent }).catch(silent);
    if (answer === undefined) return { kind: 'unknown' };
    if (answer.code < 300) return { kind: 'written', object: this.#checked(answer.body) };
    return refusal(answer);
  }

  #checked(value: unknown): T {
    const result = this.#schema.safeParse(value);
    if (result.success) return result.data;
    const name = (value as { metadata?: { name?: string } }).metadata?.name ?? 'without a name';
    const issues = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Fault(
      'input.invalid',
      `The ${this.#kind} ${name} is not as it should be: ${issues.join('; ')}`,
      { hint: 'Somebody edited it, or a newer version wrote it. Put the named fields right.' },
    );
  }
}

export function collectionPath(kind: Kind): string {
  return `/apis/${apiGroup}/${apiVersion}/${kinds[kind].plural}`;
}

/** A question that must have an answer. */
function successful(answer: KubeAnswer): KubeAnswer {
  if (answer.code === 200) return answer;
  throw new Fault('cluster.unreachable', `The API server answered ${described(answer)}.`, {
    retriable: true,
    hint: 'Forbidden: look at the roles of this service account. Not found: are the CRDs installed?',
  });
}

function refusal(
  answer: KubeAnswer,
):
  | { readonly kind: 'conflict' | 'unknown' }
  | { readonly kind: 'refused'; readonly message: string } {
  if (answer.code === 409 || answer.code === 404) return { kind: 'conflict' };
  // A server in trouble may have done it.
  if (answer.code >= 500) return { kind: 'unknown' };
  return { kind: 'refused', message: described(answer) };
}

function described({ code, body }: KubeAnswer): string {
  return typeof body['message'] === 'string' ? `${code}: ${body['message']}` : String(code);
}

function silent(error: unknown): undefined {
  if (error instanceof Fault) return undefined;
  throw error;
}
