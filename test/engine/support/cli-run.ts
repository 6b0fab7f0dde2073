/**
 * One running Pulumi command: its output so far, ways to disturb it, and its result.
 *
 * Promises: ends within `limitMs` (the command is killed and the test told what it had printed),
 * and leaves no process behind when the test run itself ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { type EngineReport, operations, readReport } from './events.ts';

export interface RunResult extends EngineReport {
  /** Exit code; 128 + signal number when a signal ended the CLI. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output and error in the order they came: what a person would have seen. */
  readonly screen: string;
  /** Steps that do something, as sorted lines: `create password`. */
  readonly operations: readonly string[];
  readonly durationMs: number;
}

export interface RunSpec {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where the engine writes its events. */
  readonly eventLog: string;
  readonly limitMs: number;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class RunningCommand {
  readonly result: Promise<RunResult>;
  readonly #child: ChildProcess;
  readonly #spec: RunSpec;
  readonly #chunks: { readonly error: boolean; readonly text: string }[] = [];
  readonly #listeners = new Set<() => void>();
  #ended = false;

  constructor(spec: RunSpec) {
    this.#spec = spec;
    const begunMs = performance.now();
    this.#child = spawn(spec.program, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(false, text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#take(true, text));
    this.result = this.#finish(begunMs);
    // Awaited by the test, perhaps late; an early failure must not end the process.
    this.result.catch(() => {});
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.#spec.program} did not start`);
    return pid;
  }

  /** Everything printed so far. */
  get screen(): string {
    return this.#chunks.map(({ text }) => text).join('');
  }

  /** What Ctrl-C does: the CLI cancels the update at the first, and ends at once at the second. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /**
   * Waits until the output so far matches. @throws Error with the output when it ends or time is up
   */
  async printed(pattern: RegExp, limitMs = 60_000): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (why: string) =>
      reject(new Error(`${why} before it printed ${pattern}. It printed:\n${this.screen}`));
    const look = () => {
      if (pattern.test(this.screen)) resolve();
      else if (this.#ended) fail('The command ended');
    };
    const timer = setTimeout(() => fail(`${limitMs} ms passed`), limitMs);
    this.#listeners.add(look);
    look();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(look);
    }
  }

  #take(error: boolean, text: string): void {
    this.#chunks.push({ error, text });
    for (const listener of this.#listeners) listener();
  }

  async #finish(begunMs: number): Promise<RunResult> {
    const { program, args, limitMs, eventLog } = this.#spec;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const timer = setTimeout(() => {
      this.#child.kill('SIGKILL');
      reject(
        new Error(
          `${program} ${args.join(' ')} was killed after ${limitMs} ms. It printed:\n${this.screen}`,
        ),
      );
    }, limitMs);
    this.#child.once('error', reject);
    this.#child.once('close', (code, signal) =>
      resolve(code ?? 128 + (signal === 'SIGKILL' ? 9 : signal === 'SIGINT' ? 2 : 15)),
    );
    try {
      const code = await promise;
      const report = readReport(eventLog);
      const of = (error: boolean) =>
        this.#chunks
          .filter((chunk) => chunk.error === error)
          .map(({ text }) => text)
          .join('');
      return {
        ...report,
        code,
        stdout: of(false),
        stderr: of(true),
        screen: this.screen,
        operations: operations(report),
        durationMs: performance.now() - begunMs,
      };
    } finally {
      clearTimeout(timer);
      running.delete(this.#child);
      this.#ended = true;
      for (const listener of this.#listeners) listener();
    }
  }
}

/** The result itself when the command succeeded. @throws Error with the whole screen otherwise */
export function succeeded(result: RunResult): RunResult {
  if (result.code === 0) return result;
  throw new Error(`The command ended with code ${result.code}:\n${result.screen}`);
}

/**
 * The result itself when the command failed. @throws Error with the whole screen when it succeeded
 */
export function failed(result: RunResult): RunResult {
  if (result.code !== 0) return result;
  throw new Error(`The command succeeded, though it was to fail:\n${result.screen}`);
}
