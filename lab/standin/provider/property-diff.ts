/**
 * The differences between two sets of properties, by path, as the engine's detailed diff wants
 * them: `spec.ports[0].name`, keys with dots or brackets in quotes (`metadata.labels["a.b/c"]`).
 * Secret envelopes are looked through; an unknown new value differs from any known one.
 */
import {
  Archive,
  Asset,
  isPropertyMap,
  Output,
  type PropertyMap,
  type PropertyValue,
  ResourceReference,
  Secret,
  Unknown,
} from './value.ts';

export interface PropertyDifference {
  /** Keys and indices from the root. */
  readonly segments: readonly (string | number)[];
  readonly kind: 'add' | 'delete' | 'update';
}

/** Differences in the order of the keys: first those of `before`, then the new ones. */
export function differences(before: PropertyMap, after: PropertyMap): PropertyDifference[] {
  const found: PropertyDifference[] = [];
  compareMaps(before, after, [], found);
  return found;
}

/** The text form of a path. */
export function pathText(segments: readonly (string | number)[]): string {
  let path = '';
  for (const segment of segments) {
    if (typeof segment === 'number') path += `[${segment}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(segment)) path += path === '' ? segment : `.${segment}`;
    else path += `[${JSON.stringify(segment)}]`;
  }
  return path;
}

/** True when nothing differs, secrets looked through. */
export function same(before: PropertyValue, after: PropertyValue): boolean {
  return differences({ value: before }, { value: after }).length === 0;
}

type Segments = readonly (string | number)[];

function compareMaps(
  before: PropertyMap,
  after: PropertyMap,
  at: Segments,
  found: PropertyDifference[],
): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    compare(before[key], after[key], [...at, key], found);
  }
}

function compare(
  before: PropertyValue | undefined,
  after: PropertyValue | undefined,
  segments: Segments,
  found: PropertyDifference[],
): void {
  const [old, now] = [open(before), open(after)];
  // The engine does not tell absent and null apart in its own diffs, nor do the official providers.
  const absent = (value: PropertyValue | undefined) => value === undefined || value === null;
  if (absent(old) && absent(now)) return;
  if (absent(old)) found.push({ segments, kind: 'add' });
  else if (absent(now)) found.push({ segments, kind: 'delete' });
  else if (isPropertyMap(old) && isPropertyMap(now)) compareMaps(old, now, segments, found);
  else if (Array.isArray(old) && Array.isArray(now)) {
    for (let index = 0; index < Math.max(old.length, now.length); index += 1) {
      compare(old[index], now[index], [...segments, index], found);
    }
  } else if (!sameLeaf(old, now)) found.push({ segments, kind: 'update' });
}

function open(value: PropertyValue | undefined): PropertyValue | undefined {
  if (value instanceof Secret) return open(value.value);
  if (value instanceof Output) return value.value === undefined ? new Unknown() : open(value.value);
  return value;
}

function sameLeaf(before: PropertyValue | undefined, after: PropertyValue | undefined): boolean {
  if (before instanceof Unknown || after instanceof Unknown) return false;
  if (before instanceof Asset && after instanceof Asset) return sameContent(before, after);
  if (before instanceof Archive && after instanceof Archive) return sameContent(before, after);
  if (before instanceof ResourceReference && after instanceof ResourceReference) {
    return before.urn === after.urn;
  }
  return before === after;
}

/**
 * The engine hashes every asset before a provider sees it; without a hash nothing is known equal.
 */
function sameContent(before: Asset | Archive, after: Asset | Archive): boolean {
  return before.hash !== undefined && before.hash === after.hash;
}
