/**
 * What the random resources have in common: made once, kept in the state, made anew when any input
 * changes. A kind only says which inputs there are and how a value is drawn.
 *
 * Source: terraform-provider-random, `internal/provider/resource_*.go`, which the official Pulumi
 * provider wraps: every attribute carries `RequiresReplace`, Read does nothing, Delete does
 * nothing.
 */
import { z } from 'zod';
import { checkInputs, knownInputs } from '../provider/inputs.ts';
import type { CheckFailure } from '../provider/provider.ts';
import type { PropertyMap, PropertyValue } from '../provider/value.ts';

/** A drawn value: what the state will hold besides the inputs. */
export interface Drawn {
  readonly id: string;
  readonly outputs: PropertyMap;
}

/** A value that exists already and is taken over. */
export interface Adopted extends Drawn {
  /** Inputs under which the next update finds nothing to change. */
  readonly inputs: PropertyMap;
}

export interface RandomKind {
  readonly type: string;
  readonly schema: z.ZodObject;
  /** Outputs that are drawn, unknown until the resource exists. */
  readonly drawnOutputs: readonly string[];
  readonly secretOutputs: readonly string[];
  check(inputs: PropertyMap): readonly CheckFailure[];
  /** All inputs with their defaults; secret envelopes kept where the user gave them. */
  complete(inputs: PropertyMap): PropertyMap;
  draw(inputs: PropertyMap): Promise<Drawn>;
  /** Undefined for kinds that cannot be imported. */
  readonly adopt: ((id: string) => Promise<Adopted>) | undefined;
}

export interface KindDefinition<Schema extends z.ZodObject> {
  readonly type: string;
  readonly schema: Schema;
  readonly drawnOutputs: readonly string[];
  readonly secretOutputs?: readonly string[];
  readonly draw: (inputs: z.output<Schema>) => Drawn | Promise<Drawn>;
  readonly adopt?: (id: string) => Adopted | Promise<Adopted>;
  /** Defaults that depend on other inputs. */
  readonly derive?: (inputs: PropertyMap) => PropertyMap;
}

/** `keepers`: values whose change is a reason to draw again. */
export const keepers = z.record(z.string(), z.string()).optional();

export function randomKind<Schema extends z.ZodObject>(
  definition: KindDefinition<Schema>,
): RandomKind {
  const { schema, adopt } = definition;
  return {
    type: definition.type,
    schema,
    drawnOutputs: definition.drawnOutputs,
    secretOutputs: definition.secretOutputs ?? [],
    check: (inputs) => checkInputs(schema, inputs),
    complete: (inputs) => ({
      ...defaultsOf(schema),
      ...definition.derive?.(inputs),
      ...inputs,
    }),
    draw: async (inputs) => definition.draw(knownInputs(schema, inputs)),
    adopt: adopt === undefined ? undefined : async (id) => adopt(id),
  };
}

/** Values that an empty object gets from the schema, read property by property. */
function defaultsOf(schema: z.ZodObject): PropertyMap {
  const defaults: Record<string, PropertyValue> = {};
  for (const [key, property] of Object.entries(schema.shape)) {
    const parsed = (property as z.ZodType).safeParse(undefined);
    // What a schema of ours has for a default is a number or a boolean.
    if (parsed.success && parsed.data !== undefined) defaults[key] = parsed.data as PropertyValue;
  }
  return defaults;
}
