/**
 * Writes the resources of the fixture `kubernetes`, a program whose objects are data, and looks at
 * what became of them in the cluster.
 */
import type { GroupVersionKind } from '../../../lab/standin/kubernetes/kind.ts';
import { type KubeObject, textAt, uidOf } from '../../../lab/standin/kubernetes/object.ts';
import type { TestApiServer } from './api-server.ts';
import type { Project } from './project.ts';

export type Values = Readonly<Record<string, unknown>>;

export interface DeclaredObject {
  /** `core.v1.ConfigMap`, a path below `@pulumi/kubernetes`. */
  readonly kind: string;
  readonly args?: Values;
  /** Name of a provider; default: the first. */
  readonly provider?: string;
  readonly dependsOn?: readonly string[];
  /** Look the object up by this id instead of declaring it. */
  readonly get?: string;
  /** Plain resource options: `protect`, `ignoreChanges`, `retainOnDelete`, … */
  readonly options?: Values;
}

export interface DeclaredStack {
  readonly providers: Readonly<Record<string, Values>>;
  readonly resources: Readonly<Record<string, DeclaredObject>>;
}

export function declareObjects(project: Project, stack: DeclaredStack): void {
  project.write('stack.json', JSON.stringify(stack));
}

/** One provider for the test's cluster, with a kubeconfig that is a secret. */
export function stackOn(
  api: TestApiServer,
  resources: Readonly<Record<string, DeclaredObject>>,
  settings: Values = {},
): DeclaredStack {
  const kubeconfig = { $secret: api.kubeconfigText };
  return { providers: { k8s: { kubeconfig, ...settings } }, resources };
}

export function namespace(name: string, options?: Values): DeclaredObject {
  return {
    kind: 'core.v1.Namespace',
    args: { metadata: { name } },
    ...(options === undefined ? {} : { options }),
  };
}

/** A claim that nobody waits for: no volume is there for it. */
export function claim(metadata: Values, more: Partial<DeclaredObject> = {}): DeclaredObject {
  return {
    kind: 'core.v1.PersistentVolumeClaim',
    args: {
      metadata: { annotations: { 'pulumi.com/skipAwait': 'true' }, ...metadata },
      spec: {
        storageClassName: 'manual',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
      },
    },
    ...more,
  };
}

/** The declaration with another storage class, which forces a replacement. */
export function withClass(declared: DeclaredObject, storageClassName: string): DeclaredObject {
  const spec = declared.args?.['spec'] as Values;
  return { ...declared, args: { ...declared.args, spec: { ...spec, storageClassName } } };
}

export const kinds = {
  namespace: { group: '', version: 'v1', kind: 'Namespace' },
  claim: { group: '', version: 'v1', kind: 'PersistentVolumeClaim' },
  configMap: { group: '', version: 'v1', kind: 'ConfigMap' },
  node: { group: '', version: 'v1', kind: 'Node' },
  deployment: { group: 'apps', version: 'v1', kind: 'Deployment' },
} as const satisfies Record<string, GroupVersionKind>;

const lookLimitMs = 20_000;

/** The object past Pulumi; undefined when it is gone or going. */
export async function inCluster(
  api: TestApiServer,
  kind: GroupVersionKind,
  namespaceName: string,
  name: string,
): Promise<KubeObject | undefined> {
  const signal = AbortSignal.timeout(lookLimitMs);
  const found = await api.cluster.find({ kind, namespace: namespaceName, name }, signal);
  const isGoing = found !== undefined && textAt(found, 'metadata', 'deletionTimestamp') !== '';
  return isGoing ? undefined : found;
}

/** Empty when there is no such object. */
export async function uidInCluster(
  api: TestApiServer,
  kind: GroupVersionKind,
  namespaceName: string,
  name: string,
): Promise<string> {
  const found = await inCluster(api, kind, namespaceName, name);
  return found === undefined ? '' : uidOf(found);
}
