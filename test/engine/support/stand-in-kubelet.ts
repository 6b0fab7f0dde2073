/**
 * A stand-in for the kubelets of a cluster that has none (api-server.ts): it says of every pod what a
 * kubelet would say if all went well. Pods of jobs succeed, others run and are ready. No container ever
 * runs; what containers do is the system tests' matter.
 *
 * A test may make pods fail: `kubelet.failing = (pod) => 'reason' | undefined`.
 */
import { CoreV1Api, KubeConfig, type V1Pod, type V1PodStatus } from '@kubernetes/client-node';

/** Says why a pod's container ends with an error; undefined when it does not. */
export type Failing = (podName: string) => string | undefined;

const lookIntervalMs = 100;

export class StandInKubelet implements AsyncDisposable {
  failing: Failing = () => undefined;
  readonly #core: CoreV1Api;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #work: Promise<void>;
  #running = true;

  private constructor(core: CoreV1Api) {
    this.#core = core;
    this.#work = this.#serve();
  }

  /** Registers the nodes and begins to answer for their pods. */
  static async start(kubeconfig: string, nodes: readonly string[]): Promise<StandInKubelet> {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const core = config.makeApiClient(CoreV1Api);
    for (const name of nodes) {
      const labels = { 'kubernetes.io/hostname': name };
      await core.createNode({ body: { metadata: { name, labels } } }).catch(ignoreExisting);
    }
    return new StandInKubelet(core);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#running = false;
    this.#stopped.resolve();
    await this.#work;
  }

  async #serve(): Promise<void> {
    while (this.#running) {
      const fieldSelector = 'status.phase=Pending';
      const { items } = await this.#core.listPodForAllNamespaces({ fieldSelector });
      await Promise.all(items.map((pod) => this.#answerFor(pod)));
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, lookIntervalMs);
      await Promise.race([promise, this.#stopped.promise]);
      clearTimeout(timer);
    }
  }

  async #answerFor(pod: V1Pod): Promise<void> {
    const { name = '', namespace = '' } = pod.metadata ?? {};
    const status = statusOf(pod, this.failing(name));
    const body = { ...pod, status };
    try {
      await this.#core.replaceNamespacedPodStatus({ name, namespace, body });
    } catch (error) {
      // Deleted or changed since it was listed: the next look decides.
      const { code } = error as { code?: unknown };
      if (code !== 404 && code !== 409) throw error;
    }
  }
}

function statusOf(pod: V1Pod, failure: string | undefined): V1PodStatus {
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

function ignoreExisting(error: unknown): void {
  if ((error as { code?: unknown }).code !== 409) throw error;
}
