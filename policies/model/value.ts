/**
 * Plain values of a declared resource, and how to read them.
 *
 * The policy runtime hands resources over as proxies that throw when a value is not yet known
 * (preview). `plain` copies them once into ordinary data in which such a value is `UNKNOWN`, so
 * that no rule can crash on it and each can say what it would need to know.
 * Never: interprets Kubernetes, reports anything.
 */

/** Stands for a value that only the update will know. */
export const UNKNOWN: unique symbol = Symbol('known only after the update');

export type Value = string | number | boolean | null | typeof UNKNOWN | readonly Value[] | Fields;

export interface Fields {
  readonly [key: string]: Value;
}

/** What `pulumi policy analyze --file` puts in place of a secret that it cannot decrypt. */
const redacted = '[secret]';

type Path = readonly (string | number)[];

/** Copies what the policy runtime gives into plain data; what cannot be read becomes `UNKNOWN`. */
export function plain(given: unknown): Value {
  if (given === null || given === undefined) return null;
  if (given === redacted) return UNKNOWN;
  if (typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean') {
    return given;
  }
  if (Array.isArray(given)) {
    const list: readonly unknown[] = given;
    return Array.from({ length: list.length }, (_, index) => readable(() => list[index]));
  }
  if (typeof given !== 'object') return null;
  const source = given as Readonly<Record<string, unknown>>;
  // `fromEntries` also copies a key called __proto__ as the key that it is.
  return Object.fromEntries(
    Object.keys(source).map((key) => [key, readable(() => source[key])] as const),
  );
}

/** The fields of a resource: `plain` of an object, empty for anything else. */
export function plainFields(given: unknown): Fields {
  const value = plain(given);
  return isFields(value) ? value : {};
}

function readable(read: () => unknown): Value {
  let found: unknown;
  try {
    found = read();
  } catch {
    // The runtime's proxy throws for exactly one reason: the value is unknown during preview.
    return UNKNOWN;
  }
  return plain(found);
}

export function isFields(value: Value | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What stands at the path: `undefined` when absent or null, `UNKNOWN` when a step is unknown. */
export function at(value: Value | undefined, ...path: Path): Value | undefined {
  let here = value;
  for (const step of path) {
    if (here === UNKNOWN) return UNKNOWN;
    if (Array.isArray(here)) here = (here as readonly Value[])[Number(step)];
    else if (isFields(here) && Object.hasOwn(here, step)) here = here[step];
    else return undefined;
  }
  return here ?? undefined;
}

/** True when the value at the path, or something above it, is known only after the update. */
export function unknownAt(value: Value | undefined, ...path: Path): boolean {
  return at(value, ...path) === UNKNOWN;
}

/** True when the value at the path is unknown, or holds something unknown within so many levels. */
export function holdsUnknown(value: Value | undefined, levels: number, ...path: Path): boolean {
  const found = at(value, ...path);
  if (found === UNKNOWN) return true;
  if (levels <= 1 || typeof found !== 'object' || found === null) return false;
  return Object.values(found).some((inner: Value) => holdsUnknown(inner, levels - 1));
}

/** The text at the path; numbers and booleans as Kubernetes would print them. */
export function textAt(value: Value | undefined, ...path: Path): string | undefined {
  const found = at(value, ...path);
  if (typeof found === 'string') return found;
  return typeof found === 'number' || typeof found === 'boolean' ? String(found) : undefined;
}

export function numberAt(value: Value | undefined, ...path: Path): number | undefined {
  const found = at(value, ...path);
  if (typeof found === 'number') return found;
  return typeof found === 'string' && /^-?\d+$/.test(found) ? Number(found) : undefined;
}

/** True for `true` and for the text "true", as annotations and class parameters write it. */
export function isTrueAt(value: Value | undefined, ...path: Path): boolean {
  return textAt(value, ...path)?.toLowerCase() === 'true';
}

/** The list at the path; empty when absent or unknown. */
export function listAt(value: Value | undefined, ...path: Path): readonly Value[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as readonly Value[]) : [];
}

export function textsAt(value: Value | undefined, ...path: Path): readonly string[] {
  return listAt(value, ...path).flatMap((item) => textAt(item) ?? []);
}

/** The fields at the path; empty when absent or unknown. */
export function fieldsAt(value: Value | undefined, ...path: Path): Fields {
  const found = at(value, ...path);
  return isFields(found) ? found : {};
}

/** The text entries at the path, such as labels, annotations and class parameters. */
export function textMapAt(value: Value | undefined, ...path: Path): ReadonlyMap<string, string> {
  const entries = Object.keys(fieldsAt(value, ...path)).flatMap((key) => {
    const text = textAt(value, ...path, key);
    return text === undefined ? [] : [[key, text] as const];
  });
  return new Map(entries);
}
