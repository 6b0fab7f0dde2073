/**
 * Kinds whose status says in one field whether they are there: namespaces, CRDs, account tokens.
 *
 * Source: pulumi-kubernetes `awaiters.go`; Kubernetes API reference for the fields.
 */
import { conditionOf, mapAt, nameOf, textAt } from '../object.ts';
import { type ReadinessRule, ready, waiting } from './judgement.ts';

export const namespaceRule: ReadinessRule = {
  timeoutSeconds: 300,
  judge(namespace) {
    const phase = textAt(namespace, 'status', 'phase');
    if (phase === 'Active') return ready;
    return waiting(`Waiting for Namespace ${nameOf(namespace)} to be active (now ${phase})`);
  },
};

export const customResourceDefinitionRule: ReadinessRule = {
  timeoutSeconds: 600,
  judge(definition) {
    const what = `CustomResourceDefinition ${nameOf(definition)}`;
    if (conditionOf(definition, 'Established')?.['status'] === 'True') return ready;
    const names = conditionOf(definition, 'NamesAccepted');
    const isRefused = names?.['status'] === 'False';
    return waiting(
      `Waiting for ${what} to be established`,
      isRefused ? [`[${what}] ${textAt(names, 'reason')}: ${textAt(names, 'message')}`] : [],
    );
  },
};

/** Other Secrets are what they are from the first moment. */
export const secretRule: ReadinessRule = {
  timeoutSeconds: 300,
  judge(secret) {
    const isToken = textAt(secret, 'type') === 'kubernetes.io/service-account-token';
    if (!isToken || Object.keys(mapAt(secret, 'data')).length > 0) return ready;
    return waiting(`Waiting for the token of Secret ${nameOf(secret)}`);
  },
};
