/**
 * The inputs of commands. Source: pulumi-command v1.2.1, `provider/pkg/provider/{common,local}`.
 */
import { z } from 'zod';

const logging = z.enum(['stdout', 'stderr', 'stdoutAndStderr', 'none']);

const run = {
  /** Program and arguments; the command's text becomes the last argument. */
  interpreter: z.array(z.string()).optional(),
  dir: z.string().optional(),
  /** Added to the whole environment of the plugin. */
  environment: z.record(z.string(), z.string()).optional(),
  stdin: z.string().optional(),
  logging: logging.optional(),
  /** Globs of files to give back one by one, after the command has run. */
  assetPaths: z.array(z.string()).optional(),
  /** Globs of files to give back as one archive. */
  archivePaths: z.array(z.string()).optional(),
  /** Whether the last run's output is in the environment of the next. */
  addPreviousOutputInEnv: z.boolean().default(true),
};

export const localCommand = z.strictObject({
  create: z.string().optional(),
  update: z.string().optional(),
  delete: z.string().optional(),
  triggers: z.array(z.unknown()).optional(),
  ...run,
});

export const localRun = z.strictObject({ command: z.string(), ...run });

export type RunInputs = Omit<z.output<typeof localRun>, 'command'>;
