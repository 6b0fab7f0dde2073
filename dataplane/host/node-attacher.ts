/**
 * How this node makes devices of volumes: by the kernel's NBD client where it can, by FUSE and loop
 * devices where not. It is found out once, and said with its reason. A volume that is attached
 * already stays with the way it was attached by.
 */
import os from 'node:os';
import type { Log } from '../ports/log.ts';
import type { LivingAttacher } from '../ports/mounts.ts';
import { hasKernelNbd } from './kernel-nbd.ts';
import { runProgram } from './programs.ts';

export interface AttachChoice {
  readonly kind: 'kernel' | 'fuse';
  /** Ends a sentence that begins with what is chosen. */
  readonly because: string;
}

/** The first whose devices keep the name of their backend. */
const kernelMin = [5, 14] as const;

export async function chooseAttach(): Promise<AttachChoice> {
  const fuse = (because: string): AttachChoice => ({ kind: 'fuse', because });
  if (os.endianness() !== 'LE') return fuse('netlink is spoken on little-endian machines only');
  const release = os.release();
  if (!isAtLeast(release, kernelMin)) {
    return fuse(`kernel ${release} does not keep whose device is whose, from 5.14 on it does`);
  }
  try {
    if (await hasKernelNbd()) return { kind: 'kernel', because: `kernel ${release} has nbd` };
    // The modules are the machine's, as is the program that knows them.
    const load = ['--target', '1', '--mount', 'modprobe', 'nbd'];
    const { stderr } = await runProgram('nsenter', load);
    if (await hasKernelNbd()) return { kind: 'kernel', because: `nbd of kernel ${release} loads` };
    return fuse(`kernel ${release} has no nbd: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  } catch (error) {
    return fuse(`the kernel's nbd cannot be asked: ${String(error)}`);
  }
}

function isAtLeast(release: string, [major, minor]: readonly [number, number]): boolean {
  const [, found = '0', below = '0'] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(found) > major || (Number(found) === major && Number(below) >= minor);
}

export class NodeAttacher implements LivingAttacher {
  readonly #ways: Readonly<Record<AttachChoice['kind'], LivingAttacher>>;
  readonly #chosen: LivingAttacher;

  constructor(
    choice: AttachChoice,
    ways: Readonly<Record<AttachChoice['kind'], LivingAttacher>>,
    log: Log,
  ) {
    this.#ways = ways;
    this.#chosen = ways[choice.kind];
    const way = { kernel: "the kernel's NBD client", fuse: 'FUSE and loop devices' }[choice.kind];
    log.info(`attaches volumes by ${way}`, { because: choice.because });
  }

  async attach(volume: string, sizeBytes: number): Promise<string> {
    return (await this.#wayOf(volume)).attach(volume, sizeBytes);
  }

  async resize(volume: string, sizeBytes: number): Promise<void> {
    await (await this.#wayOf(volume)).resize(volume, sizeBytes);
  }

  async detach(volume: string): Promise<void> {
    await (await this.#wayOf(volume)).detach(volume);
  }

  async device(volume: string): Promise<string | undefined> {
    return (await this.#wayOf(volume)).device(volume);
  }

  async list(): Promise<readonly string[]> {
    const { kernel, fuse } = this.#ways;
    return [...(await kernel.list()), ...(await fuse.list())];
  }

  async mend(volume: string): Promise<void> {
    await (await this.#wayOf(volume)).mend(volume);
  }

  async cutOff(volume: string): Promise<void> {
    await (await this.#wayOf(volume)).cutOff(volume);
  }

  async #wayOf(volume: string): Promise<LivingAttacher> {
    for (const way of [this.#ways.kernel, this.#ways.fuse]) {
      if ((await way.list()).includes(volume)) return way;
    }
    return this.#chosen;
  }
}
