/**
 * Which metadata contexts a query means. A listing may name a whole namespace (`base:`) or nothing
 * at all; a selection names each context in full. Unknown names match nothing and are no error: a
 * client asks for what it could use and takes what there is.
 */
import { nbdLimits } from './limits.ts';

/** For LIST_META_CONTEXT: everything when there is no query, else by name or namespace. */
export function allContexts(known: readonly string[], queries: readonly string[]): string[] {
  if (queries.length === 0) return [...known];
  return known.filter((name) => queries.includes(name) || queries.includes(namespaceOf(name)));
}

/** For SET_META_CONTEXT: by full name, in the order in which they are known here. */
export function matchContexts(known: readonly string[], queries: readonly string[]): string[] {
  return known.filter((name) => queries.includes(name)).slice(0, nbdLimits.contextsMax);
}

/** `base:allocation` is in `base:`. */
function namespaceOf(name: string): string {
  return name.slice(0, name.indexOf(':') + 1);
}
