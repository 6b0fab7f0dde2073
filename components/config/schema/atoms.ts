/** The words that sections of the schema are made of: names, sizes, labels, times. */
import { z } from 'zod';
import { parseSize, sizeGrammar } from '../quantity.ts';

/**
 * Kubernetes names: RFC 1123 labels, short enough that `larder-<name>-…` still fits 63 characters.
 */
export const name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/,
    'a name of lower case letters, digits and dashes, at most 40, first and last no dash',
  );

/** Text such as `20Gi`; a number of bytes once it is parsed. */
export const size = z.string().transform((text, context) => {
  const sizeBytes = parseSize(text);
  if (sizeBytes !== undefined) return sizeBytes;
  context.issues.push({ code: 'custom', message: sizeGrammar, input: text });
  return z.NEVER;
});

export const text = z.string().min(1, 'a text that is not empty');

/** A quantity of CPU or memory, handed on to Kubernetes as it is. */
const quantity = z.union([z.string().regex(/^\d/), z.number()]).transform(String);

export const labelKey = z
  .string()
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
    'a label key such as storage or example.org/storage',
  );

export const labelValue = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(String)
  .pipe(
    z
      .string()
      .regex(
        /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/,
        'a label value of letters, digits, dots, dashes and underscores, at most 63',
      ),
  );

/** Why something that protects data is left out; a word would say nothing. */
export const reason = z.string().min(10, 'a reason of at least ten letters');

export const schedule = z
  .string()
  .regex(/^\S+( \S+){4}$/, 'a cron expression of five fields, for example "15 3 * * *"');

export const resources = z.strictObject({
  cpu: quantity.default('100m'),
  memory: quantity.default('256Mi'),
  memoryLimit: quantity.default('1Gi'),
});

/** Environment variables in clear; secret ones are named, never written. */
export const environment = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name of letters, digits and underscores'),
  z.union([z.string(), z.number(), z.boolean()]).transform(String),
);

export const accessModes = [
  'ReadWriteOnce',
  'ReadWriteOncePod',
  'ReadWriteMany',
  'ReadOnlyMany',
] as const;
