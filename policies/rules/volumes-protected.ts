/**
 * Objects whose deletion loses data carry Pulumi's `protect`. Seen with the official engine: a
 * protected claim inside an unprotected Namespace dies with the Namespace, and `up` exits 0.
 */
import { type Claim, claimsOfObject } from '../model/claim.ts';
import { type DeclaredObject, isKind, nameOf } from '../model/declared.ts';
import {
  holdingNamespaces,
  holdingOf,
  isRetired,
  isScratchClaim,
  scratchClassesSchema,
} from '../model/holding.ts';
import { passwordsOfData } from '../model/passwords.ts';
import { placementOfClaim, volumeOfClaim } from '../model/placement.ts';
import { databasesOf } from '../model/usage.ts';
import { type Fields, textAt, unknownAt } from '../model/value.ts';
import type { World } from '../model/world.ts';
import type { Finding, StackRule } from '../rule.ts';
import { classes } from '../settings.ts';

export const volumesProtected: StackRule = {
  id: 'volumes-protected',
  scope: 'stack',
  description:
    'Claims, volumes, their namespaces, definitions and passwords are protected and retained.',
  severity: 'critical',
  level: 'mandatory',
  advises: false,
  why:
    'Without protect, one edit (a renamed class, a removed line, a destroy) deletes it together ' +
    'with the data, and the update reports success.',
  waysOut: [
    'Set the resource options protect: true and retainOnDelete: true',
    'Put the data under a Larder AppVolume, which sets both on everything around it',
    'Give the claim a class listed in scratchClasses, when its data may be lost',
  ],
  good: 'new PersistentVolumeClaim(name, args, { protect: true, retainOnDelete: true })',
  bad: 'new PersistentVolumeClaim(name, args)',
  configSchema: { properties: { classes, scratchClasses: scratchClassesSchema } },
  check(world, config) {
    const mayGo = (object: DeclaredObject) => isRetired(object) || isScratch(object, config);
    const holding = holdingNamespaces(world.without(mayGo));
    return [
      ...world.objects
        .filter((object) => !mayGo(object))
        .flatMap((object) => [...unprotected(object, holding), ...deletesItsClaims(object)]),
      ...unprotectedPasswords(world),
      ...deletedWithItsClaim(world),
    ];
  },
};

function isScratch(object: DeclaredObject, config: Fields): boolean {
  const isClaim = isKind(object, '', 'PersistentVolumeClaim');
  return isClaim && claimsOfObject(object).some((claim) => isScratchClaim(claim, config));
}

function unprotected(
  object: DeclaredObject,
  holding: ReadonlyMap<string, DeclaredObject>,
): readonly Finding[] {
  if (object.isProtected) return [];
  const field = 'options.protect';
  const held = holdingOf(object);
  if (held !== undefined) {
    return [{ object, field, found: `it holds ${held} and is not protected`, level: 'violation' }];
  }
  const holder = isKind(object, '', 'Namespace') ? holding.get(object.name) : undefined;
  if (holder === undefined) return [];
  return [
    {
      object,
      field,
      found: `it contains ${nameOf(holder)} and is not protected`,
      why:
        'A Namespace takes everything in it along when it is deleted, protected or not; the ' +
        'update that removes it exits 0.',
      waysOut: [
        'Set protect: true and retainOnDelete: true on the Namespace as well',
        'Keep data in a Namespace that nothing else owns, and declare it once',
        'Leave the Namespace out of this program and create it by hand',
      ],
      level: 'violation',
    },
  ];
}

function deletesItsClaims(object: DeclaredObject): readonly Finding[] {
  if (!isKind(object, 'apps', 'StatefulSet')) return [];
  return ['whenDeleted', 'whenScaled'].flatMap((when) => {
    const path = ['spec', 'persistentVolumeClaimRetentionPolicy', when] as const;
    if (textAt(object.fields, ...path) !== 'Delete') return [];
    const finding: Finding = {
      object,
      field: path.join('.'),
      found: 'Delete: the StatefulSet takes its claims along',
      waysOut: [
        'Set it to Retain (or leave it out, which means Retain)',
        'Declare the claim by itself, protected, and mount it by name',
        'Use an emptyDir when the data may be lost',
      ],
      level: 'violation',
    };
    return [finding];
  });
}

/** A password that is made anew locks everyone out of the data it opened. */
function unprotectedPasswords(world: World): readonly Finding[] {
  return passwordsOfData(world)
    .filter(({ password }) => !password.isProtected)
    .map(({ password, user }) => ({
      object: password,
      also: [user],
      field: 'options.protect',
      found: `it opens the data of ${nameOf(user)} and is not protected`,
      why:
        'Made anew, it no longer opens what the old one closed: the database keeps the password ' +
        'of its first start, an encrypted backup cannot be read.',
      waysOut: [
        'Set protect: true and retainOnDelete: true on the password',
        'Keep the password outside of the program and pass it in as secret configuration',
        'Rotate it on purpose: change it in the database first',
      ],
      level: 'violation' as const,
    }));
}

/** Databases whose volume goes with the claim: `Delete` on the class or on the volume itself. */
function deletedWithItsClaim(world: World): readonly Finding[] {
  const claims = databasesOf(world).flatMap(({ placement, engine }) =>
    placement?.claim === undefined ? [] : [{ claim: placement.claim, engine }],
  );
  const seen = new Set<string>();
  return claims.flatMap(({ claim, engine }) => {
    const blamed = reclaimedBy(world, claim);
    if (blamed === undefined || seen.has(blamed.object.urn)) return [];
    seen.add(blamed.object.urn);
    const finding: Finding = {
      object: blamed.object,
      also: [claim.object],
      field: blamed.field,
      found: `it is Delete, and ${engine} keeps its data there`,
      why: 'When the claim goes, by mistake or with its Namespace, the data goes at once.',
      waysOut: [
        'Set it to Retain',
        'Use another class for databases, with reclaimPolicy Retain',
        'Patch the volume to Retain (kubectl patch pv), if the class cannot change',
      ],
      level: 'violation',
    };
    return [finding];
  });
}

function reclaimedBy(
  world: World,
  claim: Claim,
): { readonly object: DeclaredObject; readonly field: string } | undefined {
  const volume = volumeOfClaim(world, claim);
  const volumeField = 'spec.persistentVolumeReclaimPolicy';
  if (volume !== undefined) {
    const isDelete = textAt(volume.fields, ...volumeField.split('.')) === 'Delete';
    return isDelete ? { object: volume, field: volumeField } : undefined;
  }
  const { className } = placementOfClaim(world, claim);
  const object = world.findClusterWide('storage.k8s.io', 'StorageClass', className ?? '');
  if (object === undefined) return undefined;
  if (unknownAt(object.fields, 'reclaimPolicy')) return undefined;
  // Kubernetes takes Delete when the class says nothing.
  const policy = textAt(object.fields, 'reclaimPolicy') ?? 'Delete';
  return policy === 'Delete' ? { object, field: 'reclaimPolicy' } : undefined;
}
