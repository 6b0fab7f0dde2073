/**
 * Lets the pods of a lost node run elsewhere: looks at each volume that is attached to a node which
 * neither we nor Kubernetes hear of, and carries out what may be done (control/fail-over.ts). Holds
 * nothing but what it has said already.
 */
import { Fault } from '../base/fault.ts';
import type { Shelf } from '../control/copies.ts';
import { type FailOverStep, failOverOf } from '../control/fail-over.ts';
import type { VolumeObject } from '../control/objects.ts';
import type { Events } from '../ports/events.ts';
import type { Log } from '../ports/log.ts';
import type { Workloads } from '../ports/workloads.ts';

export interface FailOverPorts {
  readonly workloads: Workloads;
  readonly events: Events;
  readonly log: Log;
}

export class FailOver {
  readonly #ports: FailOverPorts;
  /** By UID of the volume: what was said last. */
  readonly #said = new Map<string, string>();

  constructor(ports: FailOverPorts) {
    this.#ports = ports;
  }

  /** Does what can be done now; what the API server does not answer is tried again next time. */
  async look(shelf: Shelf): Promise<void> {
    const silent = shelf.nodes.filter(({ status }) => status.health === 'Unknown');
    for (const { metadata } of silent) {
      const volumes = shelf.volumes.filter(({ status }) => status.attachedTo === metadata.name);
      if (volumes.length === 0) continue;
      try {
        await this.#lookAtNode(metadata.name, volumes, shelf);
      } catch (error) {
        // Copies have to be made all the same.
        if (!(error instanceof Fault)) throw error;
        this.#ports.log.warn(error.message, { node: metadata.name });
      }
    }
    if (silent.length === 0) this.#said.clear();
  }

  async #lookAtNode(node: string, volumes: readonly VolumeObject[], shelf: Shelf): Promise<void> {
    const { workloads } = this.#ports;
    if (!(await workloads.isUnknown(node))) return;
    const [pods, inUse] = await Promise.all([workloads.podsOn(node), workloads.inUseOn(node)]);
    for (const volume of volumes) {
      for (const step of failOverOf(volume, { pods, inUse }, shelf)) {
        this.#tell(volume, step);
        if (step.kind === 'end-pod') await workloads.endPod(step.pod);
        if (step.kind === 'release') await workloads.release(node, step.volume);
      }
    }
  }

  #tell({ metadata: { name, uid } }: VolumeObject, { kind, note }: FailOverStep): void {
    if (this.#said.get(uid) === note) return;
    this.#said.set(uid, note);
    const { events, log } = this.#ports;
    const type = kind === 'wait' ? 'Warning' : 'Normal';
    const reason = kind === 'wait' ? 'FailOverWaits' : 'FailOver';
    events.tell({ kind: 'Volume', name, uid, type, reason, message: note });
    log.info(note, { volume: name });
  }
}
