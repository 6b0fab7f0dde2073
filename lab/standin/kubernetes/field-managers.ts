/**
 * Who owns which field of an object (`metadata.managedFields`), and how ownership moves from the
 * client that created an object to the server-side apply manager that keeps it. Pure.
 *
 * Source: pulumi-kubernetes `provider/pkg/await/await.go` `fixCSAFieldManagers`,
 * `handleSSAIgnoreFields`, `patchForce`; Kubernetes documentation "Server-Side Apply".
 */
import { annotation, isTrue } from './annotations.ts';
import {
  at,
  isObject,
  type KubeObject,
  listAt,
  mapAt,
  textAt,
  withAt,
  withoutAt,
} from './object.ts';
import { parsePath } from './property-path.ts';

/** The manager of objects that the provider creates by a plain POST. */
export const creationManager = 'pulumi-kubernetes';

/**
 * Managers whose fields become ours at the first update: kubectl, and the provider's own creations.
 */
const takenOver: ReadonlySet<string> = new Set([
  'kubectl Apply',
  'kubectl Update',
  'before-first-apply Update',
  `${creationManager} Update`,
  'pulumi-kubernetes.exe Update',
  'pulumi-resource-kubernetes Update',
]);

const ownCreations: ReadonlySet<string> = new Set([
  `${creationManager} Update`,
  'pulumi-kubernetes.exe Update',
  'pulumi-resource-kubernetes Update',
]);

const managerOf = (entry: KubeObject) =>
  `${textAt(entry, 'manager')} ${textAt(entry, 'operation')}`;
const isWhole = (entry: KubeObject) => textAt(entry, 'subresource') === '';

/**
 * The JSON patch that makes `manager` the owner of what the creation owned; undefined when there is
 * nothing to take over. It fails on the server when the object has changed in the meantime.
 */
export function takeOver(live: KubeObject, manager: string): readonly KubeObject[] | undefined {
  const entries = listAt(live, 'metadata', 'managedFields');
  const taken = entries.filter((entry) => takenOver.has(managerOf(entry)) && isWhole(entry));
  const first = taken[0];
  if (first === undefined) return undefined;
  const isOurs = (entry: KubeObject) => managerOf(entry) === `${manager} Apply` && isWhole(entry);
  const fields = [...entries.filter(isOurs), ...taken]
    .map((entry) => mapAt(entry, 'fieldsV1'))
    .reduce(union, {});
  const merged = {
    ...first,
    manager,
    operation: 'Apply',
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
  };
  const others = entries.filter((entry) => !taken.includes(entry) && !isOurs(entry));
  return [
    { op: 'replace', path: '/metadata/managedFields', value: [...others, merged] },
    {
      op: 'replace',
      path: '/metadata/resourceVersion',
      value: textAt(live, 'metadata', 'resourceVersion'),
    },
  ];
}

function union(one: KubeObject, other: KubeObject): KubeObject {
  const merged = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const mine = merged[key];
    merged[key] = isObject(mine) && isObject(value) ? union(mine, value) : value;
  }
  return merged;
}

/**
 * `object` without the fields that the program wants ignored and others own, and with the live
 * values of those that we own: an apply that left them out would remove them.
 * Paths into lists are left alone, as the official provider does.
 */
export function withIgnoredFields(
  object: KubeObject,
  live: KubeObject,
  manager: string,
  ignoreChanges: readonly string[],
): KubeObject {
  const entries = listAt(live, 'metadata', 'managedFields');
  const ours = entries.filter((entry) => textAt(entry, 'manager') === manager);
  const theirs = entries.filter((entry) => textAt(entry, 'manager') !== manager);
  let result = object;
  for (const text of ignoreChanges) {
    const path = parsePath(text);
    const keys = path.filter((step) => typeof step === 'string');
    if (keys.length !== path.length || keys.includes('*')) continue;
    if (owns(theirs, keys) && !owns(ours, keys)) {
      result = withoutAt(result, keys);
      continue;
    }
    const value = at(live, ...keys);
    if (value !== undefined) result = withAt(result, keys, value);
  }
  return result;
}

function owns(entries: readonly KubeObject[], keys: readonly string[]): boolean {
  const steps = keys.map((key) => `f:${key}`);
  return entries.some((entry) => at(entry, 'fieldsV1', ...steps) !== undefined);
}

/**
 * Whether an apply may take fields from other managers. In a preview it may where the real run
 * would not meet a conflict: for objects that do not exist, and for those whose creation's fields
 * the real run takes over first.
 */
export function mayForce(
  object: KubeObject,
  live: KubeObject | undefined,
  about: { readonly isPreview: boolean; readonly enablePatchForce: boolean },
): boolean {
  if (about.enablePatchForce || isTrue(object, annotation.patchForce)) return true;
  if (!about.isPreview) return false;
  if (live === undefined) return true;
  return listAt(live, 'metadata', 'managedFields').some((entry) =>
    ownCreations.has(managerOf(entry)),
  );
}
