/** The one place of this pack that reads the wall clock; exemptions end by it. */

/** Today in UTC as `YYYY-MM-DD`. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
