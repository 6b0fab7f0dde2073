/** Pods and attachments of a node that is not heard of, as Kubernetes has them. */
import type { Attachment, PodOnNode } from '../control/fail-over.ts';

/** Rejections are `cluster.unreachable`. */
export interface Workloads {
  /** Kubernetes too hears nothing of the node: neither ready nor not ready, but unknown. */
  isUnknown(node: string): Promise<boolean>;
  podsOn(node: string): Promise<readonly PodOnNode[]>;
  attachmentsTo(node: string): Promise<readonly Attachment[]>;
  /** Takes exactly this pod from the API, without waiting for its node. */
  endPod(pod: PodOnNode): Promise<void>;
  /** Asks for the end of exactly this attachment. */
  detach(attachment: Attachment): Promise<void>;
}
