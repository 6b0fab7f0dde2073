/** How many classes claim to be the default. */
import { claimsOf, nameOfClaim } from '../model/claim.ts';
import { isDefaultClass } from '../model/placement.ts';
import { textAt } from '../model/value.ts';
import type { Finding, StackRule } from '../rule.ts';

export const oneDefaultClass: StackRule = {
  id: 'one-default-class',
  scope: 'stack',
  description: 'At most one StorageClass is the default.',
  severity: 'medium',
  level: 'mandatory',
  advises: true,
  why:
    'With two defaults the newest wins: the next claim without a class lands on a tier that ' +
    'nobody chose, after an upgrade on another one than before.',
  waysOut: [
    'Take the annotation storageclass.kubernetes.io/is-default-class from all but one',
    'Set it to "false" on the class that the distribution brought (k3s: local-path)',
    'Name the class in every claim and have no default at all',
  ],
  good: 'one class with is-default-class: "true"',
  bad: 'longhorn and local-path both with is-default-class: "true"',
  check(world) {
    const defaults = world.all('storage.k8s.io', 'StorageClass').filter(isDefaultClass);
    const field = 'metadata.annotations[storageclass.kubernetes.io/is-default-class]';
    const names = defaults.map((object) => object.name).join(', ');
    if (defaults.length > 1) {
      return defaults.slice(1).map(
        (object): Finding => ({
          object,
          field,
          found: `${defaults.length} classes are the default: ${names}`,
          level: 'violation',
        }),
      );
    }
    return defaults.length === 1 ? [] : nameless(world);
  },
};

/** Claims that rely on a default which this program does not declare. */
function nameless(world: Parameters<StackRule['check']>[0]): readonly Finding[] {
  if (world.all('storage.k8s.io', 'StorageClass').length === 0) return [];
  return claimsOf(world)
    .filter(
      (claim) => claim.className === undefined && textAt(claim.spec, 'volumeName') === undefined,
    )
    .map((claim) => ({
      object: claim.object,
      field: `${claim.field}.storageClassName`,
      found: `${nameOfClaim(claim)} relies on a default class, and this program declares none`,
      why: 'It stays Pending, or takes whatever the distribution made the default.',
      level: 'advice',
    }));
}
