/**
 * The kinds of random resources this stand-in knows. Left out, with a clear refusal: RandomPet
 * (needs a word list), RandomShuffle and RandomInteger with a `seed` (need Go's generator),
 * RandomUuid4 and RandomUuid7.
 */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { hash } from 'bcryptjs';
import { z } from 'zod';
import { type PropertyMap, Secret } from '../provider/value.ts';
import { type Adopted, type Drawn, keepers, type RandomKind, randomKind } from './kind.ts';
import { drawText } from './text.ts';

/** Go's `bcrypt.DefaultCost`, which the official provider uses. */
const bcryptCost = 10;

const count = z.int().min(0).default(0);
const textSchema = z
  .strictObject({
    length: z.int().min(1),
    special: z.boolean().default(true),
    upper: z.boolean().default(true),
    lower: z.boolean().default(true),
    /** Deprecated name of `numeric`. */
    number: z.boolean().optional(),
    numeric: z.boolean().optional(),
    minSpecial: count,
    minUpper: count,
    minLower: count,
    minNumeric: count,
    overrideSpecial: z.string().optional(),
    keepers,
  })
  .superRefine((inputs, context) => {
    const sum = inputs.minUpper + inputs.minLower + inputs.minNumeric + inputs.minSpecial;
    if (inputs.length < sum) {
      context.addIssue({
        code: 'custom',
        path: ['length'],
        message:
          `must be at least sum of minUpper + minLower + minNumeric + minSpecial (${sum}), ` +
          `got: ${inputs.length}`,
      });
    }
    if (inputs.number !== undefined && inputs.numeric !== undefined) {
      if (inputs.number === inputs.numeric) return;
      context.addIssue({
        code: 'custom',
        path: ['number'],
        message: 'number and numeric are two names of one thing and differ; keep numeric',
      });
    }
  });

/** `number` and `numeric` always hold the same value (NumberNumericAttributePlanModifier). */
function numericNames(inputs: PropertyMap): PropertyMap {
  const given = inputs['numeric'] ?? inputs['number'] ?? true;
  return { number: given, numeric: given };
}

function textOf(inputs: z.output<typeof textSchema>): string {
  return drawText({
    ...inputs,
    numeric: inputs.numeric ?? inputs.number ?? true,
    overrideSpecial: inputs.overrideSpecial ?? '',
  });
}

const password = randomKind({
  type: 'random:index/randomPassword:RandomPassword',
  schema: textSchema,
  derive: numericNames,
  drawnOutputs: ['result', 'bcryptHash'],
  secretOutputs: ['result', 'bcryptHash'],
  draw: async (inputs) => passwordState(textOf(inputs)),
  adopt: async (id): Promise<Adopted> => ({
    ...(await passwordState(id)),
    inputs: { length: Buffer.byteLength(id) },
  }),
});

/** The id of a password says nothing, because ids are not secret. */
async function passwordState(text: string): Promise<Drawn> {
  const bcryptHash = new Secret(await hash(text, bcryptCost));
  return { id: 'none', outputs: { result: new Secret(text), bcryptHash } };
}

const string = randomKind({
  type: 'random:index/randomString:RandomString',
  schema: textSchema,
  derive: numericNames,
  drawnOutputs: ['result'],
  draw: (inputs) => stringState(textOf(inputs)),
  adopt: (id) => ({ ...stringState(id), inputs: { length: Buffer.byteLength(id) } }),
});

function stringState(text: string): Drawn {
  return { id: text, outputs: { result: text } };
}

const id = randomKind({
  type: 'random:index/randomId:RandomId',
  schema: z.strictObject({ byteLength: z.int().min(1), prefix: z.string().optional(), keepers }),
  drawnOutputs: ['b64Url', 'b64Std', 'hex', 'dec'],
  draw: (inputs) => idState(randomBytes(inputs.byteLength), inputs.prefix ?? ''),
  adopt: (given) => {
    const comma = given.lastIndexOf(',');
    const prefix = given.slice(0, Math.max(comma, 0));
    const bytes = Buffer.from(given.slice(comma + 1), 'base64url');
    const inputs = { byteLength: bytes.length, ...(prefix === '' ? {} : { prefix }) };
    return { ...idState(bytes, prefix), inputs };
  },
});

function idState(bytes: Buffer, prefix: string): Drawn {
  const b64Url = bytes.toString('base64url');
  return {
    id: b64Url,
    outputs: {
      b64Url: prefix + b64Url,
      b64Std: prefix + bytes.toString('base64'),
      hex: prefix + bytes.toString('hex'),
      dec: prefix + BigInt(`0x${bytes.toString('hex')}`).toString(),
    },
  };
}

const uuid = randomKind({
  type: 'random:index/randomUuid:RandomUuid',
  schema: z.strictObject({ keepers }),
  drawnOutputs: ['result'],
  draw: () => uuidState(randomUUID()),
  adopt: (given) => ({ ...uuidState(z.guid().parse(given)), inputs: {} }),
});

function uuidState(result: string): Drawn {
  return { id: result, outputs: { result } };
}

const integer = randomKind({
  type: 'random:index/randomInteger:RandomInteger',
  schema: z
    .strictObject({
      min: z.int(),
      max: z.int(),
      seed: z.never({ error: "needs Go's random generator; leave it out" }).optional(),
      keepers,
    })
    .refine((inputs) => inputs.min <= inputs.max, {
      path: ['max'],
      error: 'must not be less than min',
    }),
  drawnOutputs: ['result'],
  draw: ({ min, max }) => {
    const result = randomInt(min, max + 1);
    return { id: String(result), outputs: { result } };
  },
});

const bytes = randomKind({
  type: 'random:index/randomBytes:RandomBytes',
  schema: z.strictObject({ length: z.int().min(1), keepers }),
  drawnOutputs: ['base64', 'hex'],
  secretOutputs: ['base64', 'hex'],
  draw: (inputs) => {
    const drawn = randomBytes(inputs.length);
    const [base64, hex] = [drawn.toString('base64'), drawn.toString('hex')];
    return { id: 'none', outputs: { base64: new Secret(base64), hex: new Secret(hex) } };
  },
});

export const randomKinds: ReadonlyMap<string, RandomKind> = new Map(
  [password, string, id, uuid, integer, bytes].map((kind) => [kind.type, kind]),
);
