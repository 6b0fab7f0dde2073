/** Which declared objects hold data, so that deleting them loses it. */
import { claimsOf } from './claim.ts';
import { type DeclaredObject, isKind } from './declared.ts';
import { textAt, textsAt } from './value.ts';
import type { World } from './world.ts';

const operatorObjects: readonly (readonly [string, readonly string[]])[] = [
  ['postgresql.cnpg.io', ['Cluster']],
  ['longhorn.io', ['Volume', 'BackingImage', 'Node']],
  ['ceph.rook.io', ['CephCluster', 'CephBlockPool', 'CephFilesystem', 'CephObjectStore']],
  ['larder.dev', ['Volume', 'Pool']],
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
  if (isKind(object, '', 'PersistentVolumeClaim')) return 'a claim to data';
  if (isKind(object, '', 'PersistentVolume')) return 'a volume';
  const operated = operatorObjects.some(
    ([group, kinds]) => object.group === group && kinds.includes(object.kind),
  );
  if (operated) return `the data behind a ${object.kind} of ${object.group}`;
  if (isKind(object, 'apiextensions.k8s.io', 'CustomResourceDefinition')) {
    const group = textAt(object.fields, 'spec', 'group') ?? '';
    return holdingGroups.includes(group) ? `every ${group} object of its kind` : undefined;
  }
  if (isKind(object, 'helm.sh', 'Release')) {
    const chart = textAt(object.fields, 'chart')?.split('/').at(-1);
    return chart !== undefined && holdingCharts.includes(chart)
      ? `the storage system of chart ${chart}`
      : undefined;
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

/** Classes whose claims may be lost, by the configuration of a policy. */
export function isScratchClaim(
  object: DeclaredObject,
  config: Parameters<typeof textsAt>[0],
): boolean {
  if (!isKind(object, '', 'PersistentVolumeClaim')) return false;
  const scratch = textsAt(config, 'scratchClasses');
  const className = textAt(object.fields, 'spec', 'storageClassName');
  return (
    className !== undefined && (scratch.length > 0 ? scratch : ['scratch']).includes(className)
  );
}
