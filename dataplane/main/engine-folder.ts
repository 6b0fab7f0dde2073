/**
 * The volumes of the engines' process as a folder says: a file `<volume>.json` is a volume to be
 * served, and when it is taken away the volume is left. `<volume>.ended` beside it says why one is
 * served no more; it is not begun again until somebody takes that file away
 * (docs/decisions/0171).
 */
import { watch } from 'node:fs';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';
import { Fault } from '../base/fault.ts';
import type { Log } from '../ports/log.ts';

/** Where no hint comes from the kernel. */
const lookMs = 1_000;
/** A volume that cannot be flushed is given up after this: its members are away. */
const leaveMs = 15_000;
/** A process without volumes ends: nobody needs its memory. */
const idleMs = 30_000;

/** The service of a volume, as far as it is begun and ended here. */
export interface Followed {
  /** Resolves with the reason when it is over. */
  run(): Promise<Fault>;
  stop(): void;
  abandon(): void;
}

interface Running {
  readonly service: Followed;
  giveUp: NodeJS.Timeout | undefined;
}

export class EngineFolder<T> {
  readonly #folder: string;
  readonly #schema: z.ZodType<T>;
  readonly #start: (volume: T) => Followed;
  readonly #leaveMs: number;
  readonly #log: Log;
  readonly #running = new Map<string, Running>();
  #stopping = false;
  #wake = () => {};

  /** @param start makes the service of a volume; this runs it */
  constructor(
    where: {
      readonly folder: string;
      readonly schema: z.ZodType<T>;
      /** How long a volume may take to leave; default 15 s. */
      readonly leaveMs?: number;
    },
    start: (volume: T) => Followed,
    log: Log,
  ) {
    this.#folder = where.folder;
    this.#schema = where.schema;
    this.#leaveMs = where.leaveMs ?? leaveMs;
    this.#start = start;
    this.#log = log;
  }

  /** Ends with `stop`, or when there has been nothing to serve for a while. */
  async run(): Promise<void> {
    using _watcher = this.#watch();
    let busyAtMs = performance.now();
    for (;;) {
      await this.#look();
      if (this.#running.size > 0) busyAtMs = performance.now();
      else if (this.#stopping || performance.now() > busyAtMs + idleMs) return;
      await this.#rest();
    }
  }

  /** Leaves every volume; the folder stays as it is, for the next process. */
  stop(): void {
    this.#stopping = true;
    this.#wake();
  }

  async #look(): Promise<void> {
    const names = await readdir(this.#folder);
    const wanted = names
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length));
    for (const [name, running] of this.#running) {
      if (this.#stopping || !wanted.includes(name)) this.#leave(running);
    }
    if (this.#stopping) return;
    for (const name of wanted) {
      if (!this.#running.has(name) && !names.includes(`${name}.ended`)) await this.#begin(name);
    }
  }

  async #begin(name: string): Promise<void> {
    let service: Followed;
    try {
      const text = await readFile(path.join(this.#folder, `${name}.json`), 'utf8');
      service = this.#start(this.#schema.parse(JSON.parse(text)));
    } catch (error) {
      // Taken away meanwhile, or not as it should be; a bug here must not touch the others.
      await this.#tell(name, new Fault('input.invalid', `${name}: ${String(error)}`));
      return;
    }
    const running: Running = { service, giveUp: undefined };
    this.#running.set(name, running);
    void service.run().then(async (end) => {
      clearTimeout(running.giveUp);
      // What was left for a successor is not over.
      const stays = this.#stopping && end.code === 'volume.ending';
      if (!stays) await this.#tell(name, end);
      this.#running.delete(name);
      this.#wake();
    });
  }

  #leave(running: Running): void {
    if (running.giveUp !== undefined) return;
    running.giveUp = setTimeout(() => {
      running.service.abandon();
    }, this.#leaveMs);
    running.service.stop();
  }

  async #tell(volume: string, { code, message }: Fault): Promise<void> {
    if (code !== 'volume.ending') this.#log.warn('ended', { volume, code, reason: message });
    const file = path.join(this.#folder, `${volume}.ended`);
    await writeFile(`${file}.new`, JSON.stringify({ code, message }), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }

  #watch(): Disposable {
    const watcher = watch(this.#folder, () => {
      this.#wake();
    });
    watcher.on('error', () => {});
    return {
      [Symbol.dispose]: () => {
        watcher.close();
      },
    };
  }

  async #rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lookMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => {};
  }
}
