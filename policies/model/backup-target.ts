/** Where backups go: every place in which a program names a backup target, and its host. */
import { type DeclaredObject, isKind } from './declared.ts';
import { keyOf } from './keyed-data.ts';
import { at, isFields, listAt, textAt } from './value.ts';
import type { World } from './world.ts';

export interface BackupTarget {
  readonly object: DeclaredObject;
  readonly field: string;
  /** Host of the target, without port; undefined when it cannot be told. */
  readonly host: string | undefined;
  /** `s3`, `nfs`, … for messages; never the whole URL, which may hold a key. */
  readonly scheme: string;
}

interface Place {
  readonly group: RegExp;
  readonly kind: string;
  readonly paths: readonly (readonly string[])[];
}

/** Fields that hold a URL or endpoint. */
const places: readonly Place[] = [
  { group: /^longhorn\.io$/, kind: 'BackupTarget', paths: [['spec', 'backupTargetURL']] },
  {
    group: /^velero\.io$/,
    kind: 'BackupStorageLocation',
    paths: [['spec', 'config', 's3Url']],
  },
  {
    group: /^(k8up\.io|backup\.appuio\.ch)$/,
    kind: 'Schedule',
    paths: [
      ['spec', 'backend', 's3', 'endpoint'],
      ['spec', 'backend', 'rest', 'url'],
    ],
  },
  {
    group: /^postgresql\.cnpg\.io$/,
    kind: 'Cluster',
    paths: [['spec', 'backup', 'barmanObjectStore', 'endpointURL']],
  },
  {
    group: /^barmancloud\.cnpg\.io$/,
    kind: 'ObjectStore',
    paths: [['spec', 'configuration', 'endpointURL']],
  },
  {
    group: /^volsync\.backube$/,
    kind: 'ReplicationSource',
    paths: [
      ['spec', 'rsyncTLS', 'address'],
      ['spec', 'rsync', 'address'],
    ],
  },
];

export function backupTargetsOf(world: World): readonly BackupTarget[] {
  return world.objects.flatMap((object) => [
    ...placedTargets(object),
    ...settingTargets(object),
    ...chartTargets(object),
    ...repositoryTargets(world, object),
    ...credentialTargets(world, object),
  ]);
}

function placedTargets(object: DeclaredObject): readonly BackupTarget[] {
  return places
    .filter((place) => place.kind === object.kind && place.group.test(object.group))
    .flatMap((place) => place.paths)
    .flatMap((path) => targetAt(object, path.join('.'), textAt(object.fields, ...path)));
}

function settingTargets(object: DeclaredObject): readonly BackupTarget[] {
  const isSetting = isKind(object, 'longhorn.io', 'Setting') && object.name === 'backup-target';
  return isSetting ? targetAt(object, 'value', textAt(object.fields, 'value')) : [];
}

function chartTargets(object: DeclaredObject): readonly BackupTarget[] {
  const values = at(object.fields, 'values');
  if (!isFields(values)) return [];
  return ['defaultBackupStore', 'defaultSettings'].flatMap((part) =>
    targetAt(object, `values.${part}.backupTarget`, textAt(values, part, 'backupTarget')),
  );
}

/** VolSync names a Secret; the repository's URL stands in it. */
function repositoryTargets(world: World, object: DeclaredObject): readonly BackupTarget[] {
  if (!isKind(object, 'volsync.backube', 'ReplicationSource')) return [];
  return ['restic', 'kopia'].flatMap((mover) => {
    const name = textAt(object.fields, 'spec', mover, 'repository');
    const secret = name && world.find('', 'Secret', object.namespace, name);
    const key = `${mover.toUpperCase()}_REPOSITORY`;
    const url = secret === undefined || secret === '' ? undefined : keyOf(secret, key);
    return typeof url === 'string' ? targetAt(object, `spec.${mover}.repository`, url) : [];
  });
}

/** Longhorn's S3 endpoint stands in the credential Secret, not in the URL. */
function credentialTargets(world: World, object: DeclaredObject): readonly BackupTarget[] {
  const name = isKind(object, 'longhorn.io', 'BackupTarget')
    ? textAt(object.fields, 'spec', 'credentialSecret')
    : isKind(object, 'longhorn.io', 'Setting') && object.name === 'backup-target-credential-secret'
      ? textAt(object.fields, 'value')
      : undefined;
  const secret = name && world.find('', 'Secret', object.namespace, name);
  const endpoint =
    secret === undefined || secret === '' ? undefined : keyOf(secret, 'AWS_ENDPOINTS');
  return typeof endpoint === 'string' ? targetAt(object, 'AWS_ENDPOINTS', endpoint) : [];
}

function targetAt(
  object: DeclaredObject,
  field: string,
  url: string | undefined,
): readonly BackupTarget[] {
  if (url === undefined || url === '') return [];
  return [{ object, field, host: hostOf(url), scheme: /^([a-z0-9+]+):/i.exec(url)?.[1] ?? 'host' }];
}

/**
 * The host of a target URL: `s3:http://minio.minio.svc:9000/x`, `nfs://nas:/export`,
 * `https://…`. `s3://bucket@region/` and a hosted provider's bucket have none of ours.
 */
export function hostOf(url: string): string | undefined {
  const inner = url.trim().replace(/^(s3|rest|swift|rclone|gs|azure|b2):(?=[a-z]+:\/\/)/i, '');
  if (/^s3:\/\//i.test(inner)) return undefined;
  const [, authority = ''] = /^[a-z0-9+.-]+:\/\/([^/]*)/i.exec(inner) ?? [undefined, inner];
  const host =
    authority
      .replace(/^[^@]*@/, '')
      .replace(/:\d*$/, '')
      .split('/')[0] ?? '';
  return host === '' || /\s/.test(host) ? undefined : host.toLowerCase();
}

/** Names and addresses under which this cluster itself answers, as far as the program tells. */
export function ownHostOf(world: World, host: string): string | undefined {
  if (/\.svc(\.cluster\.local)?\.?$/.test(host) || host.endsWith('.cluster.local')) {
    return 'a Service of this cluster';
  }
  if (/^(localhost|127\.|10\.43\.|10\.96\.|::1)/.test(host))
    return 'an address inside this cluster';
  const node = world.objects.find((object) => {
    if (!isKind(object, '', 'Node', 'NodePatch')) return false;
    const addresses = listAt(object.fields, 'status', 'addresses');
    const known = addresses.flatMap((item) => textAt(item, 'address') ?? []);
    return [object.name, `${object.name}.local`, ...known].includes(host);
  });
  if (node !== undefined) return `the node ${node.name}`;
  const [name, namespace] = host.split('.');
  const service = world.all('', 'Service').find((object) => {
    const ips = [
      ...listAt(object.fields, 'spec', 'externalIPs'),
      ...listAt(object.fields, 'spec', 'clusterIPs'),
      at(object.fields, 'spec', 'loadBalancerIP') ?? '',
    ];
    if (ips.includes(host)) return true;
    const isNamed = object.name === name && host.split('.').length <= 2;
    return isNamed && (namespace === undefined || namespace === object.namespace);
  });
  return service === undefined ? undefined : `Service ${service.namespace}/${service.name}`;
}
