/**
 * Runs a program to its end and turns its failure into words: what was run, its code, its last
 * lines.
 */
import { execa, type Options } from 'execa';
import { LabFault } from './fault.ts';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** Gets the program's output line by line while it runs. */
  readonly onLine?: (line: string) => void;
  /** What to do when it fails; default: look at the lines printed. */
  readonly hint?: string;
  /**
   * For a program that ends in good order at SIGINT and has work to finish then: it runs in a
   * process group of its own, so that Ctrl-C on the terminal reaches it once, through `signal`, and
   * is killed only after this many milliseconds. Default: SIGTERM, and the terminal's signals reach
   * it too.
   */
  readonly interruptGraceMs?: number;
  /** Codes that are not failures besides 0. */
  readonly allow?: readonly number[];
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

const tailLines = 40;

/**
 * Throws a `LabFault` when the program cannot be started, exits with a code not allowed, or is
 * cancelled.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const settings: Options = {
    reject: false,
    stripFinalNewline: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env, extendEnv: false }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.interruptGraceMs === undefined
      ? {}
      : { detached: true, killSignal: 'SIGINT', forceKillAfterDelay: options.interruptGraceMs }),
  };
  const child = execa(program, [...args], { ...settings, all: true });
  // A group of its own is not reached when this process is ended by force.
  const orphaned = () => child.kill('SIGKILL');
  if (options.interruptGraceMs !== undefined) process.once('exit', orphaned);
  const all = child.all as NodeJS.ReadableStream | undefined;
  if (options.onLine !== undefined && all !== undefined) {
    let rest = '';
    all.on('data', (chunk: Buffer | string) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) options.onLine?.(line);
    });
  }
  const result = await child;
  process.off('exit', orphaned);
  const code = result.exitCode ?? -1;
  if (code === 0 || options.allow?.includes(code) === true) {
    return { stdout: String(result.stdout ?? ''), stderr: String(result.stderr ?? ''), code };
  }
  if (result.isCanceled) {
    throw new LabFault(
      `Interrupted while running ${program}.`,
      'Run the same command again: it continues.',
    );
  }
  const tail = String(result.all ?? result.originalMessage ?? '')
    .split('\n')
    .slice(-tailLines)
    .join('\n  ');
  const why =
    result.exitCode === undefined
      ? `could not be run (${result.shortMessage})`
      : `ended with code ${code}`;
  throw new LabFault(
    `${program} ${args.slice(0, 4).join(' ')}${args.length > 4 ? ' …' : ''} ${why}:\n  ${tail}`,
    options.hint ?? 'Read the lines above: they are the last the program printed.',
  );
}
