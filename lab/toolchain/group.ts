/**
 * Runs a program that starts others (a compiler driver) in a process group of its own, so that
 * cancelling it ends all of them: terminate first, kill after a grace period. It resolves only when
 * none of them is left.
 */
import { execa } from 'execa';
import { LabFault } from '../base/fault.ts';

export interface GroupOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly onOutputLine?: (line: string) => void;
  readonly onErrorLine?: (line: string) => void;
}

export interface GroupResult {
  readonly code: number;
  /** The last lines of its standard error. */
  readonly tail: readonly string[];
}

const tailLines = 15;
const graceMs = 5000;

/** Throws a `LabFault` when it is cancelled or cannot be started; any exit code is a result. */
export async function runGroup(
  program: string,
  args: readonly string[],
  options: GroupOptions,
): Promise<GroupResult> {
  const { signal } = options;
  if (signal.aborted) throw interrupted(program);
  const child = execa(program, [...args], {
    cwd: options.cwd,
    env: options.env,
    extendEnv: false,
    detached: true,
    reject: false,
    stdin: 'ignore',
    buffer: false,
  });
  const kill = (name: NodeJS.Signals) => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // The group has ended meanwhile.
    }
  };
  const atExit = () => kill('SIGKILL');
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    kill('SIGTERM');
    timer = setTimeout(() => kill('SIGKILL'), graceMs);
  };
  process.once('exit', atExit);
  signal.addEventListener('abort', onAbort, { once: true });
  const tail: string[] = [];
  try {
    const readOutput = async () => {
      for await (const line of child.iterable({ from: 'stdout' })) options.onOutputLine?.(line);
    };
    const readErrors = async () => {
      for await (const line of child.iterable({ from: 'stderr' })) {
        tail.push(line);
        if (tail.length > tailLines) tail.shift();
        options.onErrorLine?.(line);
      }
    };
    const [result] = await Promise.all([child, readOutput(), readErrors()]);
    if (signal.aborted) throw interrupted(program);
    if (result.exitCode === undefined && result.signal === undefined) {
      throw new LabFault(
        `${program} could not be run: ${result.shortMessage}`,
        'check that the file exists and is a program for this machine',
      );
    }
    return { code: result.exitCode ?? -1, tail };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    process.removeListener('exit', atExit);
    // Compilers that outlived their driver have nobody to report to.
    kill('SIGKILL');
  }
}

function interrupted(program: string): LabFault {
  return new LabFault(
    `Interrupted while running ${program}.`,
    'run the same command again: it continues where it stopped',
  );
}
