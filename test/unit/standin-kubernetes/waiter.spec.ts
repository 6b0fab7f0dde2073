import assert from 'node:assert/strict';
import { ApiFailure, Unreachable } from '../../../lab/standin/kubernetes/api-failure.ts';
import { readinessRule } from '../../../lab/standin/kubernetes/await/rules.ts';
import { type ClusterView, untilReady } from '../../../lab/standin/kubernetes/await/waiter.ts';
import type { KubeObject } from '../../../lab/standin/kubernetes/object.ts';

const declared = (annotations: KubeObject = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'pv', annotations },
});
const inPhase = (phase: string): KubeObject => ({ ...declared(), status: { phase } });

/** A cluster that shows these one after the other, then the last for ever; errors are thrown. */
function showing(...sequence: readonly (KubeObject | Error)[]): ClusterView {
  let turn = 0;
  return {
    get: async () => {
      const shown = sequence[Math.min(turn, sequence.length - 1)];
      turn += 1;
      if (shown instanceof Error) throw shown;
      return shown ?? {};
    },
    list: async () => [],
  };
}

function wait(
  cluster: ClusterView,
  object: KubeObject = declared(),
  more: { timeoutSeconds?: number; signal?: AbortSignal } = {},
) {
  const rule = readinessRule(object);
  assert.ok(rule);
  const seen: string[] = [];
  const { signal = new AbortController().signal } = more;
  const progress = { signal, status: (message: string) => seen.push(message) };
  const order = { rule, declared: object, object, timeoutSeconds: more.timeoutSeconds };
  return { seen, result: untilReady(cluster, order, progress) };
}

describe('waiter', () => {
  it('returns the live object when it is ready, and says meanwhile what it waits for', async () => {
    const { seen, result } = wait(showing(inPhase('Pending'), inPhase('Available')));
    assert.deepEqual(await result, { isReady: true, live: inPhase('Available') });
    assert.deepEqual(seen, ['Waiting for PersistentVolume pv to be available (now Pending)', '']);
  });

  it('outlasts an API server that does not answer', async () => {
    const cluster = showing(inPhase('Pending'), new Unreachable('reset'), inPhase('Bound'));
    assert.equal((await wait(cluster).result).isReady, true);
  });

  it('gives up in time with the reason and the last known object', async () => {
    const object = declared({
      'pulumi.com/waitFor': 'jsonpath={.status.phase}=Ready',
      'pulumi.com/timeoutSeconds': '0.2',
    });
    const readiness = await wait(showing(inPhase('Pending')), object).result;
    assert.equal(readiness.isReady, false);
    assert.match(
      readiness.isReady ? '' : readiness.reason,
      /"pv" timed out after 0\.2 s\. Waiting for pv: jsonpath=\{\.status\.phase\}=Ready/,
    );
    assert.deepEqual(readiness.live, inPhase('Pending'));
  });

  it('keeps the five minutes of volumes whatever the program asks for', async () => {
    const sequence = [inPhase('Pending'), inPhase('Pending'), inPhase('Bound')];
    const { result } = wait(showing(...sequence), declared(), { timeoutSeconds: 0.01 });
    assert.equal((await result).isReady, true);
  });

  it('reports an object that can no longer be seen, for it is there', async () => {
    const blind = new ApiFailure(403, { message: 'you may not look' }, '');
    const readiness = await wait(showing(inPhase('Pending'), blind)).result;
    assert.equal(readiness.isReady ? '' : readiness.reason, 'you may not look');
    assert.deepEqual(readiness.live, inPhase('Pending'));
  });

  it('ends at once when the update is cancelled', async () => {
    const cancel = new AbortController();
    const cluster = showing(inPhase('Pending'));
    const { result } = wait(cluster, declared(), { signal: cancel.signal });
    cancel.abort();
    const readiness = await result;
    assert.match(readiness.isReady ? '' : readiness.reason, /was cancelled for "pv"/);
  });

  it('fails when the object is deleted under it', async () => {
    const gone = new ApiFailure(404, {}, 'not found');
    await assert.rejects(wait(showing(inPhase('Pending'), gone)).result, /was deleted while/);
  });
});
