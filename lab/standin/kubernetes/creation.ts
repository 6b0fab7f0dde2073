/**
 * Brings a declared object into the cluster. A plain creation, which fails when somebody else made
 * an object of that name, unless the provider was told to adopt (`upsertExistingObjects`) or the
 * resource is a patch: those are applied.
 *
 * Source: pulumi-kubernetes `await.go` `Creation`, 4.29 (creations are no longer upserts);
 * docs/stand-in-kubernetes.md, "Adoption".
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isImmutableField, isNamespaceMissing, isNotFound, NoSuchKind } from './api-failure.ts';
import { type Cluster, referenceTo } from './cluster.ts';
import { creationManager, mayForce } from './field-managers.ts';
import { kindOf } from './kind.ts';
import { type KubeObject, nameOf, withAt, withoutAt } from './object.ts';
import type { Progress } from './progress.ts';

export interface CreationOrder {
  readonly object: KubeObject;
  readonly isPatch: boolean;
  /** The manager of applies. */
  readonly fieldManager: string;
  readonly upsertExisting: boolean;
  readonly enablePatchForce: boolean;
  readonly isPreview: boolean;
}

/** The preview cannot be asked of the server: what the object needs comes with the same update. */
export class PreviewImpossible extends Error {}

/** Waits between attempts: a CRD or namespace made by another tool may be a moment late. */
const retryDelaysMs = [1_000, 2_000, 4_000, 8_000, 16_000] as const;

export async function createObject(
  cluster: Cluster,
  order: CreationOrder,
  progress: Progress,
): Promise<KubeObject> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await attemptCreation(cluster, order, progress.signal);
    } catch (error) {
      if (order.isPreview && isNamespaceMissing(error)) {
        throw new PreviewImpossible('the namespace does not exist yet', { cause: error });
      }
      const delayMs = retryDelaysMs[attempt];
      const mayComeTrue = !order.isPatch && (isNotFound(error) || error instanceof NoSuchKind);
      if (delayMs === undefined || !mayComeTrue) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      progress.status(`Retry #${attempt + 1}; creation failed: ${reason}`);
      await delay(delayMs, undefined, { signal: progress.signal });
    }
  }
}

async function attemptCreation(
  cluster: Cluster,
  order: CreationOrder,
  signal: AbortSignal,
): Promise<KubeObject> {
  const object = await scoped(cluster, order.object);
  const options = { fieldManager: order.fieldManager, dryRun: order.isPreview, signal };
  if (!order.isPatch && !order.upsertExisting) {
    return cluster.create(object, { ...options, fieldManager: creationManager });
  }
  // A patch changes what is there. Applying it to nothing would make a stump of an object.
  if (order.isPatch) await cluster.get(referenceTo(object), signal);
  const force = mayForce(object, undefined, order);
  try {
    return await cluster.apply(object, { ...options, force });
  } catch (error) {
    if (!order.isPreview || !isImmutableField(error)) throw error;
    // The preview of a replacement meets the object that will be gone by then.
    const renamed = withAt(object, ['metadata', 'name'], `${nameOf(object)}-preview`);
    return cluster.apply(renamed, { ...options, force });
  }
}

/** A custom kind may turn out to be cluster-scoped after a namespace was assumed for it. */
async function scoped(cluster: Cluster, object: KubeObject): Promise<KubeObject> {
  const { isNamespaced } = await cluster.discovery.resource(kindOf(object));
  return isNamespaced ? object : withoutAt(object, ['metadata', 'namespace']);
}
