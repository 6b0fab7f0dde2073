/** Other people's NBD programs: whether they are here, and what they say. */
import { spawn, spawnSync } from 'node:child_process';
import net from 'node:net';
import { skip } from '../reporter.ts';

/**
 * The system's own folders first: nbdsh runs the first python3 it finds, and only the system's has
 * the module that Debian packages.
 */
const env = { ...process.env, PATH: `/usr/bin:/bin:/usr/sbin:/sbin:${process.env['PATH'] ?? ''}` };

/** Skips the running suite when one of the programs is missing or does not even say its version. */
export function requirePrograms(context: Mocha.Context, ...names: readonly string[]): void {
  const missing = names.filter((name) => spawnSync(name, ['--version'], { env }).status !== 0);
  if (missing.length === 0) return;
  skip(context, `${missing.join(', ')} is not installed: the test group of the toolchain has it`);
}

/** Longest any of these programs may take. */
const timeoutMs = 30_000;

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. It is ended when it takes too long, and its output says so. */
export async function run(name: string, ...args: readonly string[]): Promise<ProgramResult> {
  const child = spawn(name, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('close', resolve);
  const code = await promise;
  if (child.signalCode !== null) stderr += `\n${name} was ended by ${child.signalCode}`;
  return { code, stdout, stderr };
}

/** Runs a program that must succeed; gives what it printed. */
export async function succeed(name: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(name, ...args);
  if (code !== 0)
    throw new Error(`${name} ${args.join(' ')} exited with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** A server program in the foreground, until the end of the test. */
export async function serveWith(
  socket: string,
  name: string,
  ...args: readonly string[]
): Promise<AsyncDisposable> {
  const child = spawn(name, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const deadline = performance.now() + timeoutMs;
  while (!(await isAnswered(socket))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${name} ${args.join(' ')} does not listen on ${socket}: ${stderr}`);
    }
  }
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Tries one connection. The file alone says little: it is there before anybody listens on it. */
export function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect({ path: socket });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
