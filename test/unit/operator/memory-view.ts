/**
 * The twin of a cluster for the operator's commands: the objects' own twin, and around it what a
 * test says.
 */
import type { Claim, ClusterNode, ClusterView, OwnPod } from '../../../operator/cluster-view.ts';
import type { Person } from '../../../operator/run.ts';
import type { StorageNodeObject, VolumeObject } from '../../../dataplane/control/objects.ts';
import type { Changed } from '../../../dataplane/ports/objects.ts';
import { MemoryObjects } from '../dataplane/control/memory-objects.ts';

export class MemoryView implements ClusterView {
  readonly cluster = 'shelf';
  readonly objects = new MemoryObjects();
  bent: readonly string[] = [];
  claimed: readonly Claim[] = [];
  clusterNodes: ClusterNode[] = [];
  ownPods: OwnPod[] = [];
  led: { readonly holder: string; readonly saidMs: number } | undefined = {
    holder: 'controller-a',
    saidMs: 2_000,
  };
  /** What the API server says to the next change. */
  answer: Changed<undefined> = { kind: 'written', object: undefined };

  constructor(nodes: readonly StorageNodeObject[], volumes: readonly VolumeObject[]) {
    for (const node of nodes) {
      this.objects.storageNodes.force(node);
      const { name } = node.metadata;
      const ready = node.status.health !== 'Unknown';
      this.clusterNodes.push({
        name,
        ready,
        cordoned: false,
        outOfService: false,
        hasDriver: true,
      });
      this.ownPods.push(pod({ name: `larder-node-${name}`, node: name }));
    }
    this.ownPods.push(pod({ name: 'controller-a', part: 'controller' }));
    this.ownPods.push(pod({ name: 'controller-b', part: 'controller' }));
    for (const volume of volumes) this.objects.volumes.force(volume);
  }

  async claims(): Promise<readonly Claim[]> {
    return this.claimed;
  }

  async nodes(): Promise<readonly ClusterNode[]> {
    return this.clusterNodes;
  }

  async pods(): Promise<readonly OwnPod[]> {
    return this.ownPods;
  }

  async leader(): Promise<{ readonly holder: string; readonly saidMs: number } | undefined> {
    return this.led;
  }

  async markEvacuated(name: string, evacuate: boolean): Promise<Changed<undefined>> {
    if (this.answer.kind !== 'written') return this.answer;
    const node = this.objects.storageNodes.all.find(({ metadata }) => metadata.name === name);
    if (node === undefined) return { kind: 'conflict' };
    this.objects.storageNodes.force({ ...node, spec: { ...node.spec, evacuate } });
    return this.answer;
  }

  async markOutOfService(name: string): Promise<Changed<undefined>> {
    if (this.answer.kind !== 'written') return this.answer;
    this.clusterNodes = this.clusterNodes.map((node) =>
      node.name === name ? { ...node, outOfService: true } : node,
    );
    return this.answer;
  }
}

export function pod(parts: Partial<OwnPod>): OwnPod {
  const image = 'larder:1';
  return { name: 'pod', part: 'node', node: 'kube1', ready: true, why: '', image, ...parts };
}

/** Answers every question the same way, and remembers what was said. */
export class Listener implements Person {
  readonly said: string[] = [];
  readonly asked: string[] = [];
  readonly interrupt = new AbortController();
  readonly #answer: boolean | 'nobody';

  constructor(answer: boolean | 'nobody' = true) {
    this.#answer = answer;
  }

  get signal(): AbortSignal {
    return this.interrupt.signal;
  }

  say(line: string): void {
    this.said.push(line);
  }

  async ask(question: string): Promise<boolean | undefined> {
    this.asked.push(question);
    return this.#answer === 'nobody' ? undefined : this.#answer;
  }
}
