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

/** How long after an older record was shown an engine may still stumble over it. */
const oddMs = 2000;

export class SimCluster {
  readonly #world: World;
  readonly #prng: Prng;
  /** How often an answer is lost although the swap arrives, at once or later. */
  readonly #lostAnswers: number;
  #version = 1;
  #record: VolumeRecord;
  away = false;
  /** Reads give the record as it was so long ago. */
  staleMs = 0;
  /** Everything that was ever written, oldest first. */
  readonly #past: { readonly atMs: number; readonly found: VersionedRecord }[] = [];
  /** What was there when the manager was put back to an older state. */
  #lost: VolumeRecord | undefined;
  #restored: VolumeRecord | undefined;
  #oddUntilMs = 0;
  /** Processes that cannot reach the manager. */
  readonly cutOff = new Set<string>();
  readonly #onWrite: (record: VolumeRecord, before: VolumeRecord) => void;
  readonly #watchers = new Set<() => void>();

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
    this.#remember();
  }

  get record(): VolumeRecord {
    return this.#record;
  }

  /** It was put back to an older state, and no engine has complained yet. */
  get isOlderUnnoticed(): boolean {
    return this.#lost !== undefined;
  }

  /** It lately showed an older record than before: whoever says so is right. */
  get looksRolledBack(): boolean {
    return this.#lost !== undefined || this.#world.nowMs < this.#oddUntilMs;
  }

  /** How many changes bring the record back to before the present epoch was claimed. */
  get changesSinceClaim(): number {
    const before = this.#past.findLastIndex(({ found }) => found.record.epoch < this.#record.epoch);
    return this.#past.length - 1 - before;
  }

  /**
   * The manager is restored from an old backup: `back` changes are forgotten. The numbers of their
   * versions are not given again, as etcd's restore is told to see to (`--bump-revision`).
   */
  rollBack(back: number): void {
    const to = this.#past.at(-1 - back) ?? this.#past[0];
    if (to === undefined) return;
    this.#lost ??= this.#record;
    this.#restored = to.found.record;
    this.#version += 1;
    this.#record = to.found.record;
    this.#remember();
    this.#noteRecord('rolled back to');
  }

  /**
   * A person puts back what was lost, unless an engine could go on from the older record: then
   * nobody who is there knew better.
   *
   * @param serving the volume is served right now
   * @param opened an engine that came after the restoration has opened it
   */
  putForward({ serving, opened }: { readonly serving: boolean; readonly opened: boolean }): void {
    const [newest, restored] = [this.#lost, this.#restored];
    this.#lost = undefined;
    this.#oddUntilMs = this.#world.nowMs + oddMs;
    const gone = serving && this.#record !== restored;
    const ahead = restored !== undefined && this.#record.generation > restored.generation;
    if (newest === undefined || opened || gone || ahead) {
      if (this.#record.doubt !== '') this.#correct({ ...this.#record, doubt: '' });
      return;
    }
    this.#correct({ ...newest, epoch: Math.max(newest.epoch, this.#record.epoch) });
  }

  /** A person writes it, whatever anybody read before. */
  #correct(record: VolumeRecord): void {
    this.#version += 1000;
    this.#record = record;
    this.#remember();
    this.#noteRecord('put forward to');
  }

  /** The manager as one process sees it. */
  seenBy(process: SimProcess): Cluster {
    return {
      read: async () => this.#read(process),
      swap: async (_volume, expected, next) => this.#swap(process, expected, next),
      watch: (_volume, onHint) => {
        const tell = () => {
          process.deliver(this.#latencyMs(), 'record hint', onHint);
        };
        this.#watchers.add(tell);
        return { [Symbol.dispose]: () => this.#watchers.delete(tell) };
      },
    };
  }

  /** Somebody beside the engines writes, and engines hear of it. */
  edit(change: (record: VolumeRecord) => VolumeRecord): void {
    if (this.away || this.#apply(String(this.#version), change(this.#record)).kind !== 'written') {
      return;
    }
    for (const tell of this.#watchers) tell();
  }

  #latencyMs(): number {
    return this.#prng.between(1, 12);
  }

  async #read(process: SimProcess): Promise<VersionedRecord> {
    return new Promise((resolve, reject) => {
      this.#world.after(this.#latencyMs(), () => {
        const found = this.#found();
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
    this.#remember();
    this.#noteRecord('record');
    return { kind: 'written', version: String(this.#version) };
  }

  #found(): VersionedRecord {
    const untilMs = this.#world.nowMs - this.staleMs;
    if (this.staleMs > 0) this.#oddUntilMs = this.#world.nowMs + oddMs;
    const past = this.staleMs > 0 ? this.#past.findLast(({ atMs }) => atMs <= untilMs) : undefined;
    return past?.found ?? { version: String(this.#version), record: this.#record };
  }

  #remember(): void {
    const found = { version: String(this.#version), record: this.#record };
    this.#past.push({ atMs: this.#world.nowMs, found });
  }

  #noteRecord(what: string): void {
    const { epoch, members } = this.#record;
    const shown = members.map(
      ({ id, inSync, retiring }) => `${id}${inSync ? '+' : '-'}${retiring ? ' leaving' : ''}`,
    );
    this.#world.note(`${what} v${this.#version} epoch ${epoch} ${shown.join(' ')}`);
  }
}
