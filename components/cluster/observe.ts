/**
 * A look at the cluster before anything is declared: is it there, which one is it, and what does it
 * know that the state does not.
 *
 * Promises: at most a few small reads, each bounded; an unreachable cluster is an answer, not an
 * error. Never: writes. Why the program looks for itself: docs/decisions/0032-which-cluster.md.
 */
import {
  type ConfigurationOptions,
  CoreV1Api,
  type KubeConfig,
  Observable,
  StorageV1Api,
} from '@kubernetes/client-node';
import { annotation, managed, systemNamespace } from '../names.ts';
import type { LiveNode } from '../rules/live-nodes.ts';
import { liveNodes } from './live-nodes.ts';

export type Observation =
  | { readonly kind: 'unreachable'; readonly reason: string }
  | {
      readonly kind: 'reached';
      /** UID of the Namespace kube-system: the identity of a cluster. */
      readonly uid: string;
      /** The stack whose program made the system Namespace, if there is one. */
      readonly stack: string | undefined;
      /** StorageClasses of ours: they go with `pulumi destroy`, so they tell a lost state. */
      readonly classes: readonly string[];
      /** Nodes; undefined when the user of the context may not list them. */
      readonly nodes: readonly LiveNode[] | undefined;
      /** Secrets that the cluster holds and the state may have lost, by `namespace/secret`. */
      readonly secrets: ReadonlyMap<string, Readonly<Record<string, string>>>;
    };

/** Long enough for a Raspberry Pi under load, short enough for a preview without a cluster. */
const answerTimeoutMs = 4000;

export interface Wish {
  /** Secrets to look for, `namespace/name`; only asked for when the state does not know them. */
  readonly secrets: readonly string[];
}

export async function observe(config: KubeConfig, wish: Wish): Promise<Observation> {
  const giveUp = new AbortController();
  const timer = setTimeout(
    () => giveUp.abort(new Error(`no answer within ${answerTimeoutMs / 1000} s`)),
    answerTimeoutMs,
  );
  try {
    return await look(config, wish, giveUp.signal);
  } catch (error) {
    const reason = giveUp.signal.aborted ? giveUp.signal.reason : error;
    return { kind: 'unreachable', reason: reasonOf(reason) };
  } finally {
    clearTimeout(timer);
  }
}

async function look(config: KubeConfig, wish: Wish, signal: AbortSignal): Promise<Observation> {
  const core = config.makeApiClient(CoreV1Api);
  const storage = config.makeApiClient(StorageV1Api);
  const until = untilAborted(signal);
  const labelSelector = Object.entries(managed)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const [identity, own, classes, nodes] = await Promise.all([
    core.readNamespace({ name: 'kube-system' }, until),
    orMissing(core.readNamespace({ name: systemNamespace }, until)),
    storage.listStorageClass({ labelSelector }, until),
    liveNodes(core, until),
  ]);
  const secrets = new Map<string, Readonly<Record<string, string>>>();
  for (const wanted of wish.secrets) {
    const [namespace = '', name = ''] = wanted.split('/');
    const secret = await orMissing(core.readNamespacedSecret({ namespace, name }, until));
    if (secret?.data !== undefined) secrets.set(wanted, decoded(secret.data));
  }
  return {
    kind: 'reached',
    uid: identity.metadata?.uid ?? '',
    stack: own?.metadata?.annotations?.[annotation.stack],
    classes: classes.items.flatMap((item) => item.metadata?.name ?? []),
    nodes,
    secrets,
  };
}

function decoded(data: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString('utf8'),
    ]),
  );
}

/** The client takes a signal by middleware only; without one, a silent cluster holds us. */
function untilAborted(signal: AbortSignal): ConfigurationOptions {
  return {
    middleware: [
      {
        pre: (request) => {
          request.setSignal(signal);
          return new Observable(Promise.resolve(request));
        },
        post: (response) => new Observable(Promise.resolve(response)),
      },
    ],
    middlewareMergeStrategy: 'append',
  };
}

async function orMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return undefined;
    throw error;
  }
}

/** One line, without the headers and tokens that a client's error may carry. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it did not answer';
  const { code } = error as { code?: unknown };
  if (code === 401 || code === 403)
    return `it answered ${code}: the user of this context may not read there`;
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return (cause ?? error.message).split('\n')[0] ?? 'it did not answer';
}
