/**
 * One resource as the program declared it, whoever made it: typed SDK classes, rendered Helm
 * children, custom resources, or something that is not Kubernetes at all.
 *
 * Promises: works from the type token and the inputs alone, so it needs no SDK of that provider.
 * Never: throws on an odd shape; an object without a name gets its logical name.
 */
import { type Fields, plainFields, textAt, textMapAt, unknownAt } from './value.ts';

export interface DeclaredObject {
  readonly urn: string;
  /** Pulumi's type token, for example `kubernetes:apps/v1:StatefulSet`. */
  readonly type: string;
  /** Name in the program, the last part of the URN. */
  readonly logicalName: string;
  /** API group, `''` for the core group and for what is not Kubernetes. */
  readonly group: string;
  /** Kubernetes kind, `''` for what is not Kubernetes. */
  readonly kind: string;
  /** `unknownNamespace` where only the update will tell. */
  readonly namespace: string;
  /** `metadata.name`; the logical name where the program left it to Pulumi. */
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  /** URNs of the resources that its inputs come from; known to stack rules only. */
  readonly dependsOn: readonly string[];
  /** Pulumi's `protect` option. */
  readonly isProtected: boolean;
  readonly fields: Fields;
}

/** What the policy runtime tells about a resource, in both kinds of policy. */
export interface GivenResource {
  readonly type: string;
  readonly props: unknown;
  readonly urn: string;
  readonly name: string;
  readonly opts: { readonly protect: boolean };
  readonly dependencies?: readonly { readonly urn: string }[];
}

/** No name of a namespace has brackets. */
export const unknownNamespace = '(a namespace known after the update)';

/** True unless the two are known to be in different namespaces. */
export function mayShareNamespace(
  one: { readonly namespace: string },
  other: { readonly namespace: string },
): boolean {
  const namespaces = [one.namespace, other.namespace];
  return one.namespace === other.namespace || namespaces.includes(unknownNamespace);
}

const kubernetesToken = /^kubernetes:([^:]+)\/([^:/]+):([^:]+)$/;

export function declared(given: GivenResource): DeclaredObject {
  const fields = plainFields(given.props);
  const token = kubernetesToken.exec(given.type);
  const group = token?.[1] ?? '';
  return {
    urn: given.urn,
    type: given.type,
    logicalName: given.name,
    group: group === 'core' ? '' : group,
    kind: token?.[3] ?? '',
    namespace: unknownAt(fields, 'metadata', 'namespace')
      ? unknownNamespace
      : (textAt(fields, 'metadata', 'namespace') ?? 'default'),
    name: textAt(fields, 'metadata', 'name') ?? given.name,
    labels: textMapAt(fields, 'metadata', 'labels'),
    annotations: textMapAt(fields, 'metadata', 'annotations'),
    dependsOn: (given.dependencies ?? []).map((dependency) => dependency.urn),
    isProtected: given.opts.protect,
    fields,
  };
}

export function isKind(
  object: DeclaredObject,
  group: string,
  ...kinds: readonly string[]
): boolean {
  return object.group === group && kinds.includes(object.kind);
}

const clusterWide = new Set([
  'ClusterRole',
  'ClusterRoleBinding',
  'CSIDriver',
  'CustomResourceDefinition',
  'Namespace',
  'Node',
  'NodePatch',
  'PersistentVolume',
  'PriorityClass',
  'StorageClass',
  'VolumeSnapshotClass',
]);

/** How messages name an object: `StatefulSet databases/postgres`, `StorageClass local-ssd`. */
export function nameOf(object: DeclaredObject): string {
  if (object.kind === '') return `${object.type} ${object.logicalName}`;
  if (clusterWide.has(object.kind)) return `${object.kind} ${object.name}`;
  return `${object.kind} ${object.namespace}/${object.name}`;
}
