/**
 * Volumes as block devices of the kernel's NBD client: engine → kernel, and no program between.
 *
 * When the engine dies, requests wait in the kernel; `mend` starts it again and gives the device a
 * new connection, on which the kernel repeats what was not answered. The file system sees a stall
 * and no error. What is there is asked of the kernel: the device that has this volume's backend.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '../base/fault.ts';
import type { Log } from '../ports/log.ts';
import type { LivingAttacher } from '../ports/mounts.ts';
import { AttachedEngine, type AttachedEngineOptions, exists } from './attached-engine.ts';
import { makeNode } from './device-node.ts';
import {
  endKernelDevice,
  type KernelExport,
  kernelDeviceOf,
  makeKernelDevice,
  reconnectKernelDevice,
  resizeKernelDevice,
} from './kernel-nbd.ts';
import { isConnected } from './unix-connections.ts';

export interface KernelAttacherOptions extends AttachedEngineOptions {
  /** Holds a folder for each attached volume; empty after a boot. */
  readonly folder: string;
}

export class KernelAttacher implements LivingAttacher {
  readonly #options: KernelAttacherOptions;
  readonly #engine: AttachedEngine;
  readonly #log: Log;

  constructor(options: KernelAttacherOptions, log: Log) {
    this.#options = options;
    this.#engine = new AttachedEngine(options);
    this.#log = log;
  }

  async attach(volume: string, sizeBytes: number): Promise<string> {
    const at = this.#places(volume);
    if (await exists(at.marker)) await this.#engine.refuseLost(volume);
    await mkdir(at.folder, { recursive: true, mode: 0o700 });
    await this.#engine.serve(volume, at.socket);
    const found = await kernelDeviceOf(at.backend);
    const name = found ?? (await makeKernelDevice(at));
    if (found !== undefined) await this.#connect(name, at);
    await resizeKernelDevice(name, at.backend, sizeBytes);
    await writeFile(at.marker, name);
    return deviceFile(name);
  }

  async detach(volume: string): Promise<void> {
    const at = this.#places(volume);
    if (!(await exists(at.folder))) return;
    const name = await kernelDeviceOf(at.backend);
    await rm(at.marker, { force: true });
    if (name !== undefined) await endKernelDevice(name);
    await this.#engine.leave(volume);
    await rm(at.folder, { recursive: true, force: true });
  }

  async device(volume: string): Promise<string | undefined> {
    const at = this.#places(volume);
    if (!(await exists(at.marker))) return undefined;
    const name = await kernelDeviceOf(at.backend);
    return name === undefined ? undefined : deviceFile(name);
  }

  async resize(volume: string, sizeBytes: number): Promise<void> {
    const { backend } = this.#places(volume);
    const name = await kernelDeviceOf(backend);
    if (name === undefined) {
      throw new Fault('disk.failed', `${volume} has no device here that could grow.`, {
        retriable: true,
      });
    }
    await resizeKernelDevice(name, backend, sizeBytes);
  }

  async list(): Promise<readonly string[]> {
    if (!(await exists(this.#options.folder))) return [];
    return readdir(this.#options.folder);
  }

  /**
   * Starts the engine of an attached volume again when it has died, and connects its device again
   * when its connection has. After lost writes neither: the device gives errors, because with a new
   * engine behind it the next flush would tell the file system that all is durable.
   */
  async mend(volume: string): Promise<void> {
    const at = this.#places(volume);
    if (!(await exists(at.marker))) return;
    const name = await kernelDeviceOf(at.backend);
    if (name === undefined) return;
    if (!(await this.#engine.serves(volume))) {
      if (await this.#engine.hasLostWrites(volume)) {
        this.#log.warn('every copy lost writes: the device here gives errors now', { volume });
        await endKernelDevice(name);
        return;
      }
      this.#log.warn('the engine of an attached volume had ended; it is started again', { volume });
      await this.#engine.serve(volume, at.socket);
    }
    await this.#connect(name, at);
  }

  /**
   * Ends device and engine of a volume that another node serves now: what waits gets an error
   * instead of waiting for ever, and the file system shuts down.
   */
  async cutOff(volume: string): Promise<void> {
    const at = this.#places(volume);
    if (!(await exists(at.marker))) return;
    const name = await kernelDeviceOf(at.backend);
    if (name === undefined && !(await this.#engine.serves(volume))) return;
    this.#log.warn('the volume is attached elsewhere: its device here is ended', { volume });
    if (name !== undefined) await endKernelDevice(name);
    await this.#engine.leave(volume);
  }

  async #connect(name: string, at: Places): Promise<void> {
    const pid = await this.#options.engines.pid();
    if (pid !== undefined && (await isConnected(at.socket, pid))) return;
    await reconnectKernelDevice(name, at);
  }

  #places(volume: string): Places {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(volume)) {
      throw new Fault('input.invalid', `"${volume}" cannot be the name of a volume.`);
    }
    const folder = path.join(this.#options.folder, volume);
    const socket = path.join(folder, 'engine.sock');
    // The path is this volume's on this node alone, also where nodes share a kernel.
    return { name: volume, folder, socket, backend: socket, marker: path.join(folder, 'attached') };
  }
}

interface Places extends KernelExport {
  readonly folder: string;
  /** Its device was handed out. */
  readonly marker: string;
}

async function deviceFile(name: string): Promise<string> {
  const number = await readFile(`/sys/block/${name}/dev`, 'utf8');
  const device = path.join('/dev', name);
  await makeNode(device, number.trim());
  return device;
}
