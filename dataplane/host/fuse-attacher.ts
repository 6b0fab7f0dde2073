/**
 * Volumes as block devices without a kernel module: engine → nbdkit → nbdfuse → loop device, each
 * program a process that outlives this pod.
 *
 * nbdkit stands between with its `retry` filter: when the engine is started again it connects anew
 * and repeats what was not answered, so that the file system sees a stall and no error. What is
 * there is asked of the kernel: sockets, the FUSE mount, the file behind a loop device.
 */
import { access, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { Fault } from '../base/fault.ts';
import { roomyExport } from '../nbd/export-info.ts';
import type { Log } from '../ports/log.ts';
import type { Attacher } from '../ports/mounts.ts';
import type { EngineProcess } from './engine-process.ts';
import { endLasting, isRunning, type LastingOptions, startLasting } from './lasting-process.ts';
import { isLoopLeft, loopOver, makeLoop, partOf, removeLoop, sizePart } from './loop-devices.ts';
import { mountTable } from './mounts.ts';
import { mustRun } from './programs.ts';
import { until } from './until.ts';

export interface FuseAttacherOptions {
  /** Holds a folder for each attached volume; empty after a boot, and a mount that is shared. */
  readonly folder: string;
  readonly engines: EngineProcess;
  /** Whether this process runs in a pod, which its programs must outlive. */
  readonly inPod: boolean;
  /** What the engines are told about a volume, besides its name and socket. */
  readonly settingsOf: (volume: string) => Promise<object>;
}

/** An engine waits for members this long before it serves, and says why in its log. */
const engineMs = 20_000;
const programMs = 5_000;
const lookMs = 50;
const greetingMs = 500;

export class FuseAttacher implements Attacher {
  readonly #options: FuseAttacherOptions;
  readonly #log: Log;

  constructor(options: FuseAttacherOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  async attach(volume: string, sizeBytes: number): Promise<string> {
    const at = this.#places(volume);
    if ((await exists(at.marker)) && (await this.#hasLostWrites(volume))) {
      throw new Fault('volume.data-lost', `Writes to ${volume} were lost while it was attached.`, {
        hint: 'Unmount it everywhere on this node: attached anew it opens with what is durable.',
      });
    }
    await mkdir(at.folder, { recursive: true, mode: 0o700 });
    await this.#serveEngine(volume, at);
    if (!(await isRunning(at.relay))) {
      await rm(at.relaySocket, { force: true });
      // It repeats for as long as it lives: whoever detaches the volume ends it.
      // nbdfuse learns the size once; the volume may grow.
      const source = ['nbd', `socket=${at.engineSocket}`, `export=${roomyExport(volume)}`];
      const retry = ['retries=1000000000', 'retry-delay=1', 'retry-exponential=no'];
      const args = ['--foreground', '--unix', at.relaySocket, '--filter=retry'];
      // nbdkit asks to be ended with its parent, which would be this pod: it gets one that lasts.
      const parent = ['-c', 'nbdkit "$@" & wait $!', 'relay'];
      await this.#start({
        stem: at.relay,
        program: 'sh',
        args: [...parent, ...args, ...source, ...retry],
      });
    }
    await answering(at.relaySocket, {
      forMs: programMs,
      isHopeless: async () => !(await isRunning(at.relay)),
      complaint: async () => `The relay of ${volume} does not serve: ${await lastWords(at.relay)}`,
    });
    await this.#mountFuse(at);
    const loop = (await this.#loopOf(at.file)) ?? (await makeLoop(at.file));
    const device = await sizePart(loop, sizeBytes);
    await writeFile(at.marker, loop);
    return device;
  }

  async detach(volume: string): Promise<void> {
    const at = this.#places(volume);
    if (!(await exists(at.folder))) return;
    const device = (await this.#loopOf(at.file)) ?? (await this.#loopLeft(at));
    await rm(at.marker, { force: true });
    if (device !== undefined) await removeLoop(device);
    await unmountFuse(at.mount);
    await endLasting(at.fuse, programMs);
    await endLasting(at.relay, programMs);
    await this.#options.engines.leave(volume);
    await rm(at.folder, { recursive: true, force: true });
  }

  async device(volume: string): Promise<string | undefined> {
    const at = this.#places(volume);
    if (!(await exists(at.marker))) return undefined;
    const loop = await this.#loopOf(at.file);
    return loop === undefined ? undefined : partOf(loop);
  }

  async resize(volume: string, sizeBytes: number): Promise<void> {
    const loop = await this.#loopOf(this.#places(volume).file);
    if (loop === undefined) {
      throw new Fault('disk.failed', `${volume} has no device here that could grow.`, {
        retriable: true,
      });
    }
    await sizePart(loop, sizeBytes);
  }

  async list(): Promise<readonly string[]> {
    if (!(await exists(this.#options.folder))) return [];
    return readdir(this.#options.folder);
  }

  /**
   * Starts the engine of an attached volume again when it has died. One that ended because every
   * copy lost writes stays down, and its relay is ended: with a new engine behind it the relay
   * would hide the loss, and the next flush would tell the file system that all is durable.
   */
  async mend(volume: string): Promise<void> {
    const at = this.#places(volume);
    if (!(await exists(at.marker)) || (await this.#options.engines.serves(volume))) return;
    if (await this.#hasLostWrites(volume)) {
      if (!(await isRunning(at.relay))) return;
      this.#log.warn('every copy lost writes: the device here gives errors now', { volume });
      await endLasting(at.relay, programMs);
      return;
    }
    this.#log.warn('the engine of an attached volume had ended; it is started again', { volume });
    await this.#serveEngine(volume, at);
  }

  /**
   * Ends engine and relay of a volume that another node serves now: what waits gets an error
   * instead of waiting for ever, and the file system shuts down.
   */
  async cutOff(volume: string): Promise<void> {
    const at = this.#places(volume);
    if (!(await exists(at.marker))) return;
    const { engines } = this.#options;
    if (!(await engines.serves(volume)) && !(await isRunning(at.relay))) return;
    this.#log.warn('the volume is attached elsewhere: its device here is ended', { volume });
    await endLasting(at.relay, programMs);
    await engines.leave(volume);
  }

  #places(volume: string): Places {
    return placesOf(this.#options.folder, volume);
  }

  async #serveEngine(volume: string, at: Places): Promise<void> {
    const { engines, settingsOf } = this.#options;
    if (!(await engines.serves(volume))) {
      const settings = await settingsOf(volume);
      await engines.serve(volume, { ...settings, volume, socket: at.engineSocket });
    }
    await answering(at.engineSocket, {
      forMs: engineMs,
      isHopeless: async () => !(await engines.serves(volume)),
      complaint: async () =>
        (await engines.endOf(volume))?.message ??
        `The engine of ${volume} does not serve yet: ${await engines.lastWords(volume)}`,
    });
  }

  /** Whether the last engine here ended for lost writes. */
  async #hasLostWrites(volume: string): Promise<boolean> {
    return (await this.#options.engines.endOf(volume))?.code === 'volume.data-lost';
  }

  async #start(options: Omit<LastingOptions, 'leavePod'>): Promise<void> {
    await startLasting({ ...options, leavePod: this.#options.inPod });
  }

  async #mountFuse(at: Places): Promise<void> {
    if (await isFile(at.file)) return;
    await unmountFuse(at.mount);
    await endLasting(at.fuse, programMs);
    await mkdir(at.mount, { recursive: true, mode: 0o700 });
    await this.#start({
      stem: at.fuse,
      program: 'nbdfuse',
      args: [at.file, '--unix', at.relaySocket],
    });
    await until(async () => ((await isFile(at.file)) ? true : undefined), {
      forMs: programMs,
      everyMs: lookMs,
      complaint: async () => notYet(`nbdfuse did not mount ${at.mount}`, at.fuse),
    });
  }

  async #loopOf(file: string): Promise<string | undefined> {
    return (await isFile(file)) ? loopOver(file) : undefined;
  }

  /**
   * The device that was handed out, once what is behind it is gone: it would stay for ever, and
   * nothing but the note of it says whose it was. The note is of this boot, as is the device.
   */
  async #loopLeft({ marker, file }: Places): Promise<string | undefined> {
    const noted = await readFile(marker, 'utf8').catch(() => '');
    if (noted === '') return undefined;
    return (await isLoopLeft(noted, file)) ? noted : undefined;
  }
}

/** Everything of one volume lies in its folder. */
function placesOf(root: string, volume: string) {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(volume)) {
    throw new Fault('input.invalid', `"${volume}" cannot be the name of a volume.`);
  }
  const folder = path.join(root, volume);
  const inside = (name: string) => path.join(folder, name);
  return {
    folder,
    engineSocket: inside('engine.sock'),
    relay: inside('relay'),
    relaySocket: inside('relay.sock'),
    fuse: inside('fuse'),
    mount: inside('disk'),
    file: inside('disk/volume'),
    /** Its device was handed out. */
    marker: inside('attached'),
  };
}

type Places = ReturnType<typeof placesOf>;

async function unmountFuse(folder: string): Promise<void> {
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    if (!(await mountTable()).some((mount) => mount.path === folder)) return;
    // The device above it is gone; what is still open here keeps nothing that counts.
    await mustRun('umount', ['--lazy', folder]);
  }
}

async function answering(
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

async function notYet(what: string, stem: string): Promise<Fault> {
  return new Fault('disk.failed', `${what}: ${await lastWords(stem)}`, { retriable: true });
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

async function lastWords(stem: string): Promise<string> {
  const text = await readFile(`${stem}.log`, 'utf8').catch(() => '');
  const last = text.trim().split('\n').slice(-3).join(' | ').slice(-600);
  return last === '' ? 'it printed nothing' : last;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}
