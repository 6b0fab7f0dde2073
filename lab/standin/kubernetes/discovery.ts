/**
 * Where the API server keeps objects of a kind: asked once for each group and version, and again
 * when a kind is not found, because a CRD may have brought it in the meantime.
 */
import type { ApiClient } from './api-client.ts';
import { isNotFound, NoSuchKind, Unreachable } from './api-failure.ts';
import { apiVersionOf, type GroupVersionKind, isNamespacedOffline, kindText } from './kind.ts';
import { listAt, textAt } from './object.ts';

export interface Resource {
  /** For example `/apis/apps/v1`. */
  readonly root: string;
  /** For example `deployments`. */
  readonly plural: string;
  readonly isNamespaced: boolean;
}

type Kinds = ReadonlyMap<string, Resource>;

export class Discovery {
  readonly #client: ApiClient;
  readonly #groups = new Map<string, Promise<Kinds>>();

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** Throws `NoSuchKind` when the server does not know the kind. */
  async resource(kind: GroupVersionKind): Promise<Resource> {
    const apiVersion = apiVersionOf(kind);
    const cached = await this.#kinds(apiVersion);
    const known = cached.get(kind.kind);
    if (known !== undefined) return known;
    this.#groups.delete(apiVersion);
    const fresh = (await this.#kinds(apiVersion)).get(kind.kind);
    if (fresh === undefined) throw new NoSuchKind(kindText(kind));
    return fresh;
  }

  /** Undefined when the kind is not served and not one that every Kubernetes has. */
  async isNamespaced(kind: GroupVersionKind): Promise<boolean | undefined> {
    try {
      return (await this.resource(kind)).isNamespaced;
    } catch (error) {
      // A server that has just fallen silent is the trouble of whoever needs it, not of a name.
      const isUnanswered = error instanceof NoSuchKind || error instanceof Unreachable;
      if (isUnanswered) return isNamespacedOffline(kind);
      throw error;
    }
  }

  async exists(kind: GroupVersionKind): Promise<boolean> {
    try {
      await this.resource(kind);
      return true;
    } catch (error) {
      if (error instanceof NoSuchKind) return false;
      throw error;
    }
  }

  #kinds(apiVersion: string): Promise<Kinds> {
    const running = this.#groups.get(apiVersion);
    if (running !== undefined) return running;
    const asked = this.#ask(apiVersion).catch((error: unknown) => {
      this.#groups.delete(apiVersion);
      throw error;
    });
    this.#groups.set(apiVersion, asked);
    return asked;
  }

  async #ask(apiVersion: string): Promise<Kinds> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const kinds = new Map<string, Resource>();
    try {
      // No signal: several callers wait for one answer, and none of them may give up for the
      // others.
      const list = await this.#client.send({ method: 'GET', path: root });
      for (const entry of listAt(list, 'resources')) {
        const plural = textAt(entry, 'name');
        // `pods/log` and its like are parts of objects, not kinds.
        if (plural.includes('/')) continue;
        kinds.set(textAt(entry, 'kind'), {
          root,
          plural,
          isNamespaced: entry['namespaced'] === true,
        });
      }
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return kinds;
  }
}

/** The path of one object, or of the collection when `name` is empty. */
export function pathOf(resource: Resource, namespace: string, name: string): string {
  const inNamespace = resource.isNamespaced
    ? `/namespaces/${encodeURIComponent(namespace === '' ? 'default' : namespace)}`
    : '';
  const tail = name === '' ? '' : `/${encodeURIComponent(name)}`;
  return `${resource.root}${inNamespace}/${resource.plural}${tail}`;
}
