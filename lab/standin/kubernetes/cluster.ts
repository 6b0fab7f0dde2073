/**
 * The objects of one cluster: get, list, create, apply, replace, patch, delete, by kind and name.
 * Knows paths and query parameters; knows nothing of Pulumi.
 */
import { type ApiClient, patchType } from './api-client.ts';
import { isNotFound, isOvertaken } from './api-failure.ts';
import { type Discovery, pathOf } from './discovery.ts';
import { type GroupVersionKind, kindOf } from './kind.ts';
import { type KubeObject, listAt, nameOf, namespaceOf, textAt } from './object.ts';

const applyAttemptsMax = 5;

export interface WriteOptions {
  readonly fieldManager: string;
  /** Let the server validate and default the object without storing it. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

export interface ObjectReference {
  readonly kind: GroupVersionKind;
  readonly namespace: string;
  readonly name: string;
}

export interface ListSelection {
  readonly kind: GroupVersionKind;
  readonly namespace: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export function referenceTo(object: KubeObject): ObjectReference {
  return { kind: kindOf(object), namespace: namespaceOf(object), name: nameOf(object) };
}

export class Cluster {
  readonly #client: ApiClient;
  readonly discovery: Discovery;

  constructor(client: ApiClient, discovery: Discovery) {
    this.#client = client;
    this.discovery = discovery;
  }

  async get(reference: ObjectReference, signal: AbortSignal): Promise<KubeObject> {
    return this.#client.send({ method: 'GET', path: await this.#path(reference), signal });
  }

  /** Undefined when the object is not there. */
  async find(reference: ObjectReference, signal: AbortSignal): Promise<KubeObject | undefined> {
    try {
      return await this.get(reference, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async list(selection: ListSelection, signal: AbortSignal): Promise<readonly KubeObject[]> {
    const { labelSelector, fieldSelector } = selection;
    const path = await this.#path({ ...selection, name: '' });
    const query = { labelSelector, fieldSelector };
    return listAt(await this.#client.send({ method: 'GET', path, query, signal }), 'items');
  }

  async create(object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    const reference = { ...referenceTo(object), name: '' };
    return this.#client.send({
      method: 'POST',
      path: await this.#path(reference),
      query: writeQuery(options),
      body: object,
      signal: options.signal,
    });
  }

  /**
   * Server-side apply. `force` takes fields that other managers own; without it they conflict. What
   * names no version is sent again when a status was written in between, as that of a Deployment
   * whose pods crash: the server gives up after five tries of its own.
   */
  async apply(
    object: KubeObject,
    options: WriteOptions & { readonly force: boolean },
  ): Promise<KubeObject> {
    const request = {
      method: 'PATCH',
      path: await this.#path(referenceTo(object)),
      query: { ...writeQuery(options), force: String(options.force) },
      body: object,
      contentType: patchType.apply,
      signal: options.signal,
    } as const;
    const hasVersion = textAt(object, 'metadata', 'resourceVersion') !== '';
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#client.send(request);
      } catch (error) {
        if (hasVersion || attempt === applyAttemptsMax || !isOvertaken(error)) throw error;
      }
    }
  }

  /** Replaces the whole object; its `resourceVersion` must be the current one. */
  async replace(object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    return this.#client.send({
      method: 'PUT',
      path: await this.#path(referenceTo(object)),
      query: writeQuery(options),
      body: object,
      signal: options.signal,
    });
  }

  /** RFC 7386: keys of `patch` replace those of the object, null removes them. */
  async merge(
    reference: ObjectReference,
    patch: KubeObject,
    options: WriteOptions,
  ): Promise<KubeObject> {
    return this.#client.send({
      method: 'PATCH',
      path: await this.#path(reference),
      query: writeQuery(options),
      body: patch,
      contentType: patchType.merge,
      signal: options.signal,
    });
  }

  /** RFC 6902 operations, all or none. */
  async patch(
    reference: ObjectReference,
    operations: readonly KubeObject[],
    signal: AbortSignal,
  ): Promise<KubeObject> {
    return this.#client.send({
      method: 'PATCH',
      path: await this.#path(reference),
      body: operations,
      contentType: patchType.json,
      signal,
    });
  }

  async delete(
    reference: ObjectReference,
    propagationPolicy: string,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#client.send({
      method: 'DELETE',
      path: await this.#path(reference),
      body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy },
      signal,
    });
  }

  async #path(reference: ObjectReference): Promise<string> {
    const resource = await this.discovery.resource(reference.kind);
    return pathOf(resource, reference.namespace, reference.name);
  }
}

function writeQuery(options: WriteOptions): Record<string, string | undefined> {
  return { fieldManager: options.fieldManager, dryRun: options.dryRun ? 'All' : undefined };
}
