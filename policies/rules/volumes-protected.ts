/**
 * Objects whose deletion loses data carry Pulumi's `protect`. Seen with the official engine: a
 * protected claim inside an unprotected Namespace dies with the Namespace, and `up` exits 0.
 */
import { type DeclaredObject, isKind, nameOf } from '../model/declared.ts';
import { holdingNamespaces, holdingOf, isScratchClaim } from '../model/holding.ts';
import { type Fields, textAt } from '../model/value.ts';
import type { World } from '../model/world.ts';
import type { Finding, StackRule } from '../rule.ts';

export const volumesProtected: StackRule = {
  id: 'volumes-protected',
  scope: 'stack',
  description:
    'Claims, volumes, their namespaces, definitions and passwords are protected from deletion.',
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
  configSchema: {
    properties: {
      scratchClasses: {
        type: 'array',
        items: { type: 'string' },
        default: ['scratch'],
        description: 'Classes whose claims may be lost.',
      },
    },
  },
  check(world, config) {
    const holding = holdingNamespaces(dataOf(world, config));
    return world.objects.flatMap((object) => [
      ...unprotected(object, holding, config),
      ...deletesItsClaims(object),
    ]);
  },
};

/** The world without the claims that may be lost. */
function dataOf(world: World, config: Fields): World {
  return world.without((object) => isScratchClaim(object, config));
}

function unprotected(
  object: DeclaredObject,
  holding: ReadonlyMap<string, DeclaredObject>,
  config: Fields,
): readonly Finding[] {
  if (object.isProtected || isScratchClaim(object, config)) return [];
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
