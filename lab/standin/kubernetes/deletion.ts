/**
 * Removes an object and waits until it is really gone: finalizers, pods that end in their own time
 * and a namespace's contents are part of it. Patches give their fields back instead.
 *
 * Source: pulumi-kubernetes `await.go` `Deletion`, 4.2x (10 minutes, foreground).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { annotation, isTrue, propagationPolicy, timeoutSecondsOf } from './annotations.ts';
import { isNotFound, isUndeletable, NoSuchKind, Unreachable } from './api-failure.ts';
import { type Cluster, type ObjectReference, referenceTo } from './cluster.ts';
import { kindOf, kindText } from './kind.ts';
import { at, type KubeObject, listAt, numberAt, textAt, uidOf } from './object.ts';
import type { Progress } from './progress.ts';
import { relinquish } from './relinquish.ts';

export interface DeletionOrder {
  /** What the program declared: names the object and carries the annotations. */
  readonly object: KubeObject;
  readonly isPatch: boolean;
  readonly serverSideApply: boolean;
  readonly fieldManager: string;
  /** From `customTimeouts`. */
  readonly timeoutSeconds: number | undefined;
}

const defaultTimeoutSeconds = 600;
const pollMsFirst = 100;
const pollMsMax = 1_000;

/** For these kinds `pulumi.com/skipAwait` also means: do not wait for the end. */
const skippable: ReadonlySet<string> = new Set([
  'Namespace',
  'Pod',
  'ReplicationController',
  'DaemonSet',
  'Deployment',
  'StatefulSet',
  'Job',
]);

/** Returns when the object is gone; throws with what holds it when the time is over. */
export async function deleteObject(
  cluster: Cluster,
  order: DeletionOrder,
  progress: Progress,
): Promise<void> {
  const reference = referenceTo(order.object);
  try {
    if (order.isPatch && order.serverSideApply) {
      await relinquish(cluster, order.object, order.fieldManager, progress.signal);
      return;
    }
    const live = await cluster.find(reference, progress.signal);
    if (live === undefined) return;
    await cluster.delete(reference, propagationPolicy(order.object), progress.signal);
    const skips = isTrue(order.object, annotation.skipAwait) && skippable.has(reference.kind.kind);
    if (!skips) await untilGone(cluster, order, uidOf(live), progress);
  } catch (error) {
    // Without its kind the object cannot be there: its CRD was deleted before it.
    if (isNotFound(error) || error instanceof NoSuchKind) return;
    // Such an object was adopted, not made: it is left as it was found.
    if (isUndeletable(error) && order.serverSideApply) {
      await relinquish(cluster, order.object, order.fieldManager, progress.signal);
      return;
    }
    throw error;
  }
}

async function untilGone(
  cluster: Cluster,
  order: DeletionOrder,
  uid: string,
  progress: Progress,
): Promise<void> {
  const reference = referenceTo(order.object);
  const seconds = timeoutSecondsOf(order.object, order.timeoutSeconds) ?? defaultTimeoutSeconds;
  const deadlineMs = performance.now() + seconds * 1_000;
  for (let pollMs = pollMsFirst; ; pollMs = Math.min(pollMs * 1.5, pollMsMax)) {
    const live = await lookAgain(cluster, reference, progress.signal);
    // Another object of the same name is not ours to wait for.
    if (live === undefined || (live !== 'unknown' && uidOf(live) !== uid)) {
      progress.status('');
      return;
    }
    const holding = live === 'unknown' ? 'the API server does not answer' : whatHolds(live);
    progress.status(holding);
    if (performance.now() >= deadlineMs)
      throw new Error(timeoutMessage(reference, seconds, holding));
    await delay(pollMs, undefined, { signal: progress.signal });
  }
}

/** An API server that is away for a moment says nothing about the object. */
async function lookAgain(
  cluster: Cluster,
  reference: ObjectReference,
  signal: AbortSignal,
): Promise<KubeObject | undefined | 'unknown'> {
  try {
    return await cluster.find(reference, signal);
  } catch (error) {
    if (error instanceof Unreachable) return 'unknown';
    throw error;
  }
}

function timeoutMessage(reference: ObjectReference, seconds: number, holding: string): string {
  return (
    `Timed out after ${seconds} s waiting for deletion of ${kindText(reference.kind)} ` +
    `"${reference.name}": ${holding}`
  );
}

/** Why an object that was told to go is still there, as far as it says so itself. */
export function whatHolds(live: KubeObject): string {
  const { kind } = kindOf(live);
  const still = `${kind} "${textAt(live, 'metadata', 'name')}" still exists`;
  const reasons: string[] = [];
  const replicas = at(live, 'status', 'replicas');
  if (typeof replicas === 'number') {
    reasons.push(`${replicas} / ${numberAt(live, ['spec', 'replicas'], 1)} replicas exist`);
  }
  for (const condition of listAt(live, 'status', 'conditions')) {
    const isRemaining = kind === 'Namespace' && condition['status'] === 'True';
    if (isRemaining) reasons.push(textAt(condition, 'message'));
  }
  const finalizers = at(live, 'metadata', 'finalizers');
  if (Array.isArray(finalizers) && finalizers.length > 0) {
    reasons.push(`finalizers: ${finalizers.join(', ')}`);
  }
  return reasons.length === 0 ? still : `${still} (${reasons.join('; ')})`;
}
