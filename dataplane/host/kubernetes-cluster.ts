/**
 * The configuration manager on Kubernetes: the record is `status.record` of the `Volume`, its
 * version the object's `resourceVersion`. A read is answered by etcd's quorum, a swap is one
 * request that names the version it was decided on and is never repeated here.
 *
 * Anybody's write to the object makes a swap a conflict; the engine then reads and decides anew.
 */
import { Fault } from '../base/fault.ts';
import { laidOver } from '../control/conditions.ts';
import { recordSchema, wishSchema, volumeObject } from '../control/objects.ts';
import type { Cluster, SwapOutcome, VersionedRecord, VolumeFinding } from '../ports/cluster.ts';
import type { VolumeRecord } from '../volume/record.ts';
import type { KubeClient } from './kube-client.ts';
import { watchPath } from './kube-watch.ts';
import { collectionPath } from './objects.ts';

export class KubernetesCluster implements Cluster {
  readonly #client: KubeClient;
  /** UID of the object: another volume of the same name is another volume. */
  #uid: string | undefined;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  async read(volume: string): Promise<VersionedRecord> {
    // Without a resourceVersion in the request the server may not answer from its cache.
    const { code, body } = await this.#client.send({ method: 'GET', path: pathOf(volume) });
    if (code !== 200) throw unusable(volume, `the API server answered ${code}`);
    const { metadata, spec, status } = body as {
      metadata?: { uid?: string; resourceVersion?: string };
      spec?: unknown;
      status?: { record?: unknown };
    };
    const version = metadata?.resourceVersion ?? '';
    const uid = metadata?.uid ?? '';
    if (this.#uid !== undefined && this.#uid !== uid) {
      throw unusable(volume, 'it is another volume of the same name than the one opened here');
    }
    const record = recordSchema.safeParse(status?.record);
    if (!record.success || version === '') throw unusable(volume, 'it holds no complete record');
    if (record.data.volume !== volume) throw unusable(volume, `it is about ${record.data.volume}`);
    this.#uid = uid;
    const wish = wishSchema.safeParse(spec);
    return { version, record: record.data, ...(wish.success ? { wish: wish.data } : {}) };
  }

  async swap(volume: string, expected: string, next: VolumeRecord): Promise<SwapOutcome> {
    try {
      const { code, body } = await this.#client.send({
        method: 'PATCH',
        path: `${pathOf(volume)}/status`,
        contentType: 'application/json-patch+json',
        body: [
          // The server compares what is put here with what it holds, and answers 409.
          { op: 'replace', path: '/metadata/resourceVersion', value: expected },
          { op: 'replace', path: '/status/record', value: next },
        ],
      });
      const version = (body as { metadata?: { resourceVersion?: string } }).metadata
        ?.resourceVersion;
      if (code === 200 && version !== undefined) return { kind: 'written', version };
      if (code === 409) return { kind: 'conflict' };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
    return { kind: 'unknown' };
  }

  /** A condition of the volume, beside those that others write. */
  async report(volume: string, finding: VolumeFinding): Promise<void> {
    for (let attempt = 1; attempt <= reportsMax; attempt += 1) {
      const found = await this.#client.send({ method: 'GET', path: pathOf(volume) });
      const read = volumeObject.safeParse(found.body);
      if (found.code !== 200 || !read.success) {
        throw unusable(volume, `the API server answered ${found.code}`);
      }
      const { metadata, status } = read.data;
      const value = laidOver(status.conditions, [finding], new Date().toISOString());
      const { code } = await this.#client.send({
        method: 'PATCH',
        path: `${pathOf(volume)}/status`,
        contentType: 'application/json-patch+json',
        body: [
          { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
          { op: 'add', path: '/status/conditions', value },
        ],
      });
      if (code === 200) return;
    }
    throw unusable(volume, 'others keep writing it');
  }

  watch(volume: string, onHint: () => void): Disposable {
    const only = encodeURIComponent(`metadata.name=${volume}`);
    return watchPath(this.#client, `${collectionPath('Volume')}?fieldSelector=${only}`, onHint);
  }
}

/** Attempts at a report that others keep coming before. */
const reportsMax = 8;

function pathOf(volume: string): string {
  return `${collectionPath('Volume')}/${encodeURIComponent(volume)}`;
}

function unusable(volume: string, why: string): Fault {
  return new Fault('cluster.unreachable', `The record of ${volume} cannot be used: ${why}.`, {
    retriable: true,
    hint: `kubectl get lvol ${volume} -o yaml shows it`,
  });
}
