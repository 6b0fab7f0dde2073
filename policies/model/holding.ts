/** Which declared objects hold data, so that deleting them loses it. */
import type { PolicyConfigSchema } from '@pulumi/policy';
import { type Claim, claimsOf } from './claim.ts';
import { chartOf, hidesItsObjects } from './chart.ts';
import { type DeclaredObject, isKind } from './declared.ts';
import { type Fields, textAt, textsAt } from './value.ts';
import type { World } from './world.ts';

const operatorObjects: readonly (readonly [string, readonly string[]])[] = [
  ['postgresql.cnpg.io', ['Cluster']],
  ['longhorn.io', ['Volume', 'BackingImage', 'Node']],
  ['ceph.rook.io', ['CephCluster', 'CephBlockPool', 'CephFilesystem', 'CephObjectStore']],
  ['larder.dev', ['Volume']],
  ['mariadb.mmontes.io', ['MariaDB']],
  ['k8s.mariadb.com', ['MariaDB']],
  ['mongodbcommunity.mongodb.com', ['MongoDBCommunity']],
  ['acid.zalan.do', ['postgresql']],
];

/** API groups whose definitions, once deleted, take data-holding objects with them. */
const holdingGroups: readonly string[] = [
  ...operatorObjects.map(([group]) => group),
  'snapshot.storage.k8s.io',
  'groupsnapshot.storage.k8s.io',
];

/** Charts whose release holds data: uninstalling them removes volumes or their catalogue. */
const holdingCharts: readonly string[] = [
  'longhorn',
  'rook-ceph',
  'rook-ceph-cluster',
  'cloudnative-pg',
  'openebs',
  'mayastor',
  'linstor-cluster',
  'piraeus',
];

/** What an object holds, as a noun phrase for messages; undefined when it holds nothing. */
export function holdingOf(object: DeclaredObject): string | undefined {
  if (isKind(object, '', 'PersistentVolumeClaim')) return 'data';
  if (isKind(object, '', 'PersistentVolume')) return 'data';
  const operated = operatorObjects.some(
    ([group, kinds]) => object.group === group && kinds.includes(object.kind),
  );
  if (operated) return `the data behind a ${object.kind} of ${object.group}`;
  if (isKind(object, 'apiextensions.k8s.io', 'CustomResourceDefinition')) {
    const group = textAt(object.fields, 'spec', 'group') ?? '';
    return holdingGroups.includes(group) ? `every ${group} object of its kind` : undefined;
  }
  const chart = chartOf(object);
  if (chart !== undefined && hidesItsObjects(object) && holdingCharts.includes(chart)) {
    return `the storage system of chart ${chart}`;
  }
  return undefined;
}

/** Namespaces that hold data, each with one object that proves it. */
export function holdingNamespaces(world: World): ReadonlyMap<string, DeclaredObject> {
  const found = new Map<string, DeclaredObject>();
  const holders = [
    ...claimsOf(world).map((claim) => claim.object),
    ...world.objects.filter((object) => holdingOf(object) !== undefined && isNamespaced(object)),
  ];
  for (const holder of holders) {
    if (!found.has(holder.namespace)) found.set(holder.namespace, holder);
  }
  return found;
}

function isNamespaced(object: DeclaredObject): boolean {
  return !['PersistentVolume', 'CustomResourceDefinition'].includes(object.kind);
}

export const scratchClassesSchema: PolicyConfigSchema['properties'][string] = {
  type: 'array',
  items: { type: 'string' },
  default: ['scratch'],
  description: 'Classes whose claims may be lost.',
};

/** True when the claim's class is one whose data may be lost, by the configuration of a policy. */
export function isScratchClaim(claim: Claim, config: Fields): boolean {
  const configured = textsAt(config, 'scratchClasses');
  const scratch = configured.length > 0 ? configured : ['scratch'];
  return typeof claim.className === 'string' && scratch.includes(claim.className);
}

/** True when the owner let go of the object in words, as the Larder components do it. */
export function isRetired(object: DeclaredObject): boolean {
  return object.annotations.get('larder.dev/retired') === 'true';
}
