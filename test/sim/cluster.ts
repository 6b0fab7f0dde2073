/**
 * The twin of the configuration manager: a record behind compare-and-swap, with everything that can
 * go wrong on the way there and back.
 */
import { Fault } from '../../dataplane/base/fault.ts';
import type { Prng } from '../../dataplane/base/prng.ts';
import type { Cluster, SwapOutcome, VersionedRecord } from '../../dataplane/ports/cluster.ts';
import type { VolumeRecord } from '../../dataplane/volume/record.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

export class SimCluster {
  readonly #world: World;
  readonly #prng: Prng;
  /** How often an answer is lost although the swap arrives, at once or later. */
  readonly #lostAnswers: number;
  #version = 1;
  #record: VolumeRecord;
  away = false;
  /** Processes that cannot reach the manager. */
  readonly cutOff = new Set<string>();
  readonly #onWrite: (record: VolumeRecord, before: VolumeRecord) => void;

  constructor(
    world: World,
    options: {
      readonly record: VolumeRecord;
      readonly lostAnswers: number;
      readonly onWrite: (record: VolumeRecord, before: VolumeRecord) => void;
    },
  ) {
    this.#world = world;
    this.#prng = world.prng.fork('cluster');
    this.#record = options.record;
    this.#lostAnswers = options.lostAnswers;
    this.#onWrite = options.onWrite;
  }

  get record(): VolumeRecord {
    return this.#record;
  }

  /** The manager as one process sees it. */
  seenBy(process: SimProcess): Cluster {
    return {
      read: async () => this.#read(process),
      swap: async (_volume, expected, next) => this.#swap(process, expected, next),
    };
  }

  #latencyMs(): number {
    return this.#prng.between(1, 12);
  }

  async #read(process: SimProcess): Promise<VersionedRecord> {
    return new Promise((resolve, reject) => {
      this.#world.after(this.#latencyMs(), () => {
        const found = { version: String(this.#version), record: this.#record };
        const away = this.away || this.cutOff.has(process.name);
        process.deliver(this.#latencyMs(), 'record read', () => {
          if (away) reject(new Fault('cluster.unreachable', 'The API server is away.'));
          else resolve(found);
        });
      });
    });
  }

  async #swap(process: SimProcess, expected: string, next: VolumeRecord): Promise<SwapOutcome> {
    return new Promise((resolve) => {
      const answer = (outcome: SwapOutcome) => {
        process.deliver(this.#latencyMs(), `swap ${outcome.kind}`, () => {
          resolve(outcome);
        });
      };
      const lost = this.#prng.chance(this.#lostAnswers);
      const late = lost && this.#prng.chance(0.5);
      this.#world.after(this.#latencyMs() + (late ? this.#prng.between(20, 400) : 0), () => {
        if (this.away || this.cutOff.has(process.name)) {
          if (!late) answer({ kind: 'unknown' });
          return;
        }
        const outcome = this.#apply(expected, next);
        if (!lost) answer(outcome);
        else if (!late) answer({ kind: 'unknown' });
      });
      if (late) answer({ kind: 'unknown' });
    });
  }

  #apply(expected: string, next: VolumeRecord): SwapOutcome {
    if (expected !== String(this.#version)) return { kind: 'conflict' };
    const before = this.#record;
    this.#version += 1;
    this.#record = next;
    this.#onWrite(next, before);
    const members = next.members.map((member) => `${member.id}${member.inSync ? '+' : '-'}`);
    this.#world.note(`record v${this.#version} epoch ${next.epoch} ${members.join(' ')}`);
    return { kind: 'written', version: String(this.#version) };
  }
}
