/**
 * A failure of the world (a missing tool, a busy port, a full disk), as a person should read it.
 * Bugs are plain errors and keep their stack; a `LabFault` is printed without one.
 */
export class LabFault extends Error {
  /** What to do next, as a sentence or a command. */
  readonly hint: string;

  /** @param message what was found, where, and what was expected */
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LabFault';
    this.hint = hint;
  }
}

/** The text a person reads at the end of a failed command. */
export function explain(error: unknown): string {
  if (error instanceof LabFault) return `${error.message}\n\n  What to do: ${error.hint}`;
  if (error instanceof Error) return error.stack ?? error.message;
  return String(error);
}
