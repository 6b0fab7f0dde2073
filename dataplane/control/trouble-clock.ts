/**
 * How long each copy has been in trouble, by the controller's own monotonic clock. Kept in memory:
 * a new controller waits the full grace again, as does one that could not look for a while. That
 * is the safe side: a copy is called lost too late, never too early.
 */
import type { StorageNodeObject, VolumeObject } from './objects.ts';
import { troubleOf } from './copies.ts';

/** A node that came back while nobody looked must get the time to say so. */
const blindMs = 60_000;

export class TroubleClock {
  #since = new Map<string, number>();
  #lookedMs = -Infinity;

  /** Takes note of how things are now. */
  look(nowMs: number, volumes: readonly VolumeObject[], nodes: readonly StorageNodeObject[]): void {
    const before = nowMs - this.#lookedMs > blindMs ? new Map<string, number>() : this.#since;
    this.#lookedMs = nowMs;
    this.#since = new Map();
    for (const { metadata, status } of volumes) {
      for (const at of status.places) {
        if (troubleOf(at, nodes) === '') continue;
        const key = `${metadata.uid}/${at.member}`;
        this.#since.set(key, before.get(key) ?? nowMs);
      }
    }
  }

  /** 0 for one that is not in trouble. */
  forMs(volumeUid: string, member: string): number {
    const sinceMs = this.#since.get(`${volumeUid}/${member}`);
    return sinceMs === undefined ? 0 : this.#lookedMs - sinceMs;
  }
}
