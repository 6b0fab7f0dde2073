/** Pods and volumes of a node that is not heard of, as Kubernetes has them. */
import type { PodOnNode } from '../control/fail-over.ts';

/** Rejections are `cluster.unreachable`. */
export interface Workloads {
  /** Kubernetes too hears nothing of the node: neither ready nor not ready, but unknown. */
  isUnknown(node: string): Promise<boolean>;
  podsOn(node: string): Promise<readonly PodOnNode[]>;
  /** Volumes of ours that the node said last that it uses. */
  inUseOn(node: string): Promise<readonly string[]>;
  /** Takes exactly this pod from the API, without waiting for its node. */
  endPod(pod: PodOnNode): Promise<void>;
  /** Takes the volume out of what the node said. */
  release(node: string, volume: string): Promise<void>;
}
