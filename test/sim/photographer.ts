/**
 * Takes snapshots of the simulated volume while clients work, and gives some up again. What a
 * snapshot shows must be what one moment between asking and answer could have shown, and the same
 * on every member.
 */
import type { Prng } from '../../dataplane/base/prng.ts';
import type { EngineDrive } from '../../dataplane/drive/engine.ts';
import type { History } from './history.ts';
import type { World } from './world.ts';

export interface Photograph {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Which life of the volume: what everything lost at once since may not be compared. */
  readonly segment: number;
}

/** Longest pause between two of them. */
const pauseMs = 700;

export class Photographer {
  readonly #world: World;
  readonly #history: History;
  readonly #prng: Prng;
  /** Those that were answered, by name. */
  readonly taken = new Map<string, Photograph>();
  #count = 0;

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
    this.#prng = world.prng.fork('photographer');
  }

  /** Works with one engine until it is told to stop or the engine ends. */
  async work(engine: EngineDrive, stopped: () => boolean): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => {
        this.#world.after(this.#prng.between(20, pauseMs), resolve);
      });
      if (stopped() || engine.fault !== undefined) return;
      const old = this.#prng.chance(0.3) ? [...this.taken.keys()][0] : undefined;
      if (old === undefined) await this.#take(engine);
      else if ((await engine.deleteSnapshot(old)).kind === 'done') this.taken.delete(old);
    }
  }

  async #take(engine: EngineDrive): Promise<void> {
    this.#count += 1;
    const name = `s${this.#count}`;
    const start = this.#history.tick();
    const { segment } = this.#history;
    const outcome = await engine.snapshot(name);
    const end = this.#history.tick();
    this.#world.note(`snapshot ${name} ${outcome.kind}`);
    if (outcome.kind === 'done') this.taken.set(name, { name, start, end, segment });
  }
}
