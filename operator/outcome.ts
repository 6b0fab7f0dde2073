/** What a command found: for people, for programs, and for the shell. */
export interface Outcome {
  /** Printed by `--json`; the names of its fields stay. */
  readonly facts: object;
  readonly lines: readonly string[];
  readonly code: number;
}

/** As the shell sees it. */
export const exitCode = {
  well: 0,
  /** It could not be found out, or not be done. */
  failed: 1,
  /** The command was not understood. */
  usage: 2,
  /** It was found out, and it needs somebody. */
  attention: 3,
  interrupted: 130,
} as const;
