/**
 * Anything that runs pods, reduced to one shape: Pod, Deployment, StatefulSet, DaemonSet,
 * ReplicaSet, Job and CronJob, whether written by hand or rendered from a chart.
 *
 * Never: resolves environment or volumes; `environment.ts` and `placement.ts` do.
 */
import { type DeclaredObject, isKind } from './declared.ts';
import { type Image, parseImage } from './image.ts';
import {
  at,
  type Fields,
  fieldsAt,
  isFields,
  isTrueAt,
  listAt,
  numberAt,
  textAt,
  textMapAt,
  textsAt,
  holdsUnknown,
  UNKNOWN,
  unknownAt,
} from './value.ts';

export interface Mount {
  readonly volume: string;
  readonly path: string;
  readonly subPath: string | undefined;
  readonly readOnly: boolean;
}

export interface Container {
  readonly name: string;
  readonly isInit: boolean;
  /** Undefined when absent; `UNKNOWN` in a preview that cannot know it. */
  readonly image: Image | typeof UNKNOWN | undefined;
  readonly mounts: readonly Mount[];
  /** False when there are mounts, or parts of them, that only the update will tell. */
  readonly mountsKnown: boolean;
  /** Command and arguments in one list. */
  readonly words: readonly string[];
  readonly wordsKnown: boolean;
  /** Where it stands in its object, for messages: `spec.template.spec.containers[0]`. */
  readonly field: string;
  readonly fields: Fields;
}

export interface Workload {
  readonly object: DeclaredObject;
  readonly pod: Fields;
  /** Where the pod stands in its object: `spec.template.spec`; for a bare Pod `spec`. */
  readonly podField: string;
  readonly podLabels: ReadonlyMap<string, string>;
  readonly containers: readonly Container[];
  readonly containersKnown: boolean;
  /** How many pods are wanted; undefined when unknown. A DaemonSet counts as many. */
  readonly replicas: number | undefined;
  /** True when an update starts the new pod before the old one has gone. */
  readonly surges: boolean;
}

const templatePaths: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  'apps/Deployment': ['spec', 'template'],
  'apps/StatefulSet': ['spec', 'template'],
  'apps/DaemonSet': ['spec', 'template'],
  'apps/ReplicaSet': ['spec', 'template'],
  'batch/Job': ['spec', 'template'],
  'batch/CronJob': ['spec', 'jobTemplate', 'spec', 'template'],
};

/** The workload an object declares, or undefined when it runs no pods. */
export function workloadOf(object: DeclaredObject): Workload | undefined {
  if (!object.type.startsWith('kubernetes:')) return undefined;
  const key = object.group === '' ? object.kind : `${object.group}/${object.kind}`;
  const template = templatePaths[key];
  if (template === undefined) return undefined;
  const podPath = [...template, 'spec'];
  const podField = podPath.join('.');
  return {
    object,
    pod: fieldsAt(object.fields, ...podPath),
    podField,
    podLabels: textMapAt(object.fields, ...template, 'metadata', 'labels'),
    containers: [
      ...containersAt(object.fields, podPath, 'initContainers'),
      ...containersAt(object.fields, podPath, 'containers'),
    ],
    containersKnown: !holdsUnknown(object.fields, 2, ...podPath, 'containers'),
    replicas: replicasOf(object),
    surges: surgesOf(object),
  };
}

function containersAt(
  fields: Fields,
  podPath: readonly string[],
  list: 'containers' | 'initContainers',
): readonly Container[] {
  return listAt(fields, ...podPath, list).flatMap((item, index) => {
    if (!isFields(item)) return [];
    const image = at(item, 'image');
    const container: Container = {
      name: textAt(item, 'name') ?? String(index),
      isInit: list === 'initContainers',
      image:
        image === UNKNOWN ? UNKNOWN : typeof image === 'string' ? parseImage(image) : undefined,
      mounts: mountsOf(item),
      mountsKnown: !holdsUnknown(item, 3, 'volumeMounts'),
      wordsKnown: !['command', 'args'].some((part) => holdsUnknown(item, 2, part)),
      words: [...textsAt(item, 'command'), ...textsAt(item, 'args')],
      field: `${podPath.join('.')}.${list}[${index}]`,
      fields: item,
    };
    return [container];
  });
}

/** Stands for the containers of a pod that are known only after the update. */
export const nothingKnown: Container = {
  name: '',
  isInit: false,
  image: UNKNOWN,
  mounts: [],
  mountsKnown: false,
  words: [],
  wordsKnown: false,
  field: 'spec',
  fields: {},
};

function mountsOf(container: Fields): readonly Mount[] {
  return listAt(container, 'volumeMounts').flatMap((mount) => {
    const volume = textAt(mount, 'name');
    const path = textAt(mount, 'mountPath');
    if (volume === undefined || path === undefined) return [];
    return [
      {
        volume,
        path: path.length > 1 ? path.replace(/\/+$/, '') : path,
        subPath: textAt(mount, 'subPath'),
        // What is not known yet is not yet known to be written.
        readOnly: isTrueAt(mount, 'readOnly') || unknownAt(mount, 'readOnly'),
      },
    ];
  });
}

function replicasOf(object: DeclaredObject): number | undefined {
  if (object.kind === 'DaemonSet') return Number.POSITIVE_INFINITY;
  if (object.kind === 'Job') return wantedAt(object, 'spec', 'parallelism');
  if (object.kind === 'CronJob') {
    return wantedAt(object, 'spec', 'jobTemplate', 'spec', 'parallelism');
  }
  return object.kind === 'Pod' ? 1 : wantedAt(object, 'spec', 'replicas');
}

/** A count that Kubernetes takes as 1 when it is absent. */
function wantedAt(object: DeclaredObject, ...path: readonly string[]): number | undefined {
  if (at(object.fields, ...path) === undefined) return 1;
  return numberAt(object.fields, ...path);
}

function surgesOf(object: DeclaredObject): boolean {
  if (!isKind(object, 'apps', 'Deployment')) return false;
  if (unknownAt(object.fields, 'spec', 'strategy', 'type')) return false;
  if (unknownAt(object.fields, 'spec', 'strategy', 'rollingUpdate', 'maxSurge')) return false;
  const type = textAt(object.fields, 'spec', 'strategy', 'type') ?? 'RollingUpdate';
  if (type !== 'RollingUpdate') return false;
  const surge = textAt(object.fields, 'spec', 'strategy', 'rollingUpdate', 'maxSurge') ?? '25%';
  return Number.parseInt(surge, 10) !== 0;
}

/** The mount that holds the path: the one with the longest matching `mountPath`. */
export function mountOver(container: Container, path: string): Mount | undefined {
  return container.mounts
    .filter((mount) => path === mount.path || path.startsWith(withSlash(mount.path)))
    .toSorted((one, other) => other.path.length - one.path.length)[0];
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}
