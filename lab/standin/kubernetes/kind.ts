/**
 * Which Kubernetes kind a Pulumi resource type stands for, and what kind of resource it is:
 * an object, a patch of somebody else's object, or something this stand-in does not do.
 */
import { type KubeObject, textAt } from './object.ts';

export interface GroupVersionKind {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export function apiVersionOf(kind: GroupVersionKind): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

/** For messages and tables: `v1/Pod`, `apps/v1/Deployment`. */
export function kindText(kind: GroupVersionKind): string {
  return `${apiVersionOf(kind)}/${kind.kind}`;
}

export function kindOf(object: KubeObject): GroupVersionKind {
  const [first = '', second] = textAt(object, 'apiVersion').split('/');
  const [group, version] = second === undefined ? ['', first] : [first, second];
  return { group: group === 'core' ? '' : group, version, kind: textAt(object, 'kind') };
}

/** Cluster-scoped kinds that every Kubernetes has, for when no cluster can be asked. */
const clusterScoped: ReadonlySet<string> = new Set([
  '/ComponentStatus',
  '/Namespace',
  '/Node',
  '/PersistentVolume',
  'admissionregistration.k8s.io/MutatingAdmissionPolicy',
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/MutatingWebhookConfiguration',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration',
  'apiextensions.k8s.io/CustomResourceDefinition',
  'apiregistration.k8s.io/APIService',
  'authentication.k8s.io/SelfSubjectReview',
  'authentication.k8s.io/TokenReview',
  'authorization.k8s.io/SelfSubjectAccessReview',
  'authorization.k8s.io/SelfSubjectRulesReview',
  'authorization.k8s.io/SubjectAccessReview',
  'certificates.k8s.io/CertificateSigningRequest',
  'certificates.k8s.io/ClusterTrustBundle',
  'flowcontrol.apiserver.k8s.io/FlowSchema',
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration',
  'networking.k8s.io/IPAddress',
  'networking.k8s.io/IngressClass',
  'networking.k8s.io/ServiceCIDR',
  'node.k8s.io/RuntimeClass',
  'rbac.authorization.k8s.io/ClusterRole',
  'rbac.authorization.k8s.io/ClusterRoleBinding',
  'resource.k8s.io/DeviceClass',
  'resource.k8s.io/ResourceSlice',
  'scheduling.k8s.io/PriorityClass',
  'storage.k8s.io/CSIDriver',
  'storage.k8s.io/CSINode',
  'storage.k8s.io/StorageClass',
  'storage.k8s.io/VolumeAttachment',
  'storage.k8s.io/VolumeAttributesClass',
  'storagemigration.k8s.io/StorageVersionMigration',
]);

const builtInGroups: ReadonlySet<string> = new Set([
  '',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'apps',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
  'storagemigration.k8s.io',
]);

/** Undefined for kinds that only the cluster can tell about (custom resources). */
export function isNamespacedOffline(kind: GroupVersionKind): boolean | undefined {
  if (!builtInGroups.has(kind.group)) return undefined;
  return !clusterScoped.has(`${kind.group}/${kind.kind}`);
}

export type ResourceType =
  | { readonly form: 'object'; readonly kind: GroupVersionKind }
  | { readonly form: 'patch'; readonly kind: GroupVersionKind }
  | { readonly form: 'list'; readonly kind: GroupVersionKind }
  | { readonly form: 'unavailable'; readonly token: string };

/** Parts of the package that need Helm, Kustomize or remote components. */
const unavailable = /^kubernetes:(helm\.sh|yaml|kustomize)\b/;

/**
 * A Helm release can be previewed without Helm: it is one resource, and its inputs stand for it. It
 * cannot be made here.
 */
export const isRelease = (token: string): boolean => token === 'kubernetes:helm.sh/v3:Release';

/**
 * Reads a type token such as `kubernetes:apps/v1:Deployment`. A patch is told from a custom kind
 * whose name ends in "Patch" by the declared `kind` (`inputs.kind` of a patch has no such ending).
 */
export function resourceType(token: string, declaredKind: string): ResourceType {
  if (unavailable.test(token)) return { form: 'unavailable', token };
  const [, module = '', name = ''] = token.split(':');
  const [first = '', version] = module.split('/');
  const group = version === undefined || first === 'core' ? '' : first;
  const kind = { group, version: version ?? first, kind: name };
  const bare = name.endsWith('Patch') ? name.slice(0, -'Patch'.length) : '';
  const isPatch =
    bare !== '' && (declaredKind === '' ? builtInGroups.has(group) : declaredKind === bare);
  if (isPatch) return { form: 'patch', kind: { ...kind, kind: bare } };
  if (builtInGroups.has(group) && name.endsWith('List') && name !== 'List') {
    return { form: 'list', kind };
  }
  return { form: 'object', kind };
}
