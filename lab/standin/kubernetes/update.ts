/**
 * Changes an existing object to what the program declares now. Server-side apply, with the manager
 * that the object's state remembers, so that fields no longer declared go away; CRDs are replaced
 * as a whole.
 *
 * Source: pulumi-kubernetes `await.go` `Update`, `ssaUpdate`, `csaUpdate`.
 */
import type { Cluster } from './cluster.ts';
import { referenceTo } from './cluster.ts';
import { creationManager, mayForce, takeOver, withIgnoredFields } from './field-managers.ts';
import { kindOf } from './kind.ts';
import { isObject, type KubeObject, textAt, withAt } from './object.ts';
import { relinquish } from './relinquish.ts';

export interface UpdateOrder {
  readonly object: KubeObject;
  readonly oldObject: KubeObject;
  readonly isPatch: boolean;
  readonly fieldManager: string;
  /** The manager until now; it is released when it is another. */
  readonly oldFieldManager: string;
  readonly serverSideApply: boolean;
  readonly enablePatchForce: boolean;
  readonly ignoreChanges: readonly string[];
  readonly isPreview: boolean;
}

export interface Updated {
  /** The object before the change. */
  readonly before: KubeObject;
  readonly after: KubeObject;
}

export async function updateObject(
  cluster: Cluster,
  order: UpdateOrder,
  signal: AbortSignal,
): Promise<Updated> {
  const before = await cluster.get(referenceTo(order.object), signal);
  const options = { fieldManager: order.fieldManager, dryRun: order.isPreview, signal };
  if (kindOf(order.object).kind === 'CustomResourceDefinition') {
    const resourceVersion = textAt(before, 'metadata', 'resourceVersion');
    const whole = withAt(order.object, ['metadata', 'resourceVersion'], resourceVersion);
    return { before, after: await cluster.replace(whole, options) };
  }
  if (!order.serverSideApply) {
    const merge = mergePatch(order.oldObject, order.object);
    const after = await cluster.merge(referenceTo(order.object), merge, {
      ...options,
      fieldManager: creationManager,
    });
    return { before, after };
  }
  return { before, after: await apply(cluster, order, before, signal) };
}

async function apply(
  cluster: Cluster,
  order: UpdateOrder,
  before: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject> {
  let live = before;
  // A patch takes over nothing: the rest of the object is somebody else's.
  const operations = order.isPatch ? undefined : takeOver(live, order.fieldManager);
  if (operations !== undefined && !order.isPreview) {
    live = await cluster.patch(referenceTo(order.object), operations, signal);
  }
  const object = withIgnoredFields(order.object, live, order.fieldManager, order.ignoreChanges);
  const after = await cluster.apply(object, {
    fieldManager: order.fieldManager,
    dryRun: order.isPreview,
    force: mayForce(object, live, order),
    signal,
  });
  if (!order.isPreview && order.oldFieldManager !== order.fieldManager) {
    await relinquish(cluster, order.object, order.oldFieldManager, signal);
  }
  return after;
}

/** RFC 7386: what to send so that `before` becomes `after`; null removes. */
export function mergePatch(before: KubeObject, after: KubeObject): KubeObject {
  const patch: Record<string, KubeObject[string]> = {};
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) patch[key] = null;
  }
  for (const [key, value] of Object.entries(after)) {
    const old = before[key];
    if (isObject(old) && isObject(value)) {
      const inner = mergePatch(old, value);
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (JSON.stringify(old) !== JSON.stringify(value)) patch[key] = value;
  }
  return patch;
}
