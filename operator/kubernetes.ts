/** A cluster as the commands see it, by the data plane's own client and a person's kubeconfig. */
import type { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';
import { readKubeconfig } from '../components/cluster/kubeconfig.ts';
import { Fault } from '../dataplane/base/fault.ts';
import { apiGroup, apiVersion } from '../dataplane/control/objects.ts';
import { type KubeAnswer, KubeClient } from '../dataplane/host/kube-client.ts';
import { collectionPath, hostObjects } from '../dataplane/host/objects.ts';
import type { Objects } from '../dataplane/ports/objects.ts';
import type { Changed } from '../dataplane/ports/objects.ts';
import type { Claim, ClusterNode, ClusterView, OwnPod } from './cluster-view.ts';

const driver = 'csi.larder.dev';
const namespace = 'larder-system';
const outOfService = 'node.kubernetes.io/out-of-service';

/**
 * Throws `input.invalid` when no such cluster is known or Larder is not in it,
 * `cluster.unreachable` when it does not answer.
 */
export async function connect(
  wanted: { readonly kubeconfig: string | undefined; readonly context: string | undefined },
  environment: Readonly<Record<string, string | undefined>>,
  folder: string,
): Promise<ClusterView> {
  const around = { env: environment, projectFolder: folder };
  const read = readKubeconfig({ file: wanted.kubeconfig, context: wanted.context }, around);
  if ('problem' in read) {
    const { found, allowed, todo } = read.problem;
    throw new Fault('input.invalid', `No cluster is known: found ${found}; expected ${allowed}.`, {
      hint: todo.replaceAll('larder:cluster.kubeconfig', '--kubeconfig'),
    });
  }
  const { config } = read;
  const server = config.getCurrentCluster()?.server ?? '';
  const cluster = config.getCurrentContext();
  const client = new KubeClient({ server, identify: identifying(config) });
  await findLarder(client, cluster, server);
  return new KubernetesView(client, cluster);
}

/** Once a run: a helper that mints tokens may take seconds, or ask a question. */
function identifying(config: KubeConfig) {
  let identity: Promise<object> | undefined;
  return async (options: { headers?: unknown }) => {
    const learn = async () => {
      const learned = {};
      await config.applyToHTTPSOptions(learned);
      return learned;
    };
    const { headers, ...rest } = (await (identity ??= learn())) as { headers?: object };
    const asked = options.headers as object;
    Object.assign(options, rest, { headers: { ...headers, ...asked } });
  };
}

/** Whether the kinds are there at all, said in words that lead on. */
async function findLarder(client: KubeClient, cluster: string, server: string): Promise<void> {
  let answer: KubeAnswer;
  try {
    answer = await client.send({ method: 'GET', path: `/apis/${apiGroup}/${apiVersion}` });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(
      'cluster.unreachable',
      `The cluster ${cluster} does not answer. ${error.message}`,
      {
        hint: 'Is it on, and is this its address? --context names another one; npm start runs a lab.',
        cause: error,
      },
    );
  }
  if (answer.code === 200) return;
  const said = saidBy(answer);
  if (answer.code === 404) {
    throw new Fault(
      'input.invalid',
      `The cluster ${cluster} (${server}) has no objects of ${apiGroup}: no tier with engine: larder was ever declared there.`,
      { hint: 'docs/components/replicated-tier.md says how; --context names another cluster.' },
    );
  }
  throw new Fault(
    'cluster.unreachable',
    `The cluster ${cluster} answered ${answer.code}: ${said}`,
    {
      hint: 'This user of the kubeconfig may not read it: use one that may, or export it again.',
    },
  );
}

const taints = z
  .array(z.looseObject({ key: z.string(), effect: z.string().default('') }))
  .default([]);
const conditions = z
  .array(z.object({ type: z.string(), status: z.string(), message: z.string().default('') }))
  .default([]);

const nodeSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({ unschedulable: z.boolean().default(false), taints }).prefault({}),
  status: z.object({ conditions }).prefault({}),
});

const podSchema = z.object({
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
  spec: z.object({
    nodeName: z.string().default(''),
    containers: z.array(z.object({ name: z.string(), image: z.string() })),
  }),
  status: z.object({ conditions }).prefault({}),
});

const volumeSchema = z.object({
  spec: z.object({
    csi: z.object({ driver: z.string(), volumeHandle: z.string() }).optional(),
    claimRef: z.object({ namespace: z.string(), name: z.string() }).optional(),
  }),
});

const csiNodeSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({ drivers: z.array(z.object({ name: z.string() })).nullish() }).prefault({}),
});

const leaseSchema = z.object({
  spec: z.object({ holderIdentity: z.string().nullish(), renewTime: z.string().nullish() }),
});

class KubernetesView implements ClusterView {
  readonly cluster: string;
  readonly objects: Objects;
  readonly bent: string[] = [];
  readonly #client: KubeClient;

