/**
 * Which storage nodes are heard of. A node says every ten seconds that it is there; the controller
 * judges by its own monotonic clock when it last saw that change, so that no node's clock matters
 * and a new controller waits its full time before it calls anybody lost.
 */
import type { StorageNodeObject } from './objects.ts';

/** Four times as long as a node is silent when all is well. */
export const silenceMs = 40_000;

export class NodeHealth {
  readonly #heard = new Map<string, { readonly said: string; readonly atMs: number }>();

  /** The status to write for a node that has been silent for too long; otherwise undefined. */
  judge(nowMs: number, node: StorageNodeObject): StorageNodeObject['status'] | undefined {
    const { metadata, status } = node;
    const known = this.#heard.get(metadata.name);
    if (known?.said !== status.seenAt) {
      this.#heard.set(metadata.name, { said: status.seenAt, atMs: nowMs });
      return undefined;
    }
    if (nowMs < known.atMs + silenceMs || status.health === 'Unknown') return undefined;
    return {
      ...status,
      health: 'Unknown',
      message: `Not heard of for ${silenceMs / 1000} s: is the node on, and does its pod larder-node run?`,
    };
  }
}
