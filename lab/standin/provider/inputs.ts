/**
 * Inputs against a zod schema, as `Check` needs it: every problem at once, by path, and nothing
 * said about what is not known yet.
 */
import { z } from 'zod';
import type { CheckFailure } from './provider.ts';
import { pathText } from './property-diff.ts';
import { hasUnknown, type PropertyMap, revealMap } from './value.ts';

/** All problems; properties that hold an unknown value are believed until they are known. */
export function checkInputs(schema: z.ZodObject, inputs: PropertyMap): CheckFailure[] {
  const known = Object.entries(inputs).filter(([, value]) => !hasUnknown(value));
  const result = applicable(schema, inputs).safeParse(revealMap(Object.fromEntries(known)));
  if (result.success) return [];
  return result.error.issues.map((issue) => ({
    property: pathText(issue.path.map((part) => (typeof part === 'number' ? part : String(part)))),
    reason: issue.message,
  }));
}

/**
 * A schema without the unknown properties: relations between properties wait until all are known.
 */
function applicable(schema: z.ZodObject, inputs: PropertyMap): z.ZodObject {
  const kept = Object.entries(schema.shape).filter(([key]) => !hasUnknown(inputs[key]));
  const whole = kept.length === Object.keys(schema.shape).length;
  return whole ? schema : z.strictObject(Object.fromEntries(kept));
}

/**
 * The inputs as typed data with the defaults filled in, once they are all known.
 * @throws z.ZodError when they do not fit: `check` has to have passed before
 */
export function knownInputs<Schema extends z.ZodObject>(
  schema: Schema,
  inputs: PropertyMap,
): z.output<Schema> {
  return schema.parse(revealMap(inputs));
}
