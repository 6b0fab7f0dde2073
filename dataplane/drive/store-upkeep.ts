/**
 * What a store needs done beside its requests: regions cleaned, layers of deleted snapshots merged,
 * the free space looked at. Every heartbeat of its engine nudges it. It gives way: while anything
 * else runs it merges one region a nudge, and goes on without a pause when nothing does. Regions
 * are cleaned when they are likely to stay clean, or to keep the dirty log short
 * (docs/decisions/0152).
 */
import { Fault } from '../base/fault.ts';
import type { Log } from '../ports/log.ts';
import type { StoreStep } from '../store/command.ts';
import type { HostedStore } from './hosted-store.ts';

export interface UpkeepPorts {
  readonly log: Log;
  /** Ends the process: called with a defect, which is never handled. */
  readonly onDefect: (error: unknown) => void;
}

/** Counted in nudges, that is in heartbeats of the engine. */
export interface UpkeepPace {
  /** Without a write for so long it counts as quiet. */
  readonly quietNudges: number;
  /** It never becomes quiet: regions are cleaned so often, and the room is looked at. */
  readonly patienceNudges: number;
}

/** Two or three seconds, and ten. */
const usualPace: UpkeepPace = { quietNudges: 8, patienceNudges: 32 };

export class StoreUpkeep {
  readonly #hosted: HostedStore;
  readonly #ports: UpkeepPorts;
  readonly #pace: UpkeepPace;
  #cleaning = false;
  #merging = false;
  /** Looked at before, and found nothing; a change of layers changes the revision. */
  #mergedRevision = -1;
  #stopped = false;
  /** What `store.changes` was with the last nudge, and for how many it has been the same. */
  #changes = 0;
  #nudgesQuiet = 0;
  #nudges = 0;

  constructor(hosted: HostedStore, ports: UpkeepPorts, pace: UpkeepPace = usualPace) {
    this.#hosted = hosted;
    this.#ports = ports;
    this.#pace = pace;
  }

  nudge(): void {
    const { quietNudges, patienceNudges } = this.#pace;
    const { changes, full } = this.#hosted.store;
    this.#nudgesQuiet = changes === this.#changes ? this.#nudgesQuiet + 1 : 0;
    this.#changes = changes;
    this.#nudges += 1;
    const overdue = this.#nudges % patienceNudges === 0;
    if (this.#nudgesQuiet >= quietNudges || overdue) void this.#clean();
    void this.#merge();
    // Only who writes uses it up, and only who is full waits for it; neighbours may do either.
    if (this.#nudgesQuiet === 0 || full || overdue) void this.lookForRoom();
  }

  /** What is under way ends; nothing is begun any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Writes that were refused go on by themselves when there is room again. */
  async lookForRoom(): Promise<void> {
    const { disk, store } = this.#hosted;
    const before = store.full;
    try {
      store.foundRoom(await disk.freeBytes());
    } catch (error) {
      if (!(error instanceof Fault)) this.#ports.onDefect(error);
      else this.#ports.log.warn(`it is not known how much room there is: ${error.message}`);
    }
    if (store.full === before) return;
    const { volume, member } = store.identity;
    if (store.full) this.#ports.log.warn('a disk has become full', { volume, member });
    else this.#ports.log.info('a disk has room again', { volume, member });
  }

  async #clean(): Promise<void> {
    const { store } = this.#hosted;
    if (this.#stopped || this.#cleaning || !store.cleanable) return;
    this.#cleaning = true;
    await this.#run(store.clean());
    this.#cleaning = false;
  }

  async #merge(): Promise<void> {
    const { store, gate } = this.#hosted;
    if (this.#merging || this.#mergedRevision === store.revision) return;
    this.#merging = true;
    do {
      if (this.#stopped) break;
      const { revision } = store;
      const more = await this.#run(store.mergeStep());
      if (more === false) this.#mergedRevision = revision;
      if (more !== true) break;
    } while (gate.idle);
    this.#merging = false;
  }

  /** Undefined when it failed: then the next nudge tries again, or the store is over. */
  async #run<T>(step: StoreStep<T>): Promise<T | undefined> {
    const { store, runner, gate } = this.#hosted;
    gate.begin();
    try {
      return await runner.run(step);
    } catch (error) {
      if (error instanceof Fault) store.fail(error);
      else this.#ports.onDefect(error);
      return undefined;
    } finally {
      gate.end();
    }
  }
}
