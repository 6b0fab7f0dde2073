/**
 * A copy of all objects of one kind, kept up by a watch: read as often as one likes for the price
 * of what changes. It is valid while the watch is open and was compared with a full list not long
 * ago; otherwise the next reader lists. Late, but never ahead, and never back behind what it
 * showed.
 */
import { Fault } from '../base/fault.ts';
import type { Metadata } from '../control/objects.ts';
import type { Hint, Mirror } from '../ports/objects.ts';
import type { KubeClient } from './kube-client.ts';

/** A watch may lose what its server forgot; so long it may stay unnoticed. */
const listAgainMs = 120_000;
/** After a watch broke, before the next. */
const watchAgainMs = 1_000;

export interface MirrorOptions<T> {
  readonly path: string;
  /** Undefined for an object that cannot be used. */
  readonly parse: (item: unknown) => T | undefined;
  readonly onHint: Hint<T>;
  readonly onBroken: (why: string) => void;
}

export class KubeMirror<T extends { readonly metadata: Metadata }> implements Mirror<T> {
  readonly #client: KubeClient;
  readonly #options: MirrorOptions<T>;
  readonly #abort = new AbortController();
  #known = new Map<string, T>();
  /** From which the watch goes on; empty before the first list. */
  #version = '';
  #isOpen = false;
  #listedMs = -Infinity;
  #listing: Promise<void> | undefined;

  constructor(client: KubeClient, options: MirrorOptions<T>) {
    this.#client = client;
    this.#options = options;
    void this.#follow();
  }

  async all(): Promise<readonly T[]> {
    if (!this.#isOpen || performance.now() >= this.#listedMs + listAgainMs) {
      this.#listing ??= this.#list().finally(() => {
        this.#listing = undefined;
      });
      await this.#listing;
    }
    return [...this.#known.values()];
  }

  learn(object: T): void {
    this.#take(object);
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
  }

  async #list(): Promise<void> {
    const { path, parse } = this.#options;
    const { code, body } = await this.#client.send({ method: 'GET', path });
    const { items, metadata } = body as {
      items?: readonly unknown[];
      metadata?: { resourceVersion?: string };
    };
    const version = metadata?.resourceVersion ?? '';
    if (code !== 200 || items === undefined || version === '') {
      throw new Fault('cluster.unreachable', `${path}: the API server answered ${code}.`, {
        retriable: true,
        hint: 'Forbidden: look at the roles of this service account. Not found: are the CRDs there?',
      });
    }
    const listed = items.flatMap((item) => parse(item) ?? []);
    const names = new Set(listed.map(({ metadata: { name } }) => name));
    for (const [name, known] of this.#known) {
      // What was written after the list was made is not in it yet.
      if (!names.has(name) && !isNewer(known.metadata.resourceVersion, version)) {
        this.#known.delete(name);
      }
    }
    for (const object of listed) this.#take(object);
    if (isNewer(version, this.#version)) this.#version = version;
    this.#listedMs = performance.now();
  }

  /** True when it is news. */
  #take(object: T): boolean {
    const { name, resourceVersion } = object.metadata;
    const known = this.#known.get(name);
    if (known !== undefined && !isNewer(resourceVersion, known.metadata.resourceVersion)) {
      return false;
    }
    this.#known.set(name, object);
    return true;
  }

  async #follow(): Promise<void> {
    const { path, onHint, onBroken } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        if (this.#version === '') await this.#list();
        const from = `resourceVersion=${this.#version}&allowWatchBookmarks=true`;
        const query = `${path}${path.includes('?') ? '&' : '?'}${from}`;
        for await (const event of this.#client.watch(query, signal, () => {
          this.#isOpen = true;
        })) {
          if (!this.#apply(event)) break;
        }
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        if (!signal.aborted) onBroken(`the watch of ${path} broke: ${error.message}`);
      }
      this.#isOpen = false;
      await new Promise((resolve) => {
        setTimeout(resolve, watchAgainMs).unref();
      });
      if (!signal.aborted) onHint();
    }
  }

  /** False when the watch has to begin again. */
  #apply(event: Record<string, unknown>): boolean {
    const { type, object } = event as { type?: string; object?: { metadata?: Metadata } };
    const metadata = object?.metadata;
    if (type === 'ERROR' || metadata === undefined) {
      this.#version = '';
      return false;
    }
    const before = this.#known.get(metadata.name);
    this.#version = metadata.resourceVersion;
    if (type === 'BOOKMARK') return true;
    if (type === 'DELETED') {
      if (before?.metadata.uid === metadata.uid) this.#known.delete(metadata.name);
      this.#options.onHint(undefined, before);
      return true;
    }
    const parsed = this.#options.parse(object);
    if (parsed === undefined) this.#known.delete(metadata.name);
    else if (!this.#take(parsed)) return true;
    this.#options.onHint(parsed, before);
    return true;
  }
}

/** Versions of custom resources are numbers that only grow. */
function isNewer(version: string, than: string): boolean {
  if (than === '' || version === '') return true;
  return BigInt(version) > BigInt(than);
}
