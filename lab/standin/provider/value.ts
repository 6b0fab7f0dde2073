/**
 * Property values as a provider sees them: plain JavaScript data plus the seven things that JSON
 * cannot say (secret, unknown, output, asset, archive, resource reference).
 *
 * Promises: a value is immutable; `wire.ts` turns it into protobuf and back without loss.
 * Never: interprets a value. What is secret stays secret until somebody calls `reveal`.
 */

export type PropertyValue =
  | null
  | boolean
  | number
  | string
  | readonly PropertyValue[]
  | PropertyMap
  | Secret
  | Unknown
  | Output
  | Asset
  | Archive
  | ResourceReference;

export interface PropertyMap {
  readonly [key: string]: PropertyValue;
}

/** Plain data: what is left of a value when secrets are opened and nothing is unknown. */
export type PlainValue =
  | null
  | boolean
  | number
  | string
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/** A value that the engine encrypts in the state and hides on the screen. */
export class Secret {
  readonly value: PropertyValue;
  constructor(value: PropertyValue) {
    this.value = value;
  }
}

/** A value that is not known before the update has run; exists in previews only. */
export class Unknown {}
export const unknown: Unknown = new Unknown();

/** A value with the names of the resources it came from; `value` is undefined while unknown. */
export class Output {
  readonly value: PropertyValue | undefined;
  readonly secret: boolean;
  readonly dependencies: readonly string[];
  constructor(
    value: PropertyValue | undefined,
    secret: boolean,
    dependencies: readonly string[] = [],
  ) {
    this.value = value;
    this.secret = secret;
    this.dependencies = dependencies;
  }
}

/** One file: its text, or where it lies. The engine adds the SHA-256 of its content. */
export class Asset {
  readonly source: { readonly text: string } | { readonly path: string } | { readonly uri: string };
  readonly hash: string | undefined;
  constructor(source: Asset['source'], hash?: string) {
    this.source = source;
    this.hash = hash;
  }
}

/** Several files: a folder or archive file, or a map of assets. */
export class Archive {
  readonly source:
    | { readonly path: string }
    | { readonly uri: string }
    | { readonly assets: Readonly<Record<string, Asset | Archive>> };
  readonly hash: string | undefined;
  constructor(source: Archive['source'], hash?: string) {
    this.source = source;
    this.hash = hash;
  }
}

/** Another resource given as an argument; `id` is undefined for components. */
export class ResourceReference {
  readonly urn: string;
  readonly id: PropertyValue | undefined;
  readonly packageVersion: string;
  constructor(urn: string, id: PropertyValue | undefined, packageVersion = '') {
    this.urn = urn;
    this.id = id;
    this.packageVersion = packageVersion;
  }
}

/** True for maps of properties, false for every class above, arrays and scalars. */
export function isPropertyMap(value: PropertyValue | undefined): value is PropertyMap {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** True when the value itself or anything inside it is not known yet. */
export function hasUnknown(value: PropertyValue | undefined): boolean {
  return some(value, (part) => part instanceof Unknown);
}

/** True when the value itself or anything inside it is secret. */
export function hasSecret(value: PropertyValue | undefined): boolean {
  return some(value, (part) => part instanceof Secret || (part instanceof Output && part.secret));
}

/**
 * The value without its secret and output envelopes, at every depth; unknown parts stay unknown.
 */
export function reveal(value: PropertyValue): PropertyValue {
  if (value instanceof Secret) return reveal(value.value);
  if (value instanceof Output) return value.value === undefined ? unknown : reveal(value.value);
  if (Array.isArray(value)) return value.map(reveal);
  if (isPropertyMap(value)) return revealMap(value);
  return value;
}

/** `reveal` for a whole set of properties. */
export function revealMap(map: PropertyMap): PropertyMap {
  return mapValues(map, reveal);
}

/** A map with every value changed and the keys kept. */
export function mapValues(
  map: PropertyMap,
  change: (value: PropertyValue, key: string) => PropertyValue,
): PropertyMap {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}

/**
 * Wraps each output whose input of the same name holds a secret: what the engine does for providers
 * that do not accept secrets, for those that do (they must do it themselves).
 */
export function keepSecrets(outputs: PropertyMap, inputs: PropertyMap): PropertyMap {
  return mapValues(outputs, (value, key) =>
    hasSecret(inputs[key]) && !(value instanceof Secret) ? new Secret(value) : value,
  );
}

function some(value: PropertyValue | undefined, test: (part: PropertyValue) => boolean): boolean {
  if (value === undefined) return false;
  if (test(value)) return true;
  if (value instanceof Secret) return some(value.value, test);
  if (value instanceof Output) {
    return value.value === undefined ? test(unknown) : some(value.value, test);
  }
  if (Array.isArray(value)) return value.some((part) => some(part, test));
  if (isPropertyMap(value)) return Object.values(value).some((part) => some(part, test));
  return false;
}
