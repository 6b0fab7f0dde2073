/**
 * Processes that serve during a benchmark, and the folders they use: started, waited for, and all
 * gone at the end.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { waitFor } from '../lab/cluster/wait.ts';
import { isAnswered } from '../test/support/nbd/programs.ts';

const startTimeoutMs = 15_000;

export class Servers implements AsyncDisposable {
  /** On the disk that is measured. */
  readonly folder: string;
  /** For sockets, whose paths must be short. */
  readonly #sockets = mkdtempSync(path.join(tmpdir(), 'larder-bench-'));
  readonly #children: ChildProcess[] = [];
  readonly #prepared = new Set<string>();

  constructor(parent: string) {
    mkdirSync(parent, { recursive: true });
    this.folder = mkdtempSync(path.join(parent, 'run-'));
  }

  socket(name: string): string {
    return path.join(this.#sockets, name);
  }

  /**
   * Has Node keep the stripped and compiled code of a program. The files of the image are stripped
   * when it is built; a process that strips types itself holds 29 MiB more.
   */
  prepare(entry: string): void {
    if (this.#prepared.has(entry)) return;
    this.#prepared.add(entry);
    // Without a configuration it says so and ends, which is when the cache is written.
    spawnSync(process.execPath, [entry], { env: this.#env, stdio: 'ignore' });
  }

  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, NODE_COMPILE_CACHE: path.join(this.folder, 'compiled') };
  }

  /** Resolves with the process id when the program answers on its sockets. */
  async start(
    command: string,
    args: readonly string[],
    ...sockets: readonly string[]
  ): Promise<number> {
    const stdio = ['ignore', 'ignore', 'pipe'] as const;
    const child = spawn(command, args, { stdio: [...stdio], env: this.#env });
    this.#children.push(child);
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2_000);
    });
    const look = async () => {
      if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}: ${said}`);
      return (await Promise.all(sockets.map(isAnswered))).every(Boolean);
    };
    await waitFor(`${command} ${args.join(' ')}`, look, startTimeoutMs);
    return child.pid ?? 0;
  }

  /** Ends one as a power cut would. */
  async end(pid: number): Promise<void> {
    const child = this.#children.find((one) => one.pid === pid);
    if (child !== undefined) await kill(child);
  }

  /** Ends everything, the last one started first, and removes the folders. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.toReversed()) await kill(child);
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(this.#sockets, { recursive: true, force: true });
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** fio's arguments for an export on a unix socket. */
export function nbdArgs(socket: string, exportName = ''): readonly string[] {
  return ['--ioengine=nbd', `--uri=nbd+unix:///${exportName}?socket=${socket}`];
}
