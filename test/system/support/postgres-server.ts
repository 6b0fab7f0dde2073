/**
 * PostgreSQL of the lab's image on this machine without a container: its files unpacked into a
 * folder that becomes the root of its processes. Its data lies wherever the caller mounts it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { LabFault } from '../../../lab/base/fault.ts';
import { waitFor } from '../../../lab/cluster/wait.ts';
import { run as tryRun } from '../../support/nbd/programs.ts';

/** Of the image: lab/images/recipes.ts. */
const uid = 999;
const programs = '/usr/lib/postgresql/15/bin';
const dataFolder = '/var/lib/postgresql/data';
const startMs = 20_000;

/** What makes a small database on a small volume write often, as a large one would. */
const settings = {
  listen_addresses: '',
  unix_socket_directories: '/tmp',
  // There is no /dev/shm in this root.
  dynamic_shared_memory_type: 'mmap',
  shared_buffers: '16MB',
  max_wal_size: '32MB',
  min_wal_size: '2MB',
  checkpoint_timeout: '30s',
  wal_recycle: 'off',
  log_checkpoints: 'off',
};

export class PostgresServer {
  readonly #root: string;
  #postmaster: ChildProcess | undefined;
  #log = '';

  private constructor(root: string) {
    this.#root = root;
  }

  /** @param archive of the image, in the format of `docker save` */
  static unpack(archive: string, root: string): PostgresServer {
    mkdirSync(root, { recursive: true });
    const manifest = execFileSync('tar', ['-xOf', archive, 'manifest.json']).toString();
    const [image] = JSON.parse(manifest) as [{ Layers: string[] }];
    for (const layer of image.Layers) {
      const unpack = 'tar -xOf "$1" "$2" | tar -xC "$3"';
      execFileSync('sh', ['-c', unpack, 'unpack', archive, layer, root]);
    }
    for (const [name, minor] of [
      ['null', '3'],
      ['urandom', '9'],
    ] as const) {
      const device = path.join(root, 'dev', name);
      execFileSync('rm', ['--force', device]);
      execFileSync('mknod', ['--mode=0666', device, 'c', '1', minor]);
    }
    return new PostgresServer(root);
  }

  /** Where its data is to be mounted. */
  get mountPoint(): string {
    return path.join(this.#root, dataFolder);
  }

  /** Makes an empty cluster with checksums on what is mounted. */
  async initialise(): Promise<void> {
    chownSync(this.mountPoint, uid, uid);
    const cluster = ['--pgdata', `${dataFolder}/pgdata`, '--data-checksums', '--wal-segsize=1'];
    await this.run('initdb', ...cluster, '--no-locale', '--encoding=UTF8', '--auth=trust');
  }

  /** Returns when it answers; recovers first when it must. */
  async start(): Promise<void> {
    // Not in its file, which nobody syncs: the first loss of power would take them away.
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = this.spawn('postgres', '-D', `${dataFolder}/pgdata`, ...options);
    this.#postmaster = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
    const answers = async () => {
      if (child.exitCode !== null) throw new LabFault(`PostgreSQL ended: ${this.log}`, 'read it');
      return (await this.sql('postgres', 'select 1')) === '1';
    };
    await waitFor('PostgreSQL to answer', answers, startMs).catch((cause: unknown) => {
      throw new Error(`PostgreSQL does not answer; it said: ${this.log}`, { cause });
    });
  }

  /** Ends it in good order, with a checkpoint. */
  async stop(): Promise<void> {
    const child = this.#postmaster;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGINT');
    await gone;
  }

  /** Every process of it at once, as a loss of power would. */
  async kill(): Promise<void> {
    const child = this.#postmaster;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    // The server first: it would start others in place of those that are killed.
    process.kill(child.pid, 'SIGSTOP');
    const children = await childrenOf(child.pid);
    for (const pid of [child.pid, ...children]) process.kill(pid, 'SIGKILL');
    await gone;
    const all = async () => children.every((pid) => !existsSync(`/proc/${pid}`));
    await waitFor('the processes of PostgreSQL to be gone', all, startMs);
  }

  /** What it printed, the last of it. */
  get log(): string {
    return this.#log.slice(-3000);
  }

  /** Rows as lines, columns parted by `|`. */
  sql(database: string, statement: string): Promise<string> {
    return this.run(
      'psql',
      '-X',
      '-h',
      '/tmp',
      '-d',
      database,
      '-v',
      'ON_ERROR_STOP=1',
      '-tAc',
      statement,
    );
  }

  /** Runs one of its programs to the end; rejects with what it said when it fails. */
  async run(name: string, ...args: readonly string[]): Promise<string> {
    const child = this.spawn(name, ...args);
    const said = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk: Buffer) => {
      said.stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      said.stderr += chunk.toString();
    });
    await once(child, 'close');
    if (child.exitCode !== 0)
      throw new Error(`${name} ended with ${child.exitCode}: ${said.stdout}${said.stderr}`);
    return said.stdout.trim();
  }

  /** One of its programs inside its root, as its user; standard input is a pipe. */
  spawn(name: string, ...args: readonly string[]): ChildProcess {
    const chroot = [`--userspec=${uid}:${uid}`, this.#root, `${programs}/${name}`];
    return spawn('/usr/sbin/chroot', [...chroot, ...args], {
      stdio: 'pipe',
      env: { LANG: 'C.UTF-8' },
    });
  }
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const { stdout } = await tryRun('ps', '-o', 'pid=', '--ppid', String(pid));
  return stdout.split('\n').filter(Boolean).map(Number);
}
