/**
 * Processes that outlive the pod that starts them: the engine of an attached volume and what makes
 * it a block device. The container runtime ends a pod by its control groups, so before such a
 * process runs it is moved into those of the machine's first process (pod with `hostPID`).
 *
 * It is known by its number and the time it started, kept in a file; a number that was given to
 * another process since is never taken for it.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { Fault } from '../base/fault.ts';
import { until } from './until.ts';

/** A killed process is gone at once, unless the kernel holds it. */
const killedMs = 5_000;
const lookMs = 20;

interface Known {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: ticks since the machine started. */
  readonly startedAt: string;
}

export interface LastingOptions {
  /** Files `<stem>.pid` and `<stem>.log` are kept here. */
  readonly stem: string;
  readonly program: string;
  readonly args: readonly string[];
  /** True in a pod; elsewhere nobody ends it with its starter. */
  readonly leavePod: boolean;
}

/** Starts it; returns when it runs outside this pod. What it prints goes to `<stem>.log`. */
export async function startLasting(options: LastingOptions): Promise<void> {
  const { stem, program, args } = options;
  const log = openSync(`${stem}.log`, 'a', 0o600);
  try {
    // Waits for the word, so that nothing it starts can be left behind in the pod.
    const gate = ['-c', 'read -r go && [ "$go" = go ] || exit 1; exec "$@" < /dev/null', 'gate'];
    const child = spawn('sh', [...gate, program, ...args], {
      detached: true,
      stdio: ['pipe', log, log],
      cwd: '/',
    });
    const { pid, stdin } = child;
    if (pid === undefined || stdin === null) {
      throw new Fault('disk.failed', `${program} cannot be started.`, {
        hint: 'Look at the log of this pod.',
      });
    }
    child.on('error', () => {});
    try {
      if (options.leavePod) await leavePod(pid);
      const known: Known = { pid, startedAt: await startOf(pid) };
      await writeFile(`${stem}.pid.new`, JSON.stringify(known), { mode: 0o600 });
      await rename(`${stem}.pid.new`, `${stem}.pid`);
    } catch (error) {
      child.kill('SIGKILL');
      throw new Fault('disk.failed', `${program} cannot leave this pod: ${String(error)}`, {
        cause: error,
      });
    }
    stdin.end('go\n');
    child.unref();
  } finally {
    closeSync(log);
  }
}

/** Undefined when it does not run. */
export async function pidOf(stem: string): Promise<number | undefined> {
  return (await find(stem))?.pid;
}

export async function isRunning(stem: string): Promise<boolean> {
  return (await find(stem)) !== undefined;
}

/**
 * Asks it to end, and ends it when it has not after `graceMs`. Throws when it is there even then (a
 * program that waits for a dead disk); it stays known, so that asking again is of use.
 */
export async function endLasting(stem: string, graceMs: number): Promise<void> {
  const known = await find(stem);
  if (known !== undefined) {
    kill(known.pid, 'SIGTERM');
    const graceEndMs = performance.now() + graceMs;
    await until(async () => hasEnded(stem, performance.now() >= graceEndMs), {
      forMs: graceMs + killedMs,
      everyMs: lookMs,
      complaint: async () =>
        new Fault('disk.failed', `Process ${known.pid} of ${stem} does not end when killed.`, {
          hint: `It waits for a device that does not answer: see /proc/${known.pid}/stack on the node.`,
          retriable: true,
        }),
    });
  }
  await rm(`${stem}.pid`, { force: true });
}

async function hasEnded(stem: string, force: boolean): Promise<true | undefined> {
  const alive = await find(stem);
  if (alive === undefined) return true;
  if (force) kill(alive.pid, 'SIGKILL');
  return undefined;
}

async function find(stem: string): Promise<Known | undefined> {
  try {
    const known = JSON.parse(await readFile(`${stem}.pid`, 'utf8')) as Known;
    return (await startOf(known.pid)) === known.startedAt ? known : undefined;
  } catch {
    return undefined;
  }
}

function kill(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Rejects when there is no such process, or only what is left of one. */
async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name is in brackets and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z') throw new Error('it has ended');
  return fields[19] ?? '';
}

/** Where the machine's own control groups are, seen from its first process. */
const machineRoot = '/proc/1/root';

/**
 * Moves a process out of this pod's control groups. Every hierarchy counts: one that is forgotten,
 * and the pod cannot be removed.
 */
async function leavePod(pid: number): Promise<void> {
  const mounts = await readFile('/proc/1/mountinfo', 'utf8');
  const groups = await readFile('/proc/1/cgroup', 'utf8');
  const hierarchies = cgroupMounts(mounts);
  const unifiedOnly = hierarchies.every(({ controllers }) => controllers.length === 0);
  for (const line of groups.trim().split('\n')) {
    const [, names = '', group = '/'] = line.split(':');
    const wanted = names === '' ? [] : names.split(',');
    const hierarchy = hierarchies.find(({ controllers }) =>
      wanted.join() === ''
        ? controllers.length === 0
        : wanted.every((name) => controllers.includes(name)),
    );
    if (hierarchy === undefined) continue;
    // Where there is version 2 alone, the first process' own group is its manager's.
    const place = unifiedOnly ? '/larder' : relativeTo(hierarchy.root, group);
    const folder = `${machineRoot}${hierarchy.path}${place}`;
    if (unifiedOnly) await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/cgroup.procs`, `${pid}\n`);
  }
}

interface Hierarchy {
  readonly path: string;
  /** The group that is mounted at the path. */
  readonly root: string;
  /** None: version 2. */
  readonly controllers: readonly string[];
}

function cgroupMounts(mountinfo: string): readonly Hierarchy[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [type = '', , options = ''] = after.split(' ');
    const [, , , root = '/', path = ''] = before.split(' ');
    if (type === 'cgroup2') return [{ path, root, controllers: [] }];
    return type === 'cgroup' ? [{ path, root, controllers: options.split(',') }] : [];
  });
}

function relativeTo(root: string, group: string): string {
  if (root !== '/' && group.startsWith(root)) return group.slice(root.length) || '/';
  return group;
}
