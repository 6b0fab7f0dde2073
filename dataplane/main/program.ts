/**
 * What the processes of the data plane have in common: one configuration file, read once, and one
 * way to end. Everything that is wrong with the file is told at once, with the key; a failure of
 * the world is one message and what to do about it; a bug keeps its trace.
 */
import { readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { z } from 'zod';
import { Fault, type FaultCode } from '../base/fault.ts';
import { limits } from '../base/limits.ts';

/** Name of a volume, member or lineage. */
export const nameOfOne = z
  .string()
  .max(limits.idBytesMax)
  .regex(/^[\x21-\x7e]+$/, 'expected printable ASCII without spaces');

/** Codes with which a process ends, where a supervisor has to tell them apart. */
const exitCodes: Partial<Readonly<Record<FaultCode, number>>> = {
  'volume.superseded': 2,
};

/**
 * Runs `main` with the settings of the file that is named on the command line. Never throws a
 * `Fault`: it prints it and sets the exit code.
 */
export async function runProgram<T>(
  program: {
    /** As one types it, for the message. */
    readonly usage: string;
    readonly settings: z.ZodType<T>;
  },
  main: (settings: T) => Promise<void>,
): Promise<void> {
  // Else a few dozen MiB of payload are a full collection of garbage (docs/decisions/0096).
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  setFlagsFromString('--heap-growing-percent=900');
  const [file, ...rest] = process.argv.slice(2);
  await reporting(async () => {
    if (file === undefined || rest.length > 0) {
      const found =
        file === undefined ? 'No configuration file was' : `${rest.length + 1} files were`;
      throw new Fault('input.invalid', `${found} named; expected is one.`, { hint: program.usage });
    }
    await main(await readSettings(file, program.settings));
  });
}

/** Prints a `Fault` and ends the process with its code; lets everything else through. */
export async function reporting(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    process.stderr.write(`${error.message}\n\n  What to do: ${error.hint}\n`);
    process.exit(exitCodes[error.code] ?? 1);
  }
}

async function readSettings<T>(file: string, settings: z.ZodType<T>): Promise<T> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Fault('input.invalid', `${file} cannot be read: ${messageOf(error)}`, {
      hint: 'Name a file that exists and may be read.',
      cause: error,
    });
  }
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new Fault('input.invalid', `${file} is not JSON: ${messageOf(error)}`, {
      hint: 'Correct the file.',
      cause: error,
    });
  }
  const parsed = settings.safeParse(found);
  if (parsed.success) return parsed.data;
  const problems = z.prettifyError(parsed.error);
  throw new Fault('input.invalid', `${file} cannot be used:\n${problems}`, {
    hint: 'Correct the keys named above; nothing was started.',
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
