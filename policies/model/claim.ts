/**
 * Requests for storage: PersistentVolumeClaims, the claim templates of a StatefulSet, and the
 * volumes that operators make from their own objects (CloudNativePG's `spec.storage`).
 */
import { type DeclaredObject, isKind, nameOf } from './declared.ts';
import {
  at,
  type Fields,
  fieldsAt,
  isFields,
  listAt,
  textAt,
  textsAt,
  UNKNOWN,
  type Value,
} from './value.ts';
import type { Workload } from './workload.ts';
import type { World } from './world.ts';

export interface Claim {
  /** The object that declares it: the claim itself, the StatefulSet, the operator's object. */
  readonly object: DeclaredObject;
  readonly name: string;
  readonly namespace: string;
  /** Where the claim's spec stands in the object. */
  readonly field: string;
  readonly spec: Fields;
  /** Undefined when the claim names none; `''` is a name and means "no class". */
  readonly className: string | typeof UNKNOWN | undefined;
  readonly accessModes: readonly string[];
}

function claimOf(object: DeclaredObject, name: string, field: string, given: Value): Claim {
  const spec = isFields(given) ? given : {};
  const className =
    given === UNKNOWN ? UNKNOWN : (at(spec, 'storageClassName') ?? at(spec, 'storageClass'));
  return {
    object,
    name,
    namespace: object.namespace,
    field,
    spec,
    className: className === UNKNOWN ? UNKNOWN : textAt(className),
    accessModes: textsAt(spec, 'accessModes'),
  };
}

/** Every request for storage that the program makes. */
export function claimsOf(world: World): readonly Claim[] {
  return world.objects.flatMap(claimsOfObject);
}

/** The requests that one object makes. */
export function claimsOfObject(object: DeclaredObject): readonly Claim[] {
  if (isKind(object, '', 'PersistentVolumeClaim')) return [claimOfObject(object)];
  if (isKind(object, 'apps', 'StatefulSet')) return templatesOf(object);
  if (isKind(object, 'postgresql.cnpg.io', 'Cluster')) return claimsOfCloudNativePg(object);
  return [];
}

function claimOfObject(object: DeclaredObject): Claim {
  return claimOf(object, object.name, 'spec', at(object.fields, 'spec') ?? null);
}

function templatesOf(object: DeclaredObject): readonly Claim[] {
  return listAt(object.fields, 'spec', 'volumeClaimTemplates').flatMap((item, index) => {
    const name = textAt(item, 'metadata', 'name');
    if (name === undefined || !isFields(item)) return [];
    const field = `spec.volumeClaimTemplates[${index}].spec`;
    return [claimOf(object, name, field, at(item, 'spec') ?? null)];
  });
}

function claimsOfCloudNativePg(object: DeclaredObject): readonly Claim[] {
  return ['storage', 'walStorage'].flatMap((part) => {
    const storage = at(object.fields, 'spec', part);
    if (!isFields(storage)) return [];
    const template = fieldsAt(storage, 'pvcTemplate');
    const spec = { accessModes: ['ReadWriteOnce'], ...template, ...storage };
    return [claimOf(object, `${object.name}-${part}`, `spec.${part}`, spec)];
  });
}

/** The claim behind a pod's volume: a template of that name first, then the claim it refers to. */
export function claimOfVolume(world: World, workload: Workload, volume: string): Claim | undefined {
  const { object: owner } = workload;
  const templates = isKind(owner, 'apps', 'StatefulSet') ? templatesOf(owner) : [];
  const template = templates.find((claim) => claim.name === volume);
  if (template !== undefined) return template;
  const source = podVolume(workload, volume);
  const name = textAt(source, 'persistentVolumeClaim', 'claimName');
  if (name === undefined) return undefined;
  const namespace = workload.object.namespace;
  const object = world.find('', 'PersistentVolumeClaim', namespace, name);
  return object === undefined ? undefined : claimOfObject(object);
}

export function podVolume(workload: Workload, volume: string): Fields | undefined {
  const found = listAt(workload.pod, 'volumes').find((item) => textAt(item, 'name') === volume);
  return isFields(found) ? found : undefined;
}

/** How messages name a claim: by the object, and by the field when the object is something else. */
export function nameOfClaim(claim: Claim): string {
  const owner = nameOf(claim.object);
  return claim.field === 'spec' ? owner : `${owner} (${claim.field})`;
}
