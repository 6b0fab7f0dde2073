/**
 * Runs one command and collects what it printed, as pulumi-command v1.2.1 does in
 * `provider/pkg/provider/local/commandOutputs.go`: `/bin/sh -c` unless told otherwise, the plugin's
 * whole environment, output without its last line end, every line shown while it runs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { RunInputs } from './inputs.ts';

export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

export interface ShellWorld {
  /** Kills the command. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  /** Gets each line that `logging` lets through. */
  onLine(line: string): void;
}

/** @param previous what the last create or update printed; its variables are set when not empty */
export async function runShell(
  command: string,
  inputs: RunInputs,
  previous: Printed | undefined,
  world: ShellWorld,
): Promise<Printed> {
  const given = inputs.interpreter ?? [];
  const [program, ...args] = given.length > 0 ? given : ['/bin/sh', '-c'];
  const child = spawn(program ?? '/bin/sh', [...args, command], {
    cwd: inputs.dir,
    env: { ...world.env, ...inputs.environment, ...previousOutput(inputs, previous) },
    // Same process group as the plugin: when the engine ends the plugin, it ends this too.
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A command that does not read its input closes the pipe early; that is its right.
  child.stdin.on('error', () => {});
  child.stdin.end(inputs.stdin ?? '');

  const stdout = collect(child, 'stdout', inputs, world);
  const stderr = collect(child, 'stderr', inputs, world);
  const all: string[] = [];
  child.stdout.on('data', (text: string) => all.push(text));
  child.stderr.on('data', (text: string) => all.push(text));
  const failure = await ended(child, world.signal);
  if (failure !== undefined) {
    throw new Error(`${failure}: running ${JSON.stringify(command)}:\n${all.join('')}`);
  }
  return { stdout: withoutLineEnd(stdout()), stderr: withoutLineEnd(stderr()) };
}

function previousOutput(inputs: RunInputs, previous: Printed | undefined): NodeJS.ProcessEnv {
  if (!inputs.addPreviousOutputInEnv || previous === undefined) return {};
  return {
    ...(previous.stdout === '' ? {} : { PULUMI_COMMAND_STDOUT: previous.stdout }),
    ...(previous.stderr === '' ? {} : { PULUMI_COMMAND_STDERR: previous.stderr }),
  };
}

/** Collects a stream's text and shows its lines; the returned function gives the whole text. */
function collect(
  child: ChildProcess,
  name: 'stdout' | 'stderr',
  inputs: RunInputs,
  world: ShellWorld,
): () => string {
  const shown = inputs.logging ?? 'stdoutAndStderr';
  const isShown = shown === 'stdoutAndStderr' || shown === name;
  let text = '';
  let line = '';
  child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const lines = (line + chunk).split('\n');
    line = lines.pop() ?? '';
    if (isShown) for (const whole of lines) world.onLine(whole);
  });
  child[name]?.on('end', () => {
    if (isShown && line !== '') world.onLine(line);
  });
  return () => text;
}

/** Resolves to the failure in Go's words (`os/exec`), or undefined. */
function ended(child: ChildProcess, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const kill = () => {
      child.kill('SIGKILL');
      // Its own children may hold the pipes open; nobody waits for them.
      child.once('exit', () => resolve('signal: killed'));
    };
    if (signal.aborted) kill();
    signal.addEventListener('abort', kill, { once: true });
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, ending) => {
      signal.removeEventListener('abort', kill);
      if (code === 0) resolve(undefined);
      else resolve(code === null ? `signal: ${ending}` : `exit status ${code}`);
    });
  });
}

function withoutLineEnd(text: string): string {
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}
