/**
 * Where the data behind a volume lives: a local disk, replicated block storage, a network file
 * system. Follows volume -> claim -> volume object or class -> driver through the program.
 *
 * Promises: says "unknown" together with the key that would settle it, rather than guess.
 */
import { type Claim, claimOfVolume, nameOfClaim, podVolume } from './claim.ts';
import { type DeclaredObject, nameOf } from './declared.ts';
import { driverRow, type Home, provisionerOfWellKnownClass } from './drivers.ts';
import {
  at,
  type Fields,
  isFields,
  isTrueAt,
  numberAt,
  textAt,
  textMapAt,
  UNKNOWN,
  unknownAt,
} from './value.ts';
import type { Workload } from './workload.ts';
import type { World } from './world.ts';

export interface Placement {
  readonly home: Home | 'unknown';
  /** What it is and how we know, to finish the sentence "it lives on …". */
  readonly what: string;
  /** For `unknown`: the key that would settle it. */
  readonly wanted?: string;
  readonly claim?: Claim;
  readonly className?: string;
  readonly provisioner?: string;
  /** Number of copies, where the class says it. */
  readonly copies?: number;
  /** The directory of the node, for hostPath and local volumes. */
  readonly hostPath?: string;
}

const defaultClassAnnotation = 'storageclass.kubernetes.io/is-default-class';

export function isDefaultClass(object: DeclaredObject): boolean {
  return object.annotations.get(defaultClassAnnotation)?.toLowerCase() === 'true';
}

/** Undefined when the volume holds no data of its own (ConfigMap, Secret, projected). */
export function placementOfVolume(
  world: World,
  workload: Workload,
  volume: string,
): Placement | undefined {
  const claim = claimOfVolume(world, workload, volume);
  if (claim !== undefined) return placementOfClaim(world, claim);
  const source = podVolume(workload, volume);
  const field = `${workload.podField}.volumes[${volume}]`;
  if (source === undefined) return unknown(`volume ${volume}`, field);
  if (unknownAt(source, 'persistentVolumeClaim', 'claimName')) {
    return unknown(`a claim that only the update can name`, `${field}.persistentVolumeClaim`);
  }
  const claimName = textAt(source, 'persistentVolumeClaim', 'claimName');
  if (claimName !== undefined) {
    return unknown(`claim ${claimName}, which this program does not declare`, `${field}`);
  }
  if (at(source, 'emptyDir') !== undefined || at(source, 'ephemeral') !== undefined) {
    return { home: 'ephemeral', what: 'an emptyDir, which goes with the pod' };
  }
  return placementOfSource(source);
}

/** The source part of a PersistentVolume's spec or of a pod's volume. */
function placementOfSource(source: Fields): Placement | undefined {
  const path = textAt(source, 'hostPath', 'path') ?? textAt(source, 'local', 'path');
  if (path !== undefined) {
    return { home: 'local', what: `the node's directory ${path}`, hostPath: path };
  }
  for (const kind of ['nfs', 'cephfs', 'glusterfs', 'azureFile', 'quobyte']) {
    if (isFields(at(source, kind))) {
      const server = textAt(source, kind, 'server');
      const from = server === undefined ? '' : ` of ${server}`;
      return { home: 'network-file', what: `a network file system (${kind}${from})` };
    }
  }
  if (isFields(at(source, 'rbd'))) return { home: 'replicated', what: 'a Ceph block image' };
  for (const kind of ['iscsi', 'fc']) {
    if (isFields(at(source, kind))) return { home: 'network-block', what: `an ${kind} device` };
  }
  const driver = textAt(source, 'csi', 'driver');
  return driver === undefined ? undefined : placementOfDriver(driver, {});
}

export function placementOfClaim(world: World, claim: Claim): Placement {
  const found = volumeOfClaim(world, claim);
  const source = found && placementOfSource(specOf(found));
  if (found !== undefined && source !== undefined) {
    return { ...source, claim, what: `${source.what} (${nameOf(found)})` };
  }
  if (claim.className === UNKNOWN) {
    return {
      ...unknown('a class known after the update', `${claim.field}.storageClassName`),
      claim,
    };
  }
  return { ...placementOfClass(world, claim.className, claim), claim };
}

