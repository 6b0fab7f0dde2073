/**
 * From the stack file to a typed configuration, or to every problem of its shape at once.
 *
 * Pure: takes the raw `larder:` keys, reads nothing. Promises that each problem carries its path as
 * it stands in the file, what was found, what is allowed and what to do; an unknown key gets the
 * known one it resembles. Tested: test/unit/components/config/parse.spec.ts.
 */
import { z } from 'zod';
import type { Problem } from '../rules/problem.ts';
import { oneOf } from '../rules/problem.ts';
import { retiredEngine } from '../rules/retired-engines.ts';
import { stackSchema, type StackConfig } from './schema.ts';
import { nearest } from './suggest.ts';

/** Key of the stack file without `larder:` → its value (objects and lists already parsed). */
export type RawConfig = Readonly<Record<string, unknown>>;

export type ParsedConfig =
  | { readonly ok: true; readonly config: StackConfig }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Picks the program's own keys from Pulumi's flat configuration, where structures are JSON text.
 */
export function rawConfig(all: Readonly<Record<string, string>>, project: string): RawConfig {
  const prefix = `${project}:`;
  return Object.fromEntries(
    Object.entries(all)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), parseValue(value)]),
  );
}

function parseValue(value: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

export function parseConfig(raw: RawConfig): ParsedConfig {
  const result = stackSchema.safeParse(raw);
  if (result.success) return { ok: true, config: result.data };
  return { ok: false, problems: result.error.issues.flatMap((issue) => problemsOf(issue, raw)) };
}

function problemsOf(issue: z.core.$ZodIssue, raw: RawConfig): Problem[] {
  const path = showPath(issue.path);
  // A secret is not shown, also when it has the wrong form.
  const found = issue.path[0] === 'secrets' ? 'a value' : show(valueAt(raw, issue.path));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, issue.path, raw));
    case 'invalid_type':
      if (valueAt(raw, issue.path) === undefined)
        return [
          {
            path,
            found: 'nothing',
            allowed: typeWords(issue.expected),
            todo: `add ${lastOf(issue.path)}`,
          },
        ];
      return [{ path, found, allowed: typeWords(issue.expected), todo: typeTodo(issue, found) }];
    case 'invalid_value':
      return [invalidValue(path, found, issue.values.map(String), valueAt(raw, issue.path))];
    case 'invalid_union':
      return [unionProblem(issue, path, valueAt(raw, issue.path))];
    case 'invalid_key':
      return [
        {
          path,
          found: show(issue.path.at(-1)),
          allowed: issue.issues.map((inner) => inner.message).join('; '),
          todo: 'rename the key',
        },
      ];
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'too_big':
    case 'too_small':
      return [{ path, found, allowed: issue.message, todo: 'write it in that form' }];
  }
}

function invalidValue(
  path: string,
  found: string,
  values: readonly string[],
  value: unknown,
): Problem {
  const meant = typeof value === 'string' ? nearest(value, values) : undefined;
  return {
    path,
    found,
    allowed: oneOf(values),
    todo: meant === undefined ? 'choose one of them' : `did you mean ${meant}?`,
  };
}

/** A text or number of no form that is allowed, or a kind of thing that nobody knows. */
function unionProblem(issue: z.core.$ZodIssueInvalidUnion, path: string, value: unknown): Problem {
  if (!('options' in issue) || issue.options === undefined)
    return { path, found: show(value), allowed: 'a text or a number', todo: 'write it as one' };
  const ended = typeof value === 'string' ? retiredEngine(value) : undefined;
  const kinds = issue.options.map(String);
  if (ended !== undefined)
    return { path, found: ended.ended, allowed: oneOf(kinds), todo: ended.instead };
  if (value === undefined)
    return {
      path,
      found: 'nothing',
      allowed: oneOf(kinds),
      todo: `add \`${issue.discriminator ?? 'it'}:\``,
    };
  return invalidValue(path, show(value), kinds, value);
}

function unknownKey(key: string, parent: readonly PropertyKey[], raw: RawConfig): Problem {
  const known = keysAt(stackSchema, parent, raw);
  const meant = nearest(key, known);
  return {
    path: showPath([...parent, key]),
    found: 'a key that nothing reads',
    allowed: oneOf(known),
    todo: meant === undefined ? 'remove it or see docs/configuration.md' : `did you mean ${meant}?`,
  };
}

/**
 * Keys of the object schema that stands at a path, through defaults and lists; of a union, those of
 * the kind that the value says it is.
 */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown): string[] {
  const bare = unwrap(schema);
  const [head, ...rest] = path;
  if (bare instanceof z.ZodDiscriminatedUnion) {
    const kind = bare.options.find((option) => isKind(option, bare.def.discriminator, value));
    return kind === undefined ? [] : keysAt(kind, path, value);
  }
  const inner = head === undefined ? undefined : valueAt(value, [head]);
  if (bare instanceof z.ZodObject) {
    if (head === undefined) return Object.keys(bare.shape);
    const child = bare.shape[String(head)];
    return child === undefined ? [] : keysAt(child, rest, inner);
  }
  if (bare instanceof z.ZodArray && head !== undefined) return keysAt(bare.element, rest, inner);
  return [];
}

function isKind(option: z.core.$ZodType, discriminator: string, value: unknown): boolean {
  if (!(option instanceof z.ZodObject)) return false;
  const field: unknown = option.shape[discriminator];
  return (
    field instanceof z.ZodLiteral &&
    [...field.values].some((word) => word === valueAt(value, [discriminator]))
  );
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional
  )
    return unwrap(schema.unwrap());
  return schema;
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    raw,
  );
}

/** `larder:nodes[0].disks[1].mount` */
function showPath(path: readonly PropertyKey[]): string {
  const [head, ...rest] = path;
  if (head === undefined) return 'larder:';
  const tail = rest.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`));
  return `larder:${String(head)}${tail.join('')}`;
}

const shownCharsMax = 80;

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const json = JSON.stringify(value);
  return json.length > shownCharsMax ? `${json.slice(0, shownCharsMax)}…` : json;
}

function lastOf(path: readonly PropertyKey[]): string {
  const last = path.findLast((key) => typeof key === 'string');
  return last === undefined ? 'it' : `\`${String(last)}:\``;
}

function typeWords(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list (each entry begins with a dash)',
    object: 'keys and values',
    record: 'keys and values',
  };
  return words[expected] ?? expected;
}

function typeTodo(issue: z.core.$ZodIssue, found: string): string {
  const field = issue.path.at(-1);
  if (field === 'size' || field === 'capacity') return `give the unit: ${found}Gi, for example`;
  return 'write it in that form';
}
