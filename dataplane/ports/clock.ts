/** Time. Nothing is ever decided by the wall clock, so the port does not even have one. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start; survives a step of the wall clock. */
  nowMs(): number;
  /** Calls back once, at or after `delayMs`. Disposing it before means it never will. */
  after(delayMs: number, callback: () => void): Disposable;
}