  constructor(client: KubeClient, cluster: string) {
    this.#client = client;
    this.cluster = cluster;
    const warn = (message: string) => {
      if (!this.bent.includes(message)) this.bent.push(message);
    };
    this.objects = hostObjects(client, { info: () => {}, warn });
  }

  async claims(): Promise<readonly Claim[]> {
    const volumes = await this.#list('/api/v1/persistentvolumes', volumeSchema);
    return volumes.flatMap(({ spec: { csi, claimRef } }) =>
      csi?.driver !== driver || claimRef === undefined
        ? []
        : [{ volume: csi.volumeHandle, claim: `${claimRef.namespace}/${claimRef.name}` }],
    );
  }

  async nodes(): Promise<readonly ClusterNode[]> {
    const [nodes, csiNodes] = await Promise.all([
      this.#list('/api/v1/nodes', nodeSchema),
      this.#list('/apis/storage.k8s.io/v1/csinodes', csiNodeSchema),
    ]);
    return nodes.map(({ metadata: { name }, spec, status }) => ({
      name,
      ready: isReady(status.conditions),
      cordoned: spec.unschedulable,
      outOfService: spec.taints.some(({ key }) => key === outOfService),
      hasDriver: csiNodes.some(
        (each) =>
          each.metadata.name === name && each.spec.drivers?.some((one) => one.name === driver),
      ),
    }));
  }

  async pods(): Promise<readonly OwnPod[]> {
    const pods = await this.#list(`/api/v1/namespaces/${namespace}/pods`, podSchema);
    return pods.flatMap(({ metadata, spec, status }) => {
      const label = metadata.labels['app.kubernetes.io/name'];
      const part = label === 'larder-node' ? 'node' : 'controller';
      const [first] = spec.containers;
      if (first === undefined || (label !== 'larder-node' && label !== 'larder-controller'))
        return [];
      const ready = isReady(status.conditions);
      const why = status.conditions.find((each) => each.type === 'Ready')?.message ?? 'not started';
      const { name } = metadata;
      return [
        { name, part, node: spec.nodeName, ready, why: ready ? '' : why, image: first.image },
      ];
    });
  }

  async leader(): Promise<{ readonly holder: string; readonly saidMs: number } | undefined> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/larder-controller`;
    const answer = await this.#client.send({ method: 'GET', path });
    if (answer.code === 404) return undefined;
    const { holderIdentity, renewTime } = leaseSchema.parse(checked(answer, path).body).spec;
    if (!holderIdentity) return undefined;
    return { holder: holderIdentity, saidMs: Date.now() - Date.parse(renewTime ?? '') };
  }

  async markEvacuated(node: string, evacuate: boolean): Promise<Changed<undefined>> {
    // A merge of the one field: everything else stays whose it is. Without the mark, no trace.
    const body = { spec: { evacuate: evacuate ? true : null } };
    return this.#patch(`${collectionPath('StorageNode')}/${node}`, body);
  }

  async markOutOfService(node: string): Promise<Changed<undefined>> {
    const path = `/api/v1/nodes/${node}`;
    const answer = checked(await this.#client.send({ method: 'GET', path }), path);
    const { spec } = nodeSchema.parse(answer.body);
    const { resourceVersion } = z
      .object({ resourceVersion: z.string() })
      .parse(answer.body['metadata']);
    if (spec.taints.some(({ key }) => key === outOfService)) {
      return { kind: 'written', object: undefined };
    }
    const taint = { key: outOfService, value: 'nodeshutdown', effect: 'NoExecute' };
    // The whole list is written, so it must be the one that was read.
    const body = { metadata: { resourceVersion }, spec: { taints: [...spec.taints, taint] } };
    return this.#patch(path, body);
  }

  async #patch(path: string, body: object): Promise<Changed<undefined>> {
    const contentType = 'application/merge-patch+json';
    const answer = await this.#client.send({
      method: 'PATCH',
      path,
      contentType,
      body,
    });
    const { code } = answer;
    if (code < 300) return { kind: 'written', object: undefined };
    if (code === 409) return { kind: 'conflict' };
    return { kind: 'refused', message: `${code}: ${saidBy(answer)}` };
  }

  async #list<T>(path: string, schema: z.ZodType<T>): Promise<T[]> {
    const { body } = checked(await this.#client.send({ method: 'GET', path }), path);
    return z.array(schema).parse(body['items'] ?? []);
  }
}

function isReady(found: z.output<typeof conditions>): boolean {
  return found.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function checked(answer: KubeAnswer, path: string): KubeAnswer {
  if (answer.code === 200) return answer;
  const said = saidBy(answer);
  throw new Fault('cluster.unreachable', `GET ${path} was answered ${answer.code}: ${said}`, {
    hint: 'Forbidden: this user of the kubeconfig may not read it; use an administrator.',
  });
}

function saidBy({ body }: KubeAnswer): string {
  const { message } = body as { message?: unknown };
  return typeof message === 'string' ? message : 'without a reason';
}
