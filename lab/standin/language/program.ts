/**
 * Runs Pulumi programs and policy packs in Node processes of their own, with the SDK's runners
 * (`@pulumi/pulumi/cmd/run` and its sisters), as the official Node language host does.
 *
 * Promises: the program's output reaches the user line by line; the Node that runs the host runs
 * the program; a cancelled run leaves no process behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { RunPluginRequest, RunRequest } from '@pulumi/pulumi/proto/language_pb.js';
import { runtimeOptions } from './options.ts';

/** The SDK's exit code for "failed, and the user has been told why". */
const alreadyReported = 32;

export type ProgramResult =
  | { readonly kind: 'succeeded' }
  /** The program has told the user what is wrong. */
  | { readonly kind: 'reported' }
  | { readonly kind: 'failed'; readonly message: string };

/** Runs the program of an update to its end. */
export async function runProgram(
  request: RunRequest,
  engineAddress: string,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const info = request.getInfo();
  const folder = info?.getProgramDirectory() ?? request.getPwd();
  const options = runtimeOptions(info);
  const flags = {
    monitor: request.getMonitorAddress(),
    engine: engineAddress,
    project: request.getProject(),
    'root-directory': info?.getRootDirectory() ?? '',
    stack: request.getStack(),
    organization: request.getOrganization(),
    pwd: request.getPwd(),
    parallel: String(request.getParallel()),
  };
  const args = [
    ...options.nodeArgs,
    locateRunner('run', folder),
    ...Object.entries(flags).flatMap(([name, value]) =>
      value === '' ? [] : [`--${name}=${value}`],
    ),
    ...(request.getDryrun() ? ['--dry-run'] : []),
    // "." lets the SDK look for `main` in package.json and for index.ts.
    info?.getEntryPoint() ?? (request.getProgram() || '.'),
    ...request.getArgsList(),
  ];
  const child = spawn(process.execPath, args, {
    cwd: request.getPwd(),
    // The engine shows what the host prints; the program prints there directly.
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().entries())),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      PULUMI_NODEJS_TYPESCRIPT: String(options.typescript),
      ...(options.tsconfig === undefined ? {} : { PULUMI_NODEJS_TSCONFIG_PATH: options.tsconfig }),
    },
  });
  const end = await ended(child, signal);
  if (end.code === 0) return { kind: 'succeeded' };
  if (end.code === alreadyReported) return { kind: 'reported' };
  const how =
    end.code === null
      ? `was ended by ${end.signal}`
      : `exited with non-zero exit code: ${end.code}`;
  return { kind: 'failed', message: `Program ${how}` };
}

export interface PluginOutput {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
}

/**
 * Runs a plugin written in TypeScript or JavaScript: a policy pack (kind `analyzer`) or a provider.
 * @returns its exit code; 1 when it was ended by a signal
 */
export async function runPlugin(
  request: RunPluginRequest,
  output: PluginOutput,
  signal: AbortSignal,
): Promise<number> {
  const folder = request.getInfo()?.getProgramDirectory() ?? request.getProgram();
  const isPolicyPack = request.getKind() === 'analyzer';
  const options = runtimeOptions(request.getInfo());
  const runner = locateRunner(isPolicyPack ? 'run-policy-pack' : 'run-plugin', folder);
  const asked = request.getEnvList().map((line) => {
    const equals = line.indexOf('=');
    return [line.slice(0, equals), line.slice(equals + 1)] as const;
  });
  const child = spawn(
    process.execPath,
    [...options.nodeArgs, runner, ...request.getArgsList(), folder],
    {
      // @pulumi/policy reads the pack's version from package.json of the working directory.
      cwd: isPolicyPack ? folder : request.getPwd(),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PULUMI_NODEJS_TYPESCRIPT: String(options.typescript),
        ...Object.fromEntries(asked),
      },
    },
  );
  child.stdout.on('data', (chunk: Buffer) => output.stdout(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.stderr(chunk));
  return (await ended(child, signal)).code ?? 1;
}

/** The SDK's runner as the program sees it, so that there is one copy of the SDK in its process. */
function locateRunner(name: string, folder: string): string {
  const require = createRequire(path.join(folder, 'package.json'));
  try {
    return require.resolve(`@pulumi/pulumi/cmd/${name}`);
  } catch (error) {
    throw new Error(
      `It looks like the Pulumi SDK has not been installed: no @pulumi/pulumi for ${folder}. ` +
        'Have you run npm install or yarn install?',
      { cause: error },
    );
  }
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Waits until the process has ended and its output has been read; ends it when `signal` says so.
 */
function ended(child: ChildProcess, signal: AbortSignal): Promise<End> {
  return new Promise((resolve, reject) => {
    const stop = () => child.kill('SIGTERM');
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    child.once('error', (error) =>
      reject(new Error(`${process.execPath} could not be run: ${error.message}`, { cause: error })),
    );
    child.once('close', (code, ending) => {
      signal.removeEventListener('abort', stop);
      resolve({ code, signal: ending });
    });
  });
}
