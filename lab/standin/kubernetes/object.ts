/**
 * A Kubernetes object as plain JSON, and how to look into it without believing its shape: what is
 * missing or of another type reads as empty. Pure; objects are never changed in place.
 */
import type { PlainValue } from '../provider/value.ts';

export interface KubeObject {
  readonly [key: string]: PlainValue;
}

export type Path = readonly (string | number)[];

/** True for JSON objects, false for arrays and scalars. */
export function isObject(value: PlainValue | undefined): value is KubeObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path; undefined when there is none. */
export function at(object: PlainValue | undefined, ...path: Path): PlainValue | undefined {
  let value: PlainValue | undefined = object;
  for (const step of path) {
    if (typeof step === 'number') value = Array.isArray(value) ? value[step] : undefined;
    else value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
    if (value === undefined || value === null) return undefined;
  }
  return value;
}

export function textAt(object: PlainValue | undefined, ...path: Path): string {
  const value = at(object, ...path);
  return typeof value === 'string' ? value : '';
}

/** A scalar as text (`true`, `5`); empty for anything that has parts. */
export function scalarText(value: PlainValue | undefined): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? `${value}` : '';
}

/** `fallback` is what Kubernetes assumes for the field when it is absent. */
export function numberAt(object: PlainValue | undefined, path: Path, fallback: number = 0): number {
  const value = at(object, ...path);
  return typeof value === 'number' ? value : fallback;
}

/** The objects of a list; anything else in it is left out. */
export function listAt(object: PlainValue | undefined, ...path: Path): readonly KubeObject[] {
  const value = at(object, ...path);
  return Array.isArray(value) ? value.filter((entry) => isObject(entry)) : [];
}

export function mapAt(object: PlainValue | undefined, ...path: Path): KubeObject {
  const value = at(object, ...path);
  return isObject(value) ? value : {};
}

/** A copy with the value at `path`; maps on the way are made where they are missing. */
export function withAt(object: KubeObject, path: readonly string[], value: PlainValue): KubeObject {
  const [key, ...rest] = path;
  if (key === undefined) return object;
  const inner = rest.length === 0 ? value : withAt(mapAt(object, key), rest, value);
  return { ...object, [key]: inner };
}

/** A copy without the value at `path`; the maps around it stay, even if they are empty now. */
export function withoutAt(object: KubeObject, path: readonly string[]): KubeObject {
  const [key, ...rest] = path;
  if (key === undefined || !Object.hasOwn(object, key)) return object;
  if (rest.length === 0) {
    return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
  }
  const inner = object[key];
  return isObject(inner) ? { ...object, [key]: withoutAt(inner, rest) } : object;
}

export function nameOf(object: KubeObject): string {
  return textAt(object, 'metadata', 'name');
}

export function namespaceOf(object: KubeObject): string {
  return textAt(object, 'metadata', 'namespace');
}

export function uidOf(object: KubeObject): string {
  return textAt(object, 'metadata', 'uid');
}

export interface ObjectName {
  /** Empty for objects without a namespace. */
  readonly namespace: string;
  readonly name: string;
}

/** The Pulumi id of an object: `namespace/name`, or `name` alone. */
export function idOf(object: KubeObject): string {
  const namespace = namespaceOf(object);
  return namespace === '' ? nameOf(object) : `${namespace}/${nameOf(object)}`;
}

/** The reverse of `idOf`; the name is empty when the id is not one of ours. */
export function parseId(id: string): ObjectName {
  const [first = '', second] = id.split('/');
  return second === undefined ? { namespace: '', name: first } : { namespace: first, name: second };
}

/** What `object` says about a condition: `True`, `False`, `Unknown`, or nothing at all. */
export function conditionOf(object: KubeObject, type: string): KubeObject | undefined {
  return listAt(object, 'status', 'conditions').find((entry) => entry['type'] === type);
}

/**
 * Metadata that the API server writes and nobody declares; a program that copies an object may hand
 * it in.
 */
export const serverFields = [
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'generation',
  'managedFields',
  'resourceVersion',
  'uid',
] as const;

/** The object without the metadata that only the API server may write. */
export function declarable(object: KubeObject): KubeObject {
  return serverFields.reduce((left, field) => withoutAt(left, ['metadata', field]), object);
}

/**
 * The parts of `live` that `shape` has too: what others set on the object is not ours to compare.
 * Lists are compared entry by entry, as far as both go.
 */
export function prune(live: KubeObject, shape: KubeObject): KubeObject {
  const kept: Record<string, PlainValue> = {};
  for (const [key, value] of Object.entries(live)) {
    const wanted = Object.hasOwn(shape, key) ? shape[key] : undefined;
    if (wanted !== undefined) kept[key] = pruneValue(value, wanted);
  }
  return kept;
}

function pruneValue(live: PlainValue, shape: PlainValue): PlainValue {
  if (isObject(live) && isObject(shape)) return prune(live, shape);
  if (Array.isArray(live) && Array.isArray(shape)) {
    return live.slice(0, shape.length).map((entry, index) => {
      const wanted: PlainValue | undefined = shape[index];
      return wanted === undefined ? entry : pruneValue(entry, wanted);
    });
  }
  return live;
}
