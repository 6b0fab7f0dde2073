/** Keys and texts of ConfigMaps and Secrets, which carry the same data under different fields. */
import type { DeclaredObject } from './declared.ts';
import { at, fieldsAt, UNKNOWN } from './value.ts';

/** The keys of a ConfigMap or Secret. */
export function keysOf(object: DeclaredObject): readonly string[] {
  const parts = object.kind === 'Secret' ? ['stringData', 'data'] : ['data'];
  return parts.flatMap((part) => Object.keys(fieldsAt(object.fields, part)));
}

/** The text under a key of a ConfigMap or Secret, decoded. */
export function keyOf(object: DeclaredObject, key: string): string | typeof UNKNOWN | undefined {
  const clear = at(object.fields, object.kind === 'Secret' ? 'stringData' : 'data', key);
  if (clear === UNKNOWN) return UNKNOWN;
  if (typeof clear === 'string') return clear;
  if (object.kind !== 'Secret') return undefined;
  const encoded = at(object.fields, 'data', key);
  if (encoded === UNKNOWN) return UNKNOWN;
  return typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : undefined;
}
