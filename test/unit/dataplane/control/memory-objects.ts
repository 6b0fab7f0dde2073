/**
 * The twin of the API server for objects: versions, finalizers, and one call that goes wrong in a
 * chosen way. Like the real one it forgets nothing and answers with copies.
 */
import { Fault } from '../../../../dataplane/base/fault.ts';
import type {
  Metadata,
  SnapshotObject,
  StorageNodeObject,
} from '../../../../dataplane/control/objects.ts';
import type { VolumeObject } from '../../../../dataplane/control/objects.ts';
import type {
  Changed,
  Collection,
  Hint,
  Mirror,
  Objects,
} from '../../../../dataplane/ports/objects.ts';

export type Mishap =
  /** The request never arrives. */
  | 'lost request'
  /** It has its effect, and nobody hears of it. */
  | 'lost answer'
  /** Somebody wrote just before. */
  | 'conflict';

export class MemoryObjects implements Objects {
  readonly volumes: MemoryCollection<VolumeObject>;
  readonly storageNodes: MemoryCollection<StorageNodeObject>;
  readonly snapshots: MemoryCollection<SnapshotObject>;
  /** Calls so far. */
  calls = 0;
  /** The call that goes wrong, counted from 1; 0 for none. */
  mishapAt = 0;
  mishap: Mishap = 'conflict';

  constructor() {
    this.volumes = new MemoryCollection(this);
    this.storageNodes = new MemoryCollection(this);
    this.snapshots = new MemoryCollection(this);
  }

  next(): Mishap | undefined {
    this.calls += 1;
    return this.calls === this.mishapAt ? this.mishap : undefined;
  }
}

interface Stored {
  readonly metadata: Metadata;
  readonly status: object;
}

export class MemoryCollection<T extends Stored> implements Collection<T> {
  readonly #owner: MemoryObjects;
  readonly #held = new Map<string, T>();
  #version = 0;

  constructor(owner: MemoryObjects) {
    this.#owner = owner;
  }

  /** Past every mishap, for the other actors of a test. */
  get all(): readonly T[] {
    return structuredClone([...this.#held.values()]);
  }

  /** Writes as somebody else would, on the newest version. */
  force(object: T): void {
    this.#keep(object);
  }

  async get(name: string): Promise<T | undefined> {
    if (this.#owner.next() !== undefined) throw away();
    return structuredClone(this.#held.get(name));
  }

  async list(): Promise<readonly T[]> {
    if (this.#owner.next() !== undefined) throw away();
    return this.all;
  }

  async create(object: T): Promise<Changed<T>> {
    return this.#change(object, (held) => held === undefined, object);
  }

  async put(object: T): Promise<Changed<T>> {
    return this.#change(object, sameVersion(object), object);
  }

  async putStatus(object: T): Promise<Changed<T>> {
    return this.#change(object, sameVersion(object), object);
  }

  async remove(object: T): Promise<Changed<undefined>> {
    const same = (held: T | undefined) => held?.metadata.uid === object.metadata.uid;
    const metadata = { ...object.metadata, deletionTimestamp: 'now' };
    const outcome = await this.#change(object, same, { ...object, metadata });
    return outcome.kind === 'written' ? { kind: 'written', object: undefined } : outcome;
  }

  /** Never behind; a mirror that is behind is what a conflict looks like. */
  mirror(_onHint: Hint<T>, only?: string): Mirror<T> {
    return {
      all: async () =>
        (await this.list()).filter(({ metadata }) => only === undefined || metadata.name === only),
      learn: () => {},
      [Symbol.dispose]: () => {},
    };
  }

  async #change(
    object: T,
    allowed: (held: T | undefined) => boolean,
    next: T,
  ): Promise<Changed<T>> {
    const mishap = this.#owner.next();
    if (mishap === 'lost request') return { kind: 'unknown' };
    if (mishap === 'conflict' || !allowed(this.#held.get(object.metadata.name))) {
      return { kind: 'conflict' };
    }
    const kept = this.#keep(next);
    return mishap === 'lost answer' ? { kind: 'unknown' } : { kind: 'written', object: kept };
  }

  #keep(object: T): T {
    this.#version += 1;
    const { metadata } = object;
    const uid = metadata.uid === '' ? `uid-${this.#version}` : metadata.uid;
    const kept = {
      ...structuredClone(object),
      metadata: { ...metadata, uid, resourceVersion: String(this.#version) },
    };
    const ended =
      metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
    if (ended) this.#held.delete(metadata.name);
    else this.#held.set(metadata.name, kept);
    return structuredClone(kept);
  }
}

const sameVersion =
  <T extends Stored>(object: T) =>
  (held: T | undefined) =>
    held?.metadata.resourceVersion === object.metadata.resourceVersion;

function away(): Fault {
  return new Fault('cluster.unreachable', 'The API server is away.', { retriable: true });
}
