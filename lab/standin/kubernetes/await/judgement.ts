/**
 * The shape of readiness rules: a kind's rule looks at the object, and where the object alone does
 * not tell why it waits, at related objects; it answers in words. Rules are pure: the same objects
 * give the same answer. Tested with recorded sequences (test/unit/standin-kubernetes/await).
 */
import type { GroupVersionKind } from '../kind.ts';
import type { KubeObject } from '../object.ts';

export interface Judgement {
  readonly state: 'ready' | 'waiting' | 'failed';
  /** One line for the status column: what is awaited, with numbers. */
  readonly message: string;
  /** Why it is not there yet, as the cluster says it; each a line for the final error. */
  readonly problems: readonly string[];
}

export const ready: Judgement = { state: 'ready', message: '', problems: [] };

export function waiting(message: string, problems: readonly string[] = []): Judgement {
  return { state: 'waiting', message, problems };
}

/** For what cannot come right by waiting. */
export function failed(message: string, problems: readonly string[] = []): Judgement {
  return { state: 'failed', message, problems };
}

/** Objects to list beside the awaited one. */
export interface RelatedQuery {
  readonly kind: GroupVersionKind;
  readonly namespace: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** What the queries of a rule found, by their names. */
export type Related<Name extends string = string> = Readonly<Record<Name, readonly KubeObject[]>>;

export interface ReadinessRule {
  /** Seconds after which waiting is given up, unless the program says otherwise. */
  readonly timeoutSeconds: number;
  /** True: `customTimeouts` and annotations do not change the time (claims and volumes). */
  readonly isTimeFixed?: boolean;
  /** Asked again every few seconds while waiting. */
  queries?(object: KubeObject): Readonly<Record<string, RelatedQuery>>;
  judge(object: KubeObject, related: Related): Judgement;
}

/** The server has seen the last change of the object: its status speaks of what we declared. */
export function isObserved(object: KubeObject): boolean {
  const metadata = object['metadata'] as { readonly generation?: number } | undefined;
  const status = object['status'] as { readonly observedGeneration?: number } | undefined;
  return (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0);
}
