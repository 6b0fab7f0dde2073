/** Other people's programs (mount, mkfs, losetup): run to their end, within a time. */
import { execFile } from 'node:child_process';
import { Fault } from '../base/fault.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const endMs = 60_000;

/** Any exit code is returned. Rejects with `disk.failed` when it does not start or does not end. */
export async function runProgram(
  program: string,
  args: readonly string[],
  timeoutMs = endMs,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL' } as const;
    execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null) {
        resolve({ code: 0, stdout, stderr });
      } else if (typeof error.code === 'number') {
        resolve({ code: error.code, stdout, stderr });
      } else {
        const why = error.killed === true ? `no end after ${timeoutMs} ms` : error.message;
        reject(new Fault('disk.failed', `${program} ${args.join(' ')}: ${why}`, { cause: error }));
      }
    });
  });
}

/** Rejects with `disk.failed` and what the program said, unless its code is among `allowed`. */
export async function mustRun(
  program: string,
  args: readonly string[],
  allowed: readonly number[] = [0],
): Promise<string> {
  const { code, stdout, stderr } = await runProgram(program, args);
  if (allowed.includes(code)) return stdout;
  const said = (stderr.trim() === '' ? stdout : stderr).trim().slice(-500);
  throw new Fault('disk.failed', `${program} ${args.join(' ')} ended with code ${code}: ${said}`);
}