function specOf(volume: DeclaredObject): Fields {
  const spec = at(volume.fields, 'spec');
  return isFields(spec) ? spec : {};
}

/** The PersistentVolume that the program binds to the claim by name, claimRef or class. */
export function volumeOfClaim(world: World, claim: Claim): DeclaredObject | undefined {
  const volumes = world.all('', 'PersistentVolume');
  const named = textAt(claim.spec, 'volumeName');
  if (named !== undefined) return volumes.find((volume) => volume.name === named);
  const referred = volumes.find(
    (volume) =>
      textAt(volume.fields, 'spec', 'claimRef', 'name') === claim.name &&
      textAt(volume.fields, 'spec', 'claimRef', 'namespace') === claim.namespace,
  );
  if (referred !== undefined) return referred;
  if (typeof claim.className !== 'string') return undefined;
  const declaredClass = world.findClusterWide('storage.k8s.io', 'StorageClass', claim.className);
  if (declaredClass !== undefined) return undefined;
  return volumes.find(
    (item) => textAt(item.fields, 'spec', 'storageClassName') === claim.className,
  );
}

function placementOfClass(world: World, className: string | undefined, claim: Claim): Placement {
  const classes = world.all('storage.k8s.io', 'StorageClass');
  const defaults = classes.filter(isDefaultClass);
  const name = className ?? (defaults.length === 1 ? defaults[0]?.name : undefined);
  if (name === undefined) {
    return unknown("the cluster's default class", `${claim.field}.storageClassName`);
  }
  const settled = Object.hasOwn(world.settings.classes, name)
    ? world.settings.classes[name]
    : undefined;
  if (settled !== undefined) {
    return { home: settled, what: `class ${name} (${settled} by configuration)`, className: name };
  }
  const object = classes.find((item) => item.name === name);
  const provisioner = textAt(object?.fields, 'provisioner') ?? provisionerOfWellKnownClass(name);
  if (provisioner === undefined) {
    return {
      ...unknown(`class ${name}, which this program does not declare`, name),
      className: name,
    };
  }
  const parameters = Object.fromEntries(textMapAt(object?.fields, 'parameters'));
  const placement = placementOfDriver(provisioner, parameters, claim);
  const what = `class ${name} (${placement.what})`;
  return placement.home === 'unknown'
    ? { ...placement, what, className: name, wanted: name }
    : { ...placement, what, className: name };
}

function placementOfDriver(provisioner: string, parameters: Fields, claim?: Claim): Placement {
  const row = driverRow(provisioner);
  if (row === undefined) return { ...unknown(`driver ${provisioner}`, provisioner), provisioner };
  const copies = row.copies && copiesOf(parameters, row.copies);
  const known = { provisioner, ...(copies === undefined ? {} : { copies }) };
  // Longhorn serves a volume that many pods may write through an NFS server in a pod.
  if (provisioner === 'driver.longhorn.io' && claim?.accessModes.includes('ReadWriteMany')) {
    if (!isTrueAt(parameters, 'migratable')) {
      return {
        home: 'network-file',
        what: `${provisioner}, ReadWriteMany served by NFS`,
        ...known,
      };
    }
  }
  if (textAt(parameters, 'dataLocality') === 'strict-local') {
    return { home: 'local', what: `${provisioner}, strict-local`, ...known };
  }
  const shown = copies === undefined ? '' : `, ${copies} ${copies === 1 ? 'copy' : 'copies'}`;
  return { home: row.home, what: `${provisioner}${shown}`, ...known };
}

function copiesOf(
  parameters: Fields,
  rule: { readonly parameter: string; readonly default: number },
): number | undefined {
  if (at(parameters, rule.parameter) === undefined) return rule.default;
  return numberAt(parameters, rule.parameter);
}

function unknown(what: string, wanted: string): Placement {
  return { home: 'unknown', what, wanted };
}

/** How messages point at the storage: the claim when there is one, else what it is. */
export function nameOfPlacement(placement: Placement): string {
  const { claim, what } = placement;
  return claim === undefined ? what : `${what}, asked for by ${nameOfClaim(claim)}`;
}
