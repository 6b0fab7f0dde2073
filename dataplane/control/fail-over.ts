/**
 * What may be done for volumes that are attached to a node nobody hears of, so that their pods run
 * elsewhere without a person who says that the node is really off.
 *
 * A volume is safe whatever that node does: the next engine's epoch ends its own, and reads wait
 * for the lease (I-01 to I-03). So a pod that Kubernetes has begun to end, and that uses nothing
 * but such volumes, may be taken for ended; and a volume that no pod there uses, for not in use:
 * then Kubernetes detaches it.
 *
 * Never: ends a pod that Kubernetes has not given up, that uses storage of others as well, or whose
 * owner says no; gives a volume free whose only good copy is on that node, because nobody could
 * open it.
 */
import { copiesOf, type Shelf } from './copies.ts';
import type { VolumeObject } from './objects.ts';

/** On a pod, `never`: it is not taken for ended before its node says so. */
export const failOverAnnotation = 'larder.dev/fail-over';

export interface PodOnNode {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Kubernetes has begun to end it. */
  readonly isEnding: boolean;
  readonly mayFailOver: boolean;
  /** Volumes of ours that it uses. */
  readonly volumes: readonly string[];
  /** Storage of others that other nodes can reach too; empty when nothing could be harmed. */
  readonly otherStorage: readonly string[];
}

export type FailOverStep =
  | { readonly kind: 'end-pod'; readonly pod: PodOnNode; readonly note: string }
  /** The node counts as not using the volume any more, whatever it said last. */
  | { readonly kind: 'release'; readonly volume: string; readonly note: string }
  | { readonly kind: 'wait'; readonly note: string };

/**
 * What is to be done about this volume, which is attached to the node.
 *
 * @param found `inUse`: volumes of ours that the node said last that it uses
 */
export function failOverOf(
  volume: VolumeObject,
  found: { readonly pods: readonly PodOnNode[]; readonly inUse: readonly string[] },
  shelf: Shelf,
): readonly FailOverStep[] {
  const { name } = volume.metadata;
  const { attachedTo: node } = volume.status;
  const elsewhere = copiesOf(volume, shelf).some(
    (copy) => copy.inSync && copy.trouble === '' && copy.node !== node,
  );
  if (!elsewhere) {
    return [wait(`No good copy is elsewhere than on ${node}: bring it back`)];
  }
  const users = found.pods.filter((pod) => pod.volumes.includes(name));
  if (users.length > 0) return users.map((pod) => stepOf(pod, node));
  if (!found.inUse.includes(name)) return [];
  const note = `Given free by ${node}, which is not heard of; whatever still runs there is fenced by the next epoch`;
  return [{ kind: 'release', volume: name, note }];
}

function stepOf(pod: PodOnNode, node: string): FailOverStep {
  const who = `The pod ${pod.namespace}/${pod.name} on ${node}`;
  if (!pod.isEnding) return wait(`${who} is not given up by Kubernetes yet: see its tolerations`);
  if (!pod.mayFailOver) return wait(`${who} is not ended before its node is back, as it asks`);
  if (pod.otherStorage.length > 0) {
    const others = pod.otherStorage.join(', ');
    return wait(
      `${who} also uses ${others}, which nobody fences: if the node is really off, taint it node.kubernetes.io/out-of-service`,
    );
  }
  return {
    kind: 'end-pod',
    pod,
    note: `${who}, which is not heard of, counts as ended: what it still does cannot reach its volumes`,
  };
}

function wait(note: string): FailOverStep {
  return { kind: 'wait', note };
}
