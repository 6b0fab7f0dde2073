/** A replicated volume of real processes, attached to this machine, and ways to strike it. */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { EngineProcess } from '../../../dataplane/host/engine-process.ts';
import { FuseAttacher } from '../../../dataplane/host/fuse-attacher.ts';
import { KernelAttacher } from '../../../dataplane/host/kernel-attacher.ts';
import type { LivingAttacher } from '../../../dataplane/ports/mounts.ts';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import { waitFor } from '../../../lab/cluster/wait.ts';
import { RunningVolume } from '../../process/running-volume.ts';
import { run as tryRun } from '../../support/nbd/programs.ts';

const members = ['left', 'right'];

/** In the guest (guest.spec.ts) the same tests run on devices of the kernel's NBD client. */
export const byKernel = process.env['LARDER_ATTACH'] === 'kernel';
/** Bounds there are so many times longer. */
export const patience = byKernel ? 3 : 1;
/** For an engine to give up on a member, and for a member to be copied anew. */
const memberMs = 20_000 * patience;

/** Of which one try may take a third. */
const mendMs = 60_000;

export type Victim = 'left' | 'right' | 'engine';

/** A volume of two replica servers, attached here and with a place to mount it. */
export class AttachedVolume {
  readonly running: RunningVolume;
  readonly directory: string;
  readonly #attacher: LivingAttacher;
  readonly #folder: string;
  readonly #engines: EngineProcess;

  private constructor(running: RunningVolume, directory: string) {
    this.running = running;
    this.directory = directory;
    this.#folder = path.join(running.directory, 'attached');
    for (const folder of [this.directory, this.#folder]) mkdirSync(folder, { recursive: true });
    const quiet = { info: () => {}, warn: () => {} };
    this.#engines = new EngineProcess(
      {
        folder: path.join(running.directory, 'engines'),
        program: process.execPath,
        args: [path.join(repositoryRoot, 'dataplane/main/engine.ts')],
        inPod: false,
        version: '1',
        settings: {},
      },
      quiet,
    );
    const settingsOf = async () => ({ record: path.join(running.directory, 'record') });
    const options = { folder: this.#folder, engines: this.#engines, inPod: false, settingsOf };
    this.#attacher = byKernel
      ? new KernelAttacher(options, quiet)
      : new FuseAttacher(options, quiet);
  }

  /** @param directory where it will be mounted; one of its own unless told */
  static async make(sizeBytes: number, directory?: string): Promise<AttachedVolume> {
    const running = await RunningVolume.make(members, sizeBytes);
    // The attacher starts an engine of its own.
    await running.kill('engine', 'SIGTERM');
    return new AttachedVolume(running, directory ?? path.join(running.directory, 'mounted'));
  }

  attach(): Promise<string> {
    return this.#attacher.attach(this.running.volume, this.running.sizeBytes);
  }

  detach(): Promise<void> {
    return this.#attacher.detach(this.running.volume);
  }

  /** What another node's engine makes of the volume here: nothing serves the device any more. */
  cutOff(): Promise<void> {
    return this.#attacher.cutOff(this.running.volume);
  }

  /** Kills it and returns when it is there again and the copies are in sync. */
  async killAndMend(victim: Victim): Promise<void> {
    if (victim === 'engine') {
      this.signalEngine('SIGKILL');
      await this.engineEnds();
      await this.mend();
    } else {
      await this.running.kill(victim);
      // The record goes on calling it in sync until the engine has given it up. Whoever asks
      // earlier is misled, kills the other one, and then no copy can prove that it lost nothing.
      await this.running.untilInSync(
        members.filter((id) => id !== victim),
        memberMs,
      );
      await this.running.startMember(victim);
    }
    await this.running.untilInSync(members, memberMs);
  }

  /** Kills the engine together with a member, which no engine could see leave. */
  async killEngineWith(member: string): Promise<void> {
    this.signalEngine('SIGKILL');
    await this.running.kill(member);
    await this.engineEnds();
    await this.mend();
    await this.running.untilInSync(
      members.filter((id) => id !== member),
      memberMs,
    );
    await this.running.startMember(member);
    await this.running.untilInSync(members, memberMs);
  }

  /**
   * What is left when the machine that uses the volume loses its power: the engine ends at once,
   * and what the file system had not yet written is gone. Mounts must be taken away after it.
   */
  async loseClient(): Promise<void> {
    this.signalEngine('SIGKILL');
    await this.cutOff();
  }

  /** Kills every copy before any can be told by another what it missed, and starts all again. */
  async killAllMembers(): Promise<void> {
    for (const member of members) await this.running.kill(member);
    for (const member of members) await this.running.startMember(member);
  }

  /** As the CSI node does it: again and again until it succeeds. */
  async mend(): Promise<void> {
    const mended = async () => {
      await this.#attacher.mend(this.running.volume);
      return true;
    };
    await waitFor('the engine to be back', mended, mendMs);
  }

  signalEngine(signal: 'SIGTERM' | 'SIGKILL'): void {
    const file = path.join(this.running.directory, 'engines/engines.pid');
    process.kill((JSON.parse(readFileSync(file, 'utf8')) as { readonly pid: number }).pid, signal);
  }

  async engineEnds(): Promise<void> {
    const gone = async () => !(await this.#engines.serves(this.running.volume));
    await waitFor('the engine to be gone', gone, memberMs);
  }

  /** Takes everything away, also with requests that nobody will answer. */
  async drop(): Promise<void> {
    await this.cutOff();
    await tryRun('umount', '--lazy', this.directory);
    await this.detach();
    await this.#engines.end();
    await this.running.dispose();
  }
}
