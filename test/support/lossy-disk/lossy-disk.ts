/**
 * A directory on a file system on a disk that loses, fails and rots as it is told: our own fault
 * server, nbdfuse, a loop device, ext4. It stands in for real disks, which nobody can tell to.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { makeLoop, removeLoop } from '../../../dataplane/host/loop-devices.ts';
import { waitFor } from '../../../lab/cluster/wait.ts';
import { run, succeed } from '../nbd/programs.ts';
import type { LossyRequest } from './lossy-server.ts';

/** Of which a store keeps 64 free for its own needs: dataplane/base/limits.ts. */
const mebibytes = 160;
const programMs = 10_000;

export class LossyDisk {
  readonly #folder: string;
  readonly #directory: string;
  readonly #server: ChildProcess;
  #fuse: ChildProcess | undefined;
  #device: string | undefined;

  private constructor(folder: string, directory: string) {
    this.#folder = folder;
    this.#directory = directory;
    mkdirSync(folder);
    const program = path.join(import.meta.dirname, 'lossy-server.ts');
    this.#server = fork(program, [this.#socket, String(mebibytes)]);
  }

  /**
   * @param folder does not exist; for what is needed meanwhile
   * @param directory exists; where the file system is to be mounted
   */
  static async make(folder: string, directory: string): Promise<LossyDisk> {
    const disk = new LossyDisk(folder, directory);
    await once(disk.#server, 'message', { signal: AbortSignal.timeout(programMs) });
    await disk.#makeDevice();
    // On so small a device it would take smaller blocks, and tear those of the volume.
    await succeed('mkfs.ext4', '-q', '-F', '-b', '4096', disk.#device ?? '');
    await succeed('mount', '-t', 'ext4', disk.#device ?? '', directory);
    // A store wants an empty directory.
    await succeed('rmdir', path.join(directory, 'lost+found'));
    return disk;
  }

  /** Power comes back, and the file system is mounted again. */
  async mount(): Promise<void> {
    await this.#ask({ ask: 'restore-power' });
    await this.#makeDevice();
    await succeed('mount', '-t', 'ext4', this.#device ?? '', this.#directory);
  }

  /** In good order; nobody may use the directory any more. */
  async unmount(): Promise<void> {
    await succeed('umount', this.#directory);
    await this.#removeDevice();
  }

  /**
   * What was not flushed is lost at random, nothing is answered any more, and the mount is gone.
   *
   * @returns how many blocks lost something of what the disk held in its cache
   */
  async losePower(seed: number): Promise<number> {
    const lost = await this.#ask({ ask: 'lose-power', seed });
    await run('umount', '--lazy', this.#directory);
    await this.#removeDevice();
    return lost;
  }

  /** Requests of these kinds fail until power is lost. */
  async fail(kinds: readonly ('write' | 'flush')[]): Promise<void> {
    await this.#ask({ ask: 'fail', kinds });
  }

  /**
   * Flips a bit in each block that begins so, or makes it unreadable until it is written; the file
   * system must not be mounted, because it would not ask.
   *
   * @returns how many blocks there were
   */
  damage(how: 'flip' | 'unreadable', beginning: string): Promise<number> {
    return this.#ask({ ask: 'damage', how, beginning });
  }

  async dispose(): Promise<void> {
    await run('umount', '--lazy', this.#directory);
    await this.#removeDevice();
    this.#server.kill('SIGKILL');
  }

  get #socket(): string {
    return path.join(this.#folder, 'disk.sock');
  }

  async #makeDevice(): Promise<void> {
    const file = path.join(this.#folder, 'fuse/disk');
    mkdirSync(path.dirname(file), { recursive: true });
    this.#fuse = spawn('nbdfuse', [file, '--unix', this.#socket], { stdio: 'ignore' });
    const isThere = async () => (await stat(file)).isFile();
    await waitFor('nbdfuse to show the lossy disk', isThere, programMs);
    this.#device = await makeLoop(file);
  }

  async #removeDevice(): Promise<void> {
    if (this.#device !== undefined) await removeLoop(this.#device);
    this.#device = undefined;
    await run('umount', '--lazy', path.join(this.#folder, 'fuse'));
    this.#fuse?.kill('SIGKILL');
    this.#fuse = undefined;
  }

  async #ask(request: LossyRequest): Promise<number> {
    const answered = once(this.#server, 'message', { signal: AbortSignal.timeout(programMs) });
    this.#server.send(request);
    const [answer] = (await answered) as [number];
    return answer;
  }
}
