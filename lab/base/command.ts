/**
 * What every command of the lab does around its work: a first Ctrl-C asks the work to stop, a
 * second one ends the process at once; a failure is printed as words and becomes the exit code.
 */
import { explain } from './fault.ts';
import { type LabPaths, labPaths } from './paths.ts';
import { Progress } from './progress.ts';

/** What a command's work needs to know of its surroundings. */
export interface CommandContext {
  readonly progress: Progress;
  readonly paths: LabPaths;
  /** Aborts at the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

const interruptedCode = 130;

/**
 * Runs `work` and sets the process' exit code: its result, 1 on a failure, 130 when interrupted.
 */
export async function command(work: (context: CommandContext) => Promise<number>): Promise<void> {
  const abort = new AbortController();
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(interruptedCode);
    abort.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    const context = { progress: new Progress(), paths: labPaths(), signal: abort.signal };
    process.exitCode = await work(context);
  } catch (error) {
    if (abort.signal.aborted) {
      console.error('\nInterrupted. Run the same command again: it continues where it can.');
      process.exitCode = interruptedCode;
    } else {
      console.error(`\n${explain(error)}`);
      process.exitCode = 1;
    }
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
