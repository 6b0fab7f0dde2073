/** Whether this cluster is the one that this state belongs to, and whether an update may begin. */
import type { Problem } from './problem.ts';

export interface ClusterFacts {
  readonly stack: string;
  readonly context: string;
  /** The owner said that existing objects may be taken over. */
  readonly adopt: boolean;
  /** A preview may go on without a cluster; an update may not. */
  readonly isPreview: boolean;
  /** UID of the cluster that the last update wrote to. */
  readonly knownUid: string | undefined;
  readonly hasState: boolean;
  readonly seen:
    | { readonly kind: 'unreachable'; readonly reason: string }
    | {
        readonly kind: 'reached';
        readonly uid: string;
        readonly stack: string | undefined;
        readonly classes: readonly string[];
      };
}

export function clusterProblems(facts: ClusterFacts): Problem[] {
  const { seen } = facts;
  if (seen.kind === 'unreachable') return facts.isPreview ? [] : [unreachable(facts, seen.reason)];
  if (facts.knownUid !== undefined && facts.knownUid !== seen.uid)
    return [
      {
        path: 'larder:cluster.context',
        found: `${facts.context} leads to the cluster ${seen.uid}, and the state of ${facts.stack} belongs to ${facts.knownUid}`,
        allowed: 'the cluster that the last update wrote to',
        todo: 'correct the context or the kubeconfig. If that cluster is gone and this is its successor, begin a new state: `pulumi stack export --file old.json`, `pulumi stack rm --force --preserve-config`, `pulumi stack init`, then restore the dumps',
      },
    ];
  if (seen.stack !== undefined && seen.stack !== facts.stack)
    return [
      {
        path: 'larder:cluster.context',
        found: `a cluster that the stack ${seen.stack} declares`,
        allowed: 'one stack for one cluster',
        todo: `select that stack (\`pulumi stack select ${seen.stack}\`), or name another context`,
      },
    ];
  if (!facts.hasState && !facts.adopt && seen.classes.length > 0)
    return [
      {
        path: 'larder:cluster.adopt',
        found: `a state that knows nothing, and a cluster that holds the classes ${seen.classes.join(', ')} of this stack`,
        allowed: 'to take over what is there, said in words',
        todo: 'if the state was lost, write `adopt: true` under larder:cluster for one update (volumes keep their data and their identity); else select the stack that made them',
      },
    ];
  return [];
}

const unreachable = (facts: ClusterFacts, reason: string): Problem => ({
  path: 'larder:cluster.context',
  found: `${facts.context}, whose cluster cannot be reached: ${reason}`,
  allowed: 'a cluster that answers, before the first change',
  todo: 'start it, or check address and credentials with `kubectl --context … get nodes`; `pulumi preview` works without it',
});

/** What a preview says when it goes on without a cluster: why, what it is worth, what to set. */
export function withoutCluster(facts: {
  readonly context: string;
  /** Undefined: no kubeconfig was given at all. */
  readonly server: string | undefined;
  readonly reason: string;
}): string {
  const { context, server, reason } = facts;
  const worth =
    'This preview goes on from the state of the stack alone: it shows what would be made and changed since the last update, not what is in the cluster.';
  return server === undefined
    ? `No cluster was given: no kubeconfig has the context ${context}. ${worth} To have the cluster looked at, set KUBECONFIG (or larder:cluster.kubeconfig) to a file with this context; \`pulumi up\` needs it.`
    : `The cluster of the context ${context} does not answer at ${server}: ${reason}. ${worth} \`pulumi up\` will refuse to begin. Start the cluster, or check address and credentials with \`kubectl --context ${context} get nodes\`.`;
}
