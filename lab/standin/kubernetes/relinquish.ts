/**
 * Gives back the fields that a manager owns: those that nobody else owns disappear, the object
 * stays. This is how a patch resource is deleted.
 *
 * Source: pulumi-kubernetes `provider/pkg/ssa/client.go` `Relinquish`.
 */
import { type Cluster, referenceTo } from './cluster.ts';
import type { KubeObject } from './object.ts';
import { nameOf, namespaceOf, textAt } from './object.ts';

/** Does nothing when the object is gone: an apply would make it anew. */
export async function relinquish(
  cluster: Cluster,
  object: KubeObject,
  fieldManager: string,
  signal: AbortSignal,
): Promise<void> {
  if ((await cluster.find(referenceTo(object), signal)) === undefined) return;
  const namespace = namespaceOf(object);
  const bare = {
    apiVersion: textAt(object, 'apiVersion'),
    kind: textAt(object, 'kind'),
    metadata: { name: nameOf(object), ...(namespace === '' ? {} : { namespace }) },
  };
  await cluster.apply(bare, { fieldManager, dryRun: false, force: false, signal });
}
