/**
 * A package schema for `GetSchema`, made from the zod schemas that `check` uses. It tells which
 * resources and functions a stand-in has and what they take; outputs and documentation are the
 * official schema's business.
 */
import { z } from 'zod';

export interface PackageParts {
  readonly name: string;
  readonly version: string;
  readonly resources: ReadonlyMap<string, z.ZodObject>;
  readonly functions?: ReadonlyMap<string, z.ZodObject>;
}

/** JSON text after Pulumi's package schema (`pulumi.json`). */
export function packageSchema(parts: PackageParts): string {
  const resources = [...parts.resources].map(([token, schema]) => {
    const { properties, required } = inputsOf(schema);
    return [token, { inputProperties: properties, requiredInputs: required }] as const;
  });
  const functions = [...(parts.functions ?? [])].map(
    ([token, schema]) => [token, { inputs: inputsOf(schema) }] as const,
  );
  return JSON.stringify({
    name: parts.name,
    version: parts.version,
    description: `Larder's stand-in for the official ${parts.name} provider on a closed network`,
    resources: Object.fromEntries(resources),
    functions: Object.fromEntries(functions),
  });
}

interface JsonSchema {
  readonly type?: string;
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | false;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

/** Pulumi's word for a value of any type. */
const anything = { $ref: 'pulumi.json#/Any' } as const;

function inputsOf(schema: z.ZodObject) {
  const json = z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;
  const properties = Object.entries(json.properties ?? {}).map(
    ([name, property]) => [name, typeOf(property)] as const,
  );
  return { properties: Object.fromEntries(properties), required: json.required ?? [] };
}

function typeOf(json: JsonSchema): object {
  if (json.type === undefined) return anything;
  if (json.type === 'array') return { type: 'array', items: typeOf(json.items ?? {}) };
  if (json.type !== 'object') return { type: json.type };
  const values = json.additionalProperties;
  return { type: 'object', additionalProperties: typeOf(values === false ? {} : (values ?? {})) };
}
