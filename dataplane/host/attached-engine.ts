/**
 * The engine of an attached volume behind its socket, whatever makes a block device of it
 * (fuse-attacher.ts, kernel-attacher.ts).
 */
import { access } from 'node:fs/promises';
import { connect } from 'node:net';
import { Fault } from '../base/fault.ts';
import type { EngineProcess } from './engine-process.ts';
import { until } from './until.ts';

export interface AttachedEngineOptions {
  readonly engines: EngineProcess;
  /** What the engines are told about a volume, besides its name and socket. */
  readonly settingsOf: (volume: string) => Promise<object>;
}

/** An engine waits for members this long before it serves, and says why in its log. */
const engineMs = 20_000;
const lookMs = 50;
const greetingMs = 500;

export class AttachedEngine {
  readonly #options: AttachedEngineOptions;

  constructor(options: AttachedEngineOptions) {
    this.#options = options;
  }

  /** Throws when writes were lost while the volume was attached: nobody may hide that. */
  async refuseLost(volume: string): Promise<void> {
    if (!(await this.hasLostWrites(volume))) return;
    throw new Fault('volume.data-lost', `Writes to ${volume} were lost while it was attached.`, {
      hint: 'Unmount it everywhere on this node: attached anew it opens with what is durable.',
    });
  }

  /** Returns when its socket answers. */
  async serve(volume: string, socket: string): Promise<void> {
    const { engines, settingsOf } = this.#options;
    if (!(await engines.serves(volume))) {
      const settings = await settingsOf(volume);
      await engines.serve(volume, { ...settings, volume, socket });
    }
    await answering(socket, {
      forMs: engineMs,
      isHopeless: async () => !(await engines.serves(volume)),
      complaint: async () =>
        (await engines.endOf(volume))?.message ??
        `The engine of ${volume} does not serve yet: ${await engines.lastWords(volume)}`,
    });
  }

  serves(volume: string): Promise<boolean> {
    return this.#options.engines.serves(volume);
  }

  leave(volume: string): Promise<void> {
    return this.#options.engines.leave(volume);
  }

  /** Whether the last engine here ended for lost writes. */
  async hasLostWrites(volume: string): Promise<boolean> {
    return (await this.#options.engines.endOf(volume))?.code === 'volume.data-lost';
  }
}

/** Waits until an NBD server greets on the socket. */
export async function answering(
  socket: string,
  wait: {
    readonly forMs: number;
    readonly isHopeless: () => Promise<boolean>;
    readonly complaint: () => Promise<string>;
  },
): Promise<void> {
  await until(async () => ((await greets(socket)) ? true : undefined), {
    forMs: wait.forMs,
    everyMs: lookMs,
    complaint: async () => new Fault('disk.failed', await wait.complaint(), { retriable: true }),
    hopeless: wait.isHopeless,
  });
}

/** A server of NBD speaks first. One that still opens its volume accepts, and says nothing. */
async function greets(socket: string): Promise<boolean> {
  if (!(await exists(socket))) return false;
  return new Promise((resolve) => {
    const connection = connect(socket);
    const end = (answer: boolean) => {
      connection.destroy();
      resolve(answer);
    };
    connection.setTimeout(greetingMs, () => {
      end(false);
    });
    connection.once('data', () => {
      end(true);
    });
    connection.once('error', () => {
      end(false);
    });
    connection.once('end', () => {
      end(false);
    });
  });
}

export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
