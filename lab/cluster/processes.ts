/**
 * Processes that outlive the command that started them. A process is known by its pid **and** its
 * start time, so a pid given to somebody else in the meantime is never signalled; and every process
 * of a lab carries the lab's state folder in its environment, so that one started in the moment its
 * starter was killed is found all the same.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { LabFault } from '../base/fault.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks from boot to the process's start. */
  readonly startTime: string;
}

/** Environment variable that marks the processes of a lab; its value is the lab's state folder. */
export const markerVariable = 'LARDER_LAB_STATE';

interface ProcessStatus extends ProcessIdentity {
  readonly parent: number;
  /** Ended, but its parent has not asked for the exit code yet. */
  readonly zombie: boolean;
}

export interface DaemonPlan {
  readonly program: string;
  readonly args: readonly string[];
  readonly log: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Text for its standard input, which then stays open until the caller ends it. */
  readonly heldInput?: boolean;
}

export interface StartedDaemon extends ProcessIdentity {
  /** Writes a line to a held input. */
  tell(line: string): void;
  /** Closes a held input. */
  release(): void;
}

const pollIntervalMs = 20;

/** Starts a process of its own session; output is appended to `log`. */
export async function startDaemon(plan: DaemonPlan): Promise<StartedDaemon> {
  const log = openSync(plan.log, 'a', 0o644);
  try {
    const child = spawn(plan.program, [...plan.args], {
      cwd: plan.cwd,
      detached: true,
      env: plan.env,
      stdio: [plan.heldInput === true ? 'pipe' : 'ignore', log, log],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    const { pid, stdin } = child;
    const status = pid === undefined ? undefined : processStatus(pid);
    if (status === undefined)
      throw new LabFault(
        `${plan.program} ended as soon as it was started.`,
        `read ${plan.log}: its last lines say why`,
      );
    child.unref();
    // A reader that died early is found by the caller's wait, with its log; not by an EPIPE here.
    stdin?.on('error', () => {});
    return {
      pid: status.pid,
      startTime: status.startTime,
      tell: (line) => stdin?.write(`${line}\n`),
      release: () => stdin?.end(),
    };
  } catch (error) {
    if (error instanceof LabFault) throw error;
    throw new LabFault(
      `${plan.program} could not be started: ${error instanceof Error ? error.message : error}`,
      'run npm run doctor: it says what is missing',
      { cause: error },
    );
  } finally {
    closeSync(log);
  }
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity | undefined): boolean {
  if (identity === undefined) return false;
  const status = processStatus(identity.pid);
  return status !== undefined && !status.zombie && status.startTime === identity.startTime;
}

/** Kills those that still run and waits until they are gone. Returns how many there were. */
export async function killAll(
  identities: readonly ProcessIdentity[],
  timeoutMs: number,
): Promise<number> {
  const living = identities.filter(isAlive);
  for (const { pid } of living) signalQuietly(pid);
  const deadlineMs = performance.now() + timeoutMs;
  while (living.some(isAlive)) {
    if (performance.now() > deadlineMs) {
      const left = living.filter(isAlive).map(({ pid }) => pid);
      throw new LabFault(
        `After SIGKILL and ${timeoutMs / 1000} s these processes are still there: ${left.join(', ')}.`,
        'they wait for a device or a file system that does not answer; run npm stop again later, or restart the machine',
      );
    }
    await delay(pollIntervalMs);
  }
  return living.length;
}

/** Every process marked with this lab's state folder, whoever its parent is. */
export function markedProcesses(stateFolder: string): ProcessIdentity[] {
  const marker = `${markerVariable}=${stateFolder}`;
  return allProcesses().filter(({ pid, zombie }) => {
    if (zombie) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(marker);
    } catch {
      return false; // it has just ended, or it is not ours to read
    }
  });
}

/** The process forked by this one; undefined until it is there. */
export function onlyChildOf(parent: number): ProcessIdentity | undefined {
  return allProcesses().find((status) => status.parent === parent && !status.zombie);
}

/** The identity of a process that is known to run now. */
export function identify(pid: number): ProcessIdentity | undefined {
  const status = processStatus(pid);
  return status === undefined ? undefined : { pid, startTime: status.startTime };
}

function allProcesses(): ProcessStatus[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processStatus(Number(name)) ?? []);
}

function processStatus(pid: number): ProcessStatus | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, parent] = fields;
    const startTime = fields[19];
    if (startTime === undefined) return undefined;
    return { pid, startTime, parent: Number(parent), zombie: state === 'Z' || state === 'X' };
  } catch {
    return undefined;
  }
}

function signalQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
