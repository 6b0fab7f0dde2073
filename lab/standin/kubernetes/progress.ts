/**
 * What long work needs of its caller: to be told to stop, and somewhere to say what it waits for.
 */
export interface Progress {
  readonly signal: AbortSignal;
  /** Replaces the line shown before; empty takes it away. */
  status(message: string): void;
}

/** The same, but a message that is already shown is not sent again. */
export function withoutRepeats(progress: Progress): Progress {
  let shown = '';
  return {
    signal: progress.signal,
    status: (message) => {
      if (message === shown) return;
      shown = message;
      progress.status(message);
    },
  };
}
