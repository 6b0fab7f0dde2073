/**
 * A stand-in for scheduler and kubelets of a cluster that has none (api-server.ts): it keeps the
 * nodes Ready, gives every pod a node and an address, and says of it what a kubelet would say if
 * all went well. Pods of jobs succeed, others run and are ready. No container ever runs; what
 * containers do is the system tests' matter.
 *
 * A test may make pods fail: `kubelet.failing = (pod) => 'reason' | undefined`, or keep them from
 * starting: `kubelet.holding = (pod) => true`.
 */
import { setInterval } from 'node:timers/promises';
import {
  CoreV1Api,
  KubeConfig,
  type V1Node,
  type V1Pod,
  type V1PodStatus,
} from '@kubernetes/client-node';

/** Says why a pod's container ends with an error; undefined when it does not. */
export type Failing = (podName: string) => string | undefined;

const lookIntervalMs = 100;
/** The controller-manager gives a node up after 40 s without news. */
const heartbeatIntervalMs = 10_000;

export class StandInKubelet implements AsyncDisposable {
  failing: Failing = () => undefined;
  /** Whether a pod stays Pending for now. */
  holding: (podName: string) => boolean = () => false;
  /** Names of the pods that were held. */
  readonly held = new Set<string>();
  readonly #core: CoreV1Api;
  readonly #nodes: readonly string[];
  readonly #work: Promise<void>;
  #isRunning = true;
  #heartbeatMs = Number.NEGATIVE_INFINITY;
  #addresses = 0;

  private constructor(core: CoreV1Api, nodes: readonly string[]) {
    this.#core = core;
    this.#nodes = nodes;
    this.#work = this.#serve();
  }

  /** Registers the nodes and begins to answer for their pods. */
  static async start(kubeconfig: string, nodes: readonly string[]): Promise<StandInKubelet> {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const core = config.makeApiClient(CoreV1Api);
    for (const name of nodes) {
      const labels = { 'kubernetes.io/hostname': name };
      await unless(409, core.createNode({ body: { metadata: { name, labels } } }));
    }
    return new StandInKubelet(core, nodes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isRunning = false;
    await this.#work;
  }

  async #serve(): Promise<void> {
    // A test may take long between two looks of ours; none is queued up.
    for await (const _ of setInterval(lookIntervalMs)) {
      if (!this.#isRunning) return;
      if (performance.now() - this.#heartbeatMs > heartbeatIntervalMs) await this.#beat();
      const { items } = await this.#core.listPodForAllNamespaces();
      await Promise.all(items.map((pod) => this.#answerFor(pod)));
    }
  }

  async #beat(): Promise<void> {
    this.#heartbeatMs = performance.now();
    const now = new Date();
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'StandIn',
      message: '',
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    };
    for (const name of this.#nodes) {
      const node: V1Node = await this.#core.readNode({ name });
      const body: V1Node = Object.assign(node, { status: { conditions: [ready] } });
      await unless(409, this.#core.replaceNodeStatus({ name, body }));
    }
  }

  async #answerFor(pod: V1Pod): Promise<void> {
    const { name = '', namespace = '' } = pod.metadata ?? {};
    const target = { name, namespace };
    if (pod.metadata?.deletionTimestamp !== undefined) {
      await gone(this.#core.deleteNamespacedPod({ ...target, gracePeriodSeconds: 0 }));
    } else if (pod.spec?.nodeName === undefined) {
      const wanted = pod.spec?.nodeSelector?.['kubernetes.io/hostname'] ?? nodeOfDaemon(pod);
      const node = { kind: 'Node', name: wanted ?? this.#nodes[0] ?? '' };
      const body = { metadata: { name }, target: node };
      await gone(this.#core.createNamespacedBinding({ namespace, body }));
    } else if (this.holding(name)) {
      this.held.add(name);
    } else if (pod.status?.phase === 'Pending') {
      this.#addresses += 1;
      const address = `10.9.${Math.floor(this.#addresses / 250)}.${1 + (this.#addresses % 250)}`;
      const status = statusOf(pod, this.failing(name), address);
      const body: V1Pod = Object.assign(pod, { status });
      await gone(this.#core.replaceNamespacedPodStatus({ ...target, body }));
    }
  }
}

/** The DaemonSet controller names the node of each of its pods in this way. */
function nodeOfDaemon(pod: V1Pod): string | undefined {
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const fields = required?.nodeSelectorTerms.flatMap((term) => term.matchFields ?? []) ?? [];
  return fields.find(({ key }) => key === 'metadata.name')?.values?.[0];
}

function statusOf(pod: V1Pod, failure: string | undefined, address: string): V1PodStatus {
  const now = new Date();
  const ofJob = pod.metadata?.ownerReferences?.some(({ kind }) => kind === 'Job') ?? false;
  const ends = ofJob || failure !== undefined;
  const container = pod.spec?.containers[0];
  const terminated = {
    exitCode: failure === undefined ? 0 : 1,
    reason: failure === undefined ? 'Completed' : 'Error',
    message: failure ?? '',
    startedAt: now,
    finishedAt: now,
  };
  return {
    phase: ends ? (failure === undefined ? 'Succeeded' : 'Failed') : 'Running',
    startTime: now,
    podIP: address,
    podIPs: [{ ip: address }],
    conditions: ['Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: ends && type !== 'Initialized' ? 'False' : 'True',
      lastTransitionTime: now,
    })),
    containerStatuses: [
      {
        name: container?.name ?? '',
        image: container?.image ?? '',
        imageID: '',
        ready: !ends,
        started: !ends,
        restartCount: 0,
        state: ends ? { terminated } : { running: { startedAt: now } },
      },
    ],
  };
}

/** Deleted or changed since it was listed: the next look decides. */
const gone = (work: Promise<unknown>) => unless(404, unless(409, work));

async function unless(expectedCode: number, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if ((error as { code?: unknown }).code !== expectedCode) throw error;
  }
}
