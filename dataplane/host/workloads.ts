/** Pods and volumes of a node on the Kubernetes API. What is read is checked field by field. */
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import { failOverAnnotation, type PodOnNode } from '../control/fail-over.ts';
import type { Workloads } from '../ports/workloads.ts';
import type { KubeAnswer, KubeClient } from './kube-client.ts';

const metadata = z.object({
  name: z.string(),
  namespace: z.string().default(''),
  uid: z.string(),
  deletionTimestamp: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

const nodeSchema = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  status: z.object({
    volumesInUse: z.array(z.string()).default([]),
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
  }),
});

const podSchema = z.object({
  metadata,
  spec: z.object({
    volumes: z
      .array(
        z.looseObject({
          name: z.string(),
          persistentVolumeClaim: z.object({ claimName: z.string() }).optional(),
          ephemeral: z.object({}).optional(),
        }),
      )
      .default([]),
  }),
});

const claimSchema = z.object({ spec: z.object({ volumeName: z.string().default('') }) });

const volumeSchema = z.object({
  spec: z.object({
    csi: z.object({ driver: z.string(), volumeHandle: z.string() }).optional(),
  }),
});

/** Kinds of volumes that nobody but the pod's own node can reach, or that are read only. */
const nodesOwn: ReadonlySet<string> = new Set(
  'configMap downwardAPI emptyDir gitRepo hostPath image projected secret'.split(' '),
);

export class KubeWorkloads implements Workloads {
  readonly #client: Pick<KubeClient, 'send'>;
  readonly #driver: string;
  /** How Kubernetes names a volume of ours. */
  readonly #prefix: string;

  /** @param driver name of ours */
  constructor(client: Pick<KubeClient, 'send'>, driver: string) {
    this.#client = client;
    this.#driver = driver;
    this.#prefix = `kubernetes.io/csi/${driver}^`;
  }

  async isUnknown(node: string): Promise<boolean> {
    const found = await this.#nodeNamed(node);
    // A node that was deleted runs nothing that Kubernetes would know of.
    if (found === undefined) return true;
    const { conditions } = found.status;
    return conditions.some(({ type, status }) => type === 'Ready' && status === 'Unknown');
  }

  async podsOn(node: string): Promise<readonly PodOnNode[]> {
    const only = encodeURIComponent(`spec.nodeName=${node}`);
    const items = await this.#list(`/api/v1/pods?fieldSelector=${only}`);
    return Promise.all(items.map(async (item) => this.#podOf(podSchema.parse(item))));
  }

  async inUseOn(node: string): Promise<readonly string[]> {
    const found = await this.#nodeNamed(node);
    return (found?.status.volumesInUse ?? [])
      .filter((each) => each.startsWith(this.#prefix))
      .map((each) => each.slice(this.#prefix.length));
  }

  async endPod({ namespace, name, uid }: PodOnNode): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const options = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } };
    const body = { ...options, gracePeriodSeconds: 0 };
    const answer = await this.#client.send({ method: 'DELETE', path, body });
    // Gone already, or another of the same name: looked at again.
    if (answer.code === 404 || answer.code === 409) return;
    answered(path, answer.code, answer.body);
  }

  /** On the version that was read: should the node be back, it has said so anew. */
  async release(node: string, volume: string): Promise<void> {
    const found = await this.#nodeNamed(node);
    if (found === undefined) return;
    const path = `${nodePath(node)}/status`;
    const value = found.status.volumesInUse.filter((each) => each !== this.#prefix + volume);
    const { code, body } = await this.#client.send({
      method: 'PATCH',
      path,
      contentType: 'application/json-patch+json',
      body: [
        { op: 'test', path: '/metadata/resourceVersion', value: found.metadata.resourceVersion },
        { op: 'replace', path: '/status/volumesInUse', value },
      ],
    });
    // Changed meanwhile: looked at again.
    if (code === 409 || code === 422) return;
    answered(path, code, body);
  }

  async #nodeNamed(node: string): Promise<z.output<typeof nodeSchema> | undefined> {
    const body = await this.#get(nodePath(node));
    return body === undefined ? undefined : nodeSchema.parse(body);
  }

  async #podOf({ metadata: meta, spec }: z.output<typeof podSchema>): Promise<PodOnNode> {
    const { namespace, name, uid, deletionTimestamp, annotations } = meta;
    const volumes: string[] = [];
    const otherStorage: string[] = [];
    for (const { name: called, persistentVolumeClaim, ephemeral, ...kinds } of spec.volumes) {
      const generated = ephemeral === undefined ? undefined : `${name}-${called}`;
      const claim = persistentVolumeClaim?.claimName ?? generated;
      if (claim === undefined) {
        // Written into the pod without a claim: nfs, iscsi, csi, and what is yet to come.
        const foreign = Object.keys(kinds).find((kind) => !nodesOwn.has(kind));
        if (foreign !== undefined) otherStorage.push(`${called} (${foreign})`);
        continue;
      }
      const volume = await this.#volumeOf(namespace, claim);
      if (volume === undefined) otherStorage.push(claim);
      else volumes.push(volume);
    }
    const isEnding = deletionTimestamp !== undefined;
    const mayFailOver = annotations?.[failOverAnnotation] !== 'never';
    return { namespace, name, uid, isEnding, mayFailOver, volumes, otherStorage };
  }

  /** Our volume behind a claim; undefined when it is another's, or cannot be told. */
  async #volumeOf(namespace: string, claim: string): Promise<string | undefined> {
    const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`;
    const body = await this.#get(path);
    if (body === undefined) return undefined;
    const { volumeName } = claimSchema.parse(body).spec;
    return volumeName === '' ? undefined : this.#handleOf(volumeName);
  }

  async #handleOf(persistentVolume: string): Promise<string | undefined> {
    const body = await this.#get(`/api/v1/persistentvolumes/${persistentVolume}`);
    if (body === undefined) return undefined;
    const { csi } = volumeSchema.parse(body).spec;
    return csi?.driver === this.#driver ? csi.volumeHandle : undefined;
  }

  async #get(path: string): Promise<KubeAnswer['body'] | undefined> {
    const { code, body } = await this.#client.send({ method: 'GET', path });
    if (code === 404) return undefined;
    return answered(path, code, body);
  }

  async #list(path: string): Promise<readonly unknown[]> {
    const { code, body } = await this.#client.send({ method: 'GET', path });
    const { items } = answered(path, code, body);
    return Array.isArray(items) ? (items as unknown[]) : [];
  }
}

function nodePath(node: string): string {
  return `/api/v1/nodes/${encodeURIComponent(node)}`;
}

function answered(path: string, code: number, body: KubeAnswer['body']): KubeAnswer['body'] {
  if (code < 300) return body;
  throw new Fault('cluster.unreachable', `${path}: ${code} ${String(body['message'])}`, {
    retriable: true,
    hint: 'Forbidden: look at the roles of the service account larder-controller.',
  });
}
