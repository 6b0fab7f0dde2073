/**
 * Waits until an object is ready by its rule: looks at it again and again, asks for related objects
 * every second, tells the user what is awaited. A cluster that does not answer for a while is
 * waited for, too; the time limit holds for everything.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { timeoutSecondsOf } from '../annotations.ts';
import { isForbidden, isNotFound, NoSuchKind, Unreachable } from '../api-failure.ts';
import { type Cluster, referenceTo } from '../cluster.ts';
import { type KubeObject, nameOf } from '../object.ts';
import type { Progress } from '../progress.ts';
import { failed, type Judgement, type ReadinessRule, type Related } from './judgement.ts';

export type Readiness =
  | { readonly isReady: true; readonly live: KubeObject }
  | {
      readonly isReady: false;
      /** The last known state of the object. */
      readonly live: KubeObject;
      readonly reason: string;
      readonly problems: readonly string[];
    };

export interface WaitOrder {
  readonly rule: ReadinessRule;
  readonly declared: KubeObject;
  /** The object as the server returned it. */
  readonly object: KubeObject;
  /** From `customTimeouts`. */
  readonly timeoutSeconds: number | undefined;
}

/** All that waiting needs of a cluster. */
export type ClusterView = Pick<Cluster, 'get' | 'list'>;

const pollMsFirst = 100;
const pollMsMax = 1_000;
const relatedEveryMs = 1_000;

export async function untilReady(
  cluster: ClusterView,
  order: WaitOrder,
  progress: Progress,
): Promise<Readiness> {
  const { rule } = order;
  const asked = timeoutSecondsOf(order.declared, order.timeoutSeconds);
  const seconds = rule.isTimeFixed === true ? rule.timeoutSeconds : (asked ?? rule.timeoutSeconds);
  const deadlineMs = performance.now() + seconds * 1_000;
  const look = looker(cluster, order, progress.signal);
  let view = await look();
  for (let pollMs = pollMsFirst; ; pollMs = Math.min(pollMs * 1.5, pollMsMax)) {
    const { live, judgement } = view;
    if (judgement.state === 'ready') {
      progress.status('');
      return { isReady: true, live };
    }
    const give = (reason: string) =>
      ({ isReady: false, live, reason, problems: judgement.problems }) as const;
    if (judgement.state === 'failed') return give(judgement.message);
    if (performance.now() >= deadlineMs) {
      return give(`"${nameOf(live)}" timed out after ${seconds} s. ${judgement.message}`);
    }
    progress.status([judgement.message, judgement.problems.at(-1)].filter(Boolean).join('. '));
    try {
      await delay(pollMs, undefined, { signal: progress.signal });
    } catch {
      return give(`Resource operation was cancelled for "${nameOf(live)}"`);
    }
    view = await look();
  }
}

/** One look, as a refresh takes it. */
export async function readinessNow(
  cluster: ClusterView,
  rule: ReadinessRule,
  object: KubeObject,
  signal: AbortSignal,
): Promise<Judgement> {
  return rule.judge(object, await relatedTo(cluster, rule, object, signal));
}

interface View {
  readonly live: KubeObject;
  readonly judgement: Judgement;
}

function looker(cluster: ClusterView, order: WaitOrder, signal: AbortSignal): () => Promise<View> {
  const reference = referenceTo(order.object);
  let live = order.object;
  let related: Related = {};
  let relatedMs = Number.NEGATIVE_INFINITY;
  const judge = () => order.rule.judge(live, related);
  const refresh = async (): Promise<void> => {
    live = await cluster.get(reference, signal);
    // Most objects say themselves when they are ready; the others are asked for when they do not.
    const isFresh = performance.now() - relatedMs < relatedEveryMs;
    if (isFresh || judge().state === 'ready') return;
    related = await relatedTo(cluster, order.rule, live, signal);
    relatedMs = performance.now();
  };
  return async () => {
    try {
      await refresh();
    } catch (error) {
      if (isNotFound(error)) throw new Error(`${nameOf(live)} was deleted while it was awaited`);
      const isPassing = error instanceof Unreachable || signal.aborted;
      // The object is there and must be recorded, so this is its trouble and not an exception.
      if (!isPassing) return { live, judgement: failed(messageOf(error)) };
    }
    return { live, judgement: judge() };
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function relatedTo(
  cluster: ClusterView,
  rule: ReadinessRule,
  object: KubeObject,
  signal: AbortSignal,
): Promise<Related> {
  const found: Record<string, readonly KubeObject[]> = {};
  for (const [name, query] of Object.entries(rule.queries?.(object) ?? {})) {
    try {
      found[name] = await cluster.list(query, signal);
    } catch (error) {
      // Not being allowed to see events must not keep anybody from deploying.
      if (!(error instanceof NoSuchKind) && !isForbidden(error)) throw error;
      found[name] = [];
    }
  }
  return found;
}
