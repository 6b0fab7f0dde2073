/**
 * Declared inputs of a resource: property maps in which a value may still be secret or unknown.
 * Turns them into the plain object that the API server gets, and back.
 */
import {
  hasUnknown,
  isPropertyMap,
  type PlainValue,
  type PropertyMap,
  type PropertyValue,
  revealMap,
} from '../provider/value.ts';
import { isObject, type KubeObject } from './object.ts';

export function propertyAt(
  map: PropertyMap,
  ...path: readonly (string | number)[]
): PropertyValue | undefined {
  let value: PropertyValue | undefined = map;
  for (const step of path) {
    if (typeof step === 'number') value = Array.isArray(value) ? value[step] : undefined;
    else value = isPropertyMap(value) ? value[step] : undefined;
  }
  return value;
}

/** The text at a path; empty when it is missing, unknown or something else. */
export function propertyText(map: PropertyMap, ...path: readonly string[]): string {
  const value = propertyAt(map, ...path);
  return typeof value === 'string' ? value : '';
}

export function withProperty(
  map: PropertyMap,
  path: readonly string[],
  value: PropertyValue,
): PropertyMap {
  const [key, ...rest] = path;
  if (key === undefined) return map;
  if (rest.length === 0) return { ...map, [key]: value };
  const inner = map[key];
  return { ...map, [key]: withProperty(isPropertyMap(inner) ? inner : {}, rest, value) };
}

export function withoutProperty(map: PropertyMap, path: readonly string[]): PropertyMap {
  const [key, ...rest] = path;
  const inner = key === undefined ? undefined : map[key];
  if (key === undefined || inner === undefined) return map;
  if (rest.length === 0) {
    return Object.fromEntries(Object.entries(map).filter(([name]) => name !== key));
  }
  return isPropertyMap(inner) ? { ...map, [key]: withoutProperty(inner, rest) } : map;
}

/**
 * Keys that the SDKs spell with underscores because not every language has dashes in names.
 * Source: pulumi-kubernetes `provider.go` `mapReplUnderscoreToDash`.
 */
const dashedKeys: ReadonlySet<string> = new Set([
  'x_kubernetes_embedded_resource',
  'x_kubernetes_int_or_string',
  'x_kubernetes_list_map_keys',
  'x_kubernetes_list_type',
  'x_kubernetes_map_type',
  'x_kubernetes_preserve_unknown_fields',
  'x_kubernetes_validations',
]);

/** Opens secrets, leaves nulls out and spells keys as Kubernetes does; unknown values stay. */
export function declared(inputs: PropertyMap): PropertyMap {
  return tidyMap(revealMap(inputs));
}

function tidyMap(map: PropertyMap): PropertyMap {
  const kept: Record<string, PropertyValue> = {};
  for (const [key, value] of Object.entries(map)) {
    if (value === null) continue;
    kept[dashedKeys.has(key) ? key.replaceAll('_', '-') : key] = tidyValue(value);
  }
  return kept;
}

function tidyValue(value: PropertyValue): PropertyValue {
  if (Array.isArray(value)) return value.map(tidyValue);
  return isPropertyMap(value) ? tidyMap(value) : value;
}

/** The object to send; undefined while a part of it is not known yet. */
export function toObject(inputs: PropertyMap): KubeObject | undefined {
  const open = declared(inputs);
  if (hasUnknown(open)) return undefined;
  const object = plainOf(open);
  return isObject(object) ? object : undefined;
}

function plainOf(value: PropertyValue): PlainValue {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(plainOf);
  if (isPropertyMap(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plainOf(part)]));
  }
  throw new Error(
    'Kubernetes objects are plain data, but the program gave an asset, archive or resource as a ' +
      'property. Pass the content as text, or the name of the resource.',
  );
}
