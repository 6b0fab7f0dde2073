/**
 * What the commands see of a cluster: the objects of `larder.dev` by the data plane's own port, and
 * what Kubernetes knows around them. Everything but the two marks is reading.
 */
import type { Objects } from '../dataplane/ports/objects.ts';
import type { Changed } from '../dataplane/ports/objects.ts';

/** Who asked for a volume. */
export interface Claim {
  readonly volume: string;
  /** `namespace/name`. */
  readonly claim: string;
}

export interface ClusterNode {
  readonly name: string;
  readonly ready: boolean;
  readonly cordoned: boolean;
  /** Somebody has said that it is off for sure. */
  readonly outOfService: boolean;
  /** Its kubelet knows our driver. */
  readonly hasDriver: boolean;
}

/** A pod of the data plane. */
export interface OwnPod {
  readonly name: string;
  readonly part: 'node' | 'controller';
  readonly node: string;
  readonly ready: boolean;
  /** Why it is not, as the kubelet has it; empty when it is. */
  readonly why: string;
  readonly image: string;
}

export interface ClusterView {
  /** As people call it: the context. */
  readonly cluster: string;
  readonly objects: Objects;
  /** Objects that were left out because they are not as they should be, in words. */
  readonly bent: readonly string[];
  claims(): Promise<readonly Claim[]>;
  nodes(): Promise<readonly ClusterNode[]>;
  pods(): Promise<readonly OwnPod[]>;
  /** The pod that leads the controllers, and how long ago it said so; undefined: none ever did. */
  leader(): Promise<{ readonly holder: string; readonly saidMs: number } | undefined>;
  /** Has the controller empty a storage node, or no longer. */
  markEvacuated(node: string, evacuate: boolean): Promise<Changed<undefined>>;
  /** Tells Kubernetes that a node is off for sure, so that its pods and volumes may move. */
  markOutOfService(node: string): Promise<Changed<undefined>>;
}
