/**
 * Resources as the policy runtime gives them to a check: inputs behind a property access that
 * throws where the value is unknown during preview.
 */
import type { GivenResource } from '../../../../policies/model/declared.ts';
import { UNKNOWN } from '../../../../policies/model/value.ts';

export type Inputs = Readonly<Record<string, unknown>>;

interface Options {
  readonly protect?: boolean;
  readonly dependencies?: readonly GivenResource[];
}

export function given(
  type: string,
  name: string,
  inputs: Inputs,
  options?: Options,
): GivenResource {
  return {
    type,
    name,
    urn: `urn:pulumi:dev::shop::${type}::${name}`,
    props: guarded(inputs),
    opts: { protect: options?.protect ?? false },
    ...(options?.dependencies === undefined ? {} : { dependencies: options.dependencies }),
  };
}

/** An object of a kind, with its name and namespace filled in. */
export function object(
  token: string,
  path: string,
  inputs: Inputs,
  options?: Options,
): GivenResource {
  const [namespace, name] = path.includes('/') ? path.split('/', 2) : [undefined, path];
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const declared = (inputs['metadata'] as Inputs | undefined) ?? {};
  const all = { ...inputs, metadata: { ...metadata, ...declared } };
  return given(`kubernetes:${token}`, name ?? path, all, options);
}

/** Throws on access to what is `UNKNOWN`, as the runtime's own proxy does. */
export function guarded(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const found: unknown = Reflect.get(target, key);
      if (found === UNKNOWN) throw new Error(`${String(key)} can't be known during preview`);
      return Array.isArray(target) && typeof found === 'function' ? found : guarded(found);
    },
  });
}
