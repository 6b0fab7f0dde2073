/**
 * The process of a node's engines as the CSI node sees it: one for all attached volumes, which
 * outlives the pod that started it.
 *
 * There is no protocol between the two. What is to be served stands in a folder, a file for each
 * volume, and the process follows the folder (main/engine-folder.ts); beside it the process writes
 * why a volume is served no more. Whichever of them starts anew finds there what is so.
 */
import { mkdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import type { Log } from '../ports/log.ts';
import { endLasting, isRunning, pidOf, startLasting } from './lasting-process.ts';
import { until } from './until.ts';

export interface EngineProcessOptions {
  /** In memory and on the node: as long-lived as what is attached. */
  readonly folder: string;
  /** What runs it, before its configuration file. */
  readonly program: string;
  readonly args: readonly string[];
  /** Whether this process runs in a pod, which the engines must outlive. */
  readonly inPod: boolean;
  /** Of the code: a process of another version is replaced by `renew`. */
  readonly version: string;
  /** How it reaches peers and records; see main/engine.ts. */
  readonly settings: object;
}

/** Why a volume is served no more. */
const endSchema = z.object({ code: z.string(), message: z.string() });
export type EngineEnd = z.infer<typeof endSchema>;

/** Longer than the process takes to give a volume up that cannot be flushed. */
const leaveMs = 25_000;
const stopMs = 30_000;
const lookMs = 20;
const logBytesMax = 4 * 2 ** 20;

export class EngineProcess {
  readonly #options: EngineProcessOptions;
  readonly #log: Log;
  readonly #stem: string;
  readonly #volumes: string;
  /** Two volumes at once must not start two processes. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: EngineProcessOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#stem = path.join(options.folder, 'engines');
    this.#volumes = path.join(options.folder, 'volumes');
  }

  /** Returns when the process knows it; it serves when its socket answers. */
  async serve(volume: string, settings: object): Promise<void> {
    await mkdir(this.#volumes, { recursive: true, mode: 0o700 });
    await rm(this.#endFile(volume), { force: true });
    await this.#put(this.#file(volume), settings);
    await this.#inTurn(async () => this.#startOnce());
  }

  /** It has a process that was told to serve it and has not given up. */
  async serves(volume: string): Promise<boolean> {
    if ((await this.endOf(volume)) !== undefined) return false;
    return (await exists(this.#file(volume))) && isRunning(this.#stem);
  }

  /** Of the process, while there is one. */
  pid(): Promise<number | undefined> {
    return pidOf(this.#stem);
  }

  /** Why the volume is served no more; undefined while it is, and when it never was. */
  async endOf(volume: string): Promise<EngineEnd | undefined> {
    const text = await readFile(this.#endFile(volume), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : endSchema.parse(JSON.parse(text));
  }

  /** Makes durable what was taken, where that can be done, and serves the volume no more. */
  async leave(volume: string): Promise<void> {
    const known = await exists(this.#file(volume));
    await rm(this.#file(volume), { force: true });
    if (known) {
      const left = async () =>
        (await exists(this.#endFile(volume))) || !(await isRunning(this.#stem)) ? true : undefined;
      await until(left, {
        forMs: leaveMs,
        everyMs: lookMs,
        complaint: async () =>
          new Fault('disk.failed', `The engine of ${volume} does not end.`, {
            hint: `${this.#stem}.log on the node says what it waits for; killing its process costs the other volumes of the node a stall of seconds.`,
            retriable: true,
          }),
      });
    }
    await rm(this.#endFile(volume), { force: true });
  }

  /**
   * Replaces a process of another version, at the cost of a stall for what is attached; keeps its
   * log short. For the start of a node's pod.
   */
  async renew(): Promise<void> {
    const log = await stat(`${this.#stem}.log`).catch(() => undefined);
    if (log !== undefined && log.size > logBytesMax) await truncate(`${this.#stem}.log`);
    if (!(await isRunning(this.#stem))) return;
    const running = await readFile(`${this.#stem}.version`, 'utf8').catch(() => '');
    if (running === this.#options.version) return;
    this.#log.info('replaces the engines by those of this version', { running });
    await this.#inTurn(async () => {
      await endLasting(this.#stem, stopMs);
      await this.#startOnce();
    });
  }

  /** Ends the process, and with it every engine. */
  async end(): Promise<void> {
    await endLasting(this.#stem, stopMs);
  }

  /** What it logged last about the volume, for a message. */
  async lastWords(volume: string): Promise<string> {
    const text = await readFile(`${this.#stem}.log`, 'utf8').catch(() => '');
    const lines = text.trim().split('\n');
    const about = lines.filter((line) => line.includes(`"${volume}"`));
    const last = (about.length > 0 ? about : lines).slice(-3).join(' | ').slice(-600);
    return last === '' ? 'it printed nothing' : last;
  }

  async #startOnce(): Promise<void> {
    if (await isRunning(this.#stem)) return;
    const { program, args, inPod, settings, version } = this.#options;
    const file = `${this.#stem}.json`;
    await this.#put(file, { ...settings, folder: this.#volumes });
    await writeFile(`${this.#stem}.version`, version);
    await startLasting({ stem: this.#stem, program, args: [...args, file], leavePod: inPod });
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Whole or not at all: somebody may be reading. */
  async #put(file: string, content: object): Promise<void> {
    await writeFile(`${file}.new`, JSON.stringify(content), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }

  #file(volume: string): string {
    return path.join(this.#volumes, `${volume}.json`);
  }

  #endFile(volume: string): string {
    return path.join(this.#volumes, `${volume}.ended`);
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
