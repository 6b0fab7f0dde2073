/**
 * Volumes as block devices without a kernel module: engine → nbdkit → nbdfuse → loop device, each
 * program a process that outlives this pod.
 *
 * nbdkit stands between with its `retry` filter: when the engine is started again it connects anew
 * and repeats what was not answered, so that the file system sees a stall and no error. What is
 * there is asked of the kernel: sockets, the FUSE mount, the file behind a loop device.
 */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '../base/fault.ts';
import { roomyExport } from '../nbd/export-info.ts';
import type { Log } from '../ports/log.ts';
import type { LivingAttacher } from '../ports/mounts.ts';
import {
  AttachedEngine,
  type AttachedEngineOptions,
  answering,
  exists,
} from './attached-engine.ts';
import { endLasting, isRunning, type LastingOptions, startLasting } from './lasting-process.ts';
import { isLoopLeft, loopOver, makeLoop, partOf, removeLoop, sizePart } from './loop-devices.ts';
import { mountTable } from './mounts.ts';
import { mustRun } from './programs.ts';
import { until } from './until.ts';

export interface FuseAttacherOptions extends AttachedEngineOptions {
  /** Holds a folder for each attached volume; empty after a boot, and a mount that is shared. */
  readonly folder: string;
  /** Whether this process runs in a pod, which its programs must outlive. */
  readonly inPod: boolean;
}

const programMs = 5_000;
const lookMs = 50;

export class FuseAttacher implements LivingAttacher {
  readonly #options: FuseAttacherOptions;
  readonly #engine: AttachedEngine;
  readonly #log: Log;

  constructor(options: FuseAttacherOptions, log: Log) {
    this.#options = options;
    this.#engine = new AttachedEngine(options);
    this.#log = log;
  }

  async attach(volume: string, sizeBytes: number): Promise<string> {
    const at = this.#places(volume);
    if (await exists(at.marker)) await this.#engine.refuseLost(volume);
    await mkdir(at.folder, { recursive: true, mode: 0o700 });
    await this.#engine.serve(volume, at.engineSocket);
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
    await this.#engine.leave(volume);
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
    if (!(await exists(at.marker)) || (await this.#engine.serves(volume))) return;
    if (await this.#engine.hasLostWrites(volume)) {
      if (!(await isRunning(at.relay))) return;
      this.#log.warn('every copy lost writes: the device here gives errors now', { volume });
      await endLasting(at.relay, programMs);
      return;
    }
    this.#log.warn('the engine of an attached volume had ended; it is started again', { volume });
    await this.#engine.serve(volume, at.engineSocket);
  }

  /**
   * Ends engine and relay of a volume that another node serves now: what waits gets an error
   * instead of waiting for ever, and the file system shuts down.
   */
  async cutOff(volume: string): Promise<void> {
    const at = this.#places(volume);
    if (!(await exists(at.marker))) return;
    if (!(await this.#engine.serves(volume)) && !(await isRunning(at.relay))) return;
    this.#log.warn('the volume is attached elsewhere: its device here is ended', { volume });
    await endLasting(at.relay, programMs);
    await this.#engine.leave(volume);
  }

  #places(volume: string): Places {
    return placesOf(this.#options.folder, volume);
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

async function notYet(what: string, stem: string): Promise<Fault> {
  return new Fault('disk.failed', `${what}: ${await lastWords(stem)}`, { retriable: true });
}

async function lastWords(stem: string): Promise<string> {
  const text = await readFile(`${stem}.log`, 'utf8').catch(() => '');
  const last = text.trim().split('\n').slice(-3).join(' | ').slice(-600);
  return last === '' ? 'it printed nothing' : last;
}

async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}
