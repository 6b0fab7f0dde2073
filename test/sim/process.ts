/**
 * A process of the simulated world. What the world owes it (completions, timers, bytes) reaches it
 * only while it lives and is not stopped; a killed one is simply never woken again.
 */
import type { World } from './world.ts';

export class SimProcess {
  readonly name: string;
  readonly world: World;
  /** Its monotonic clock runs at this rate; no two are quite equal. */
  readonly clockRate: number;
  alive = true;
  #paused = false;
  #backlog: (() => void)[] = [];
  readonly #onDeath: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    const draw = world.prng.fork(`clock ${name}`).fraction();
    this.clockRate = 0.97 + draw * 0.06;
  }

  deliver(delayMs: number, what: string, run: () => void): void {
    this.world.after(delayMs, () => {
      this.#arrive(what, run);
    });
  }

  #arrive(what: string, run: () => void): void {
    if (!this.alive) return;
    if (this.#paused) {
      this.#backlog.push(() => {
        this.#arrive(what, run);
      });
      return;
    }
    this.world.note(`${this.name} ${what}`);
    run();
  }

  /** Undoes what depends on it: connections, files. */
  onDeath(run: () => void): void {
    this.#onDeath.push(run);
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#backlog = [];
    for (const run of this.#onDeath) run();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    for (const arrive of this.#backlog.splice(0)) this.world.after(0, arrive);
  }

  defect(error: unknown): void {
    if (!this.alive) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.world.violate(`defect in ${this.name}: ${text}`);
  }
}
