import assert from 'node:assert/strict';
import type { Judgement, Related } from '../../../lab/standin/kubernetes/await/judgement.ts';
import { readinessRule } from '../../../lab/standin/kubernetes/await/rules.ts';
import type { KubeObject } from '../../../lab/standin/kubernetes/object.ts';

/** Objects as a cluster showed them one after the other while they came up, cut to what matters. */
type Sequence = readonly (readonly [KubeObject, Related?])[];

function judge(apiVersion: string, kind: string, sequence: Sequence): readonly Judgement[] {
  return sequence.map(([object, related = {}]) => {
    const whole = { apiVersion, kind, ...object };
    const rule = readinessRule(whole);
    assert.ok(rule, `${kind} has no rule`);
    return rule.judge(whole, related);
  });
}

const states = (judgements: readonly Judgement[]) => judgements.map(({ state }) => state);
const texts = (judgement: Judgement | undefined) =>
  [judgement?.message, ...(judgement?.problems ?? [])].join('\n');

const metadata = (generation = 1): KubeObject => ({
  name: 'db',
  namespace: 'shelf',
  uid: 'uid-db',
  generation,
});
const condition = (type: string, status: string, reason = '', message = ''): KubeObject => ({
  type,
  status,
  reason,
  message,
});
const pod = (status: KubeObject): KubeObject => ({
  metadata: { name: 'db-0', namespace: 'shelf', uid: 'uid-pod' },
  status,
});
const event = (uid: string, kind: string, name: string, reason: string, message: string) => ({
  type: 'Warning',
  reason,
  message,
  count: 3,
  lastTimestamp: '2026-11-21T04:00:00Z',
  involvedObject: { uid, kind, name },
});

describe('readiness', () => {
  it('of a Deployment comes with the last available pod of the new revision', () => {
    const spec = { replicas: 2 };
    const at = (generation: number, observedGeneration: number, status: KubeObject) => ({
      metadata: metadata(generation),
      spec,
      status: { observedGeneration, ...status },
    });
    const settled = [condition('Progressing', 'True', 'NewReplicaSetAvailable')];
    const rolling = [condition('Progressing', 'True', 'ReplicaSetUpdated')];
    const all = { replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
    const judgements = judge('apps/v1', 'Deployment', [
      [{ metadata: metadata(1), spec }],
      [at(1, 1, { replicas: 2, updatedReplicas: 2, conditions: rolling })],
      [at(1, 1, { ...all, availableReplicas: 1, conditions: rolling })],
      [at(1, 1, { ...all, conditions: settled })],
      // The next declaration: the status still speaks of the one before.
      [at(2, 1, { ...all, conditions: settled })],
      [at(2, 2, { replicas: 3, updatedReplicas: 1, availableReplicas: 2, conditions: rolling })],
      [at(2, 2, { replicas: 3, updatedReplicas: 2, availableReplicas: 3, conditions: rolling })],
      [at(2, 2, { ...all, conditions: settled })],
    ]);
    assert.deepEqual(states(judgements), [
      'waiting',
      'waiting',
      'waiting',
      'ready',
      'waiting',
      'waiting',
      'waiting',
      'ready',
    ]);
    assert.match(texts(judgements[6]), /1 old Pod\(s\) of Deployment db to end/);
  });

  it('of a Deployment that cannot come says why, in the words of its pods and events', () => {
    const status = {
      observedGeneration: 1,
      replicas: 1,
      updatedReplicas: 1,
      conditions: [
        condition('Progressing', 'False', 'ProgressDeadlineExceeded', 'has timed out progressing'),
      ],
    };
    const pods = [
      pod({
        phase: 'Pending',
        containerStatuses: [
          {
            name: 'main',
            ready: false,
            state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling "x:1"' } },
          },
        ],
      }),
    ];
    const events = [
      event('uid-pod', 'Pod', 'db-0', 'FailedMount', 'volume "data" is not there'),
      event('uid-other', 'Pod', 'other', 'FailedMount', 'nobody asked'),
    ];
    const [judgement] = judge('apps/v1', 'Deployment', [
      [
        { metadata: metadata(), spec: { replicas: 1 }, status },
        { pods, events },
      ],
    ]);
    assert.equal(judgement?.state, 'waiting');
    assert.deepEqual(judgement?.problems, [
      '[Deployment db] ProgressDeadlineExceeded: has timed out progressing',
      '[Pod db-0] container main: ImagePullBackOff: Back-off pulling "x:1"',
      '[Pod db-0] FailedMount: volume "data" is not there (3 times)',
    ]);
  });

  it('of a StatefulSet needs every pod ready and of the new revision, but for a partition', () => {
    const set = (updateStrategy: KubeObject, status: KubeObject) => ({
      metadata: metadata(),
      spec: { replicas: 2, updateStrategy },
      status: { observedGeneration: 1, replicas: 2, ...status },
    });
    const rolling = { type: 'RollingUpdate', rollingUpdate: { partition: 0 } };
    const half = { currentRevision: 'a', updateRevision: 'b', updatedReplicas: 1 };
    const judgements = judge('apps/v1', 'StatefulSet', [
      [set(rolling, { replicas: 1, readyReplicas: 1, currentRevision: 'a', updateRevision: 'a' })],
      [set(rolling, { readyReplicas: 2, currentRevision: 'a', updateRevision: 'a' })],
      [set(rolling, { readyReplicas: 2, ...half })],
      [set({ ...rolling, rollingUpdate: { partition: 1 } }, { readyReplicas: 2, ...half })],
      [set({ type: 'OnDelete' }, { readyReplicas: 2, ...half, updatedReplicas: 0 })],
      [set(rolling, { readyReplicas: 1, ...half, updatedReplicas: 2 })],
    ]);
    assert.deepEqual(states(judgements), [
      'waiting',
      'ready',
      'waiting',
      'ready',
      'ready',
      'waiting',
    ]);
  });

  it('of a DaemonSet needs a pod of the new revision on every node, OnDelete or not', () => {
    const set = (status: KubeObject) => ({
      metadata: metadata(),
      spec: { updateStrategy: { type: 'OnDelete' } },
      status: { observedGeneration: 1, desiredNumberScheduled: 3, ...status },
    });
    const judgements = judge('apps/v1', 'DaemonSet', [
      [{ metadata: metadata() }],
      [set({ numberAvailable: 2, updatedNumberScheduled: 3 })],
      [set({ numberAvailable: 3, updatedNumberScheduled: 1 })],
      [set({ numberAvailable: 3, updatedNumberScheduled: 3 })],
      [set({ desiredNumberScheduled: 0 })],
    ]);
    assert.deepEqual(states(judgements), ['waiting', 'waiting', 'waiting', 'ready', 'ready']);
  });

  it('of a Job is its completion; its failure is an error at once', () => {
    const job = (spec: KubeObject, ...conditions: KubeObject[]) => ({
      metadata: metadata(),
      spec,
      status: { active: 1, conditions },
    });
    const failure = condition('Failed', 'True', 'BackoffLimitExceeded', 'reached its limit');
    const ended = pod({
      phase: 'Failed',
      containerStatuses: [
        {
          name: 'dump',
          ready: false,
          state: { terminated: { exitCode: 2, reason: 'Error', message: 'no space left' } },
        },
      ],
    });
    const judgements = judge('batch/v1', 'Job', [
      [job({})],
      [job({}, condition('SuccessCriteriaMet', 'True'))],
      [job({}, condition('Complete', 'True'))],
      [job({ suspend: true })],
      [job({}, failure), { pods: [ended] }],
    ]);
    assert.deepEqual(states(judgements), ['waiting', 'waiting', 'ready', 'ready', 'failed']);
    assert.match(texts(judgements[4]), /Job db failed: BackoffLimitExceeded: reached its limit/);
    assert.match(
      texts(judgements[4]),
      /container dump: ended with exit code 2 \(Error\): no space/,
    );
  });

  it('of a Pod is its readiness or its success, and says what keeps it', () => {
    const status = (phase: string, more: KubeObject = {}) => ({
      metadata: metadata(),
      status: { phase, ...more },
    });
    const nowhere = condition('PodScheduled', 'False', 'Unschedulable', '0/3 nodes are available');
    const crashed = {
      name: 'main',
      ready: false,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error', message: 'FATAL: no PGDATA' } },
    };
    const creating = {
      name: 'main',
      ready: false,
      state: { waiting: { reason: 'ContainerCreating' } },
    };
    const judgements = judge('v1', 'Pod', [
      [status('Pending', { conditions: [nowhere] })],
      [status('Pending', { containerStatuses: [creating] })],
      [status('Running', { containerStatuses: [crashed] })],
      [status('Running', { conditions: [condition('Ready', 'True')] })],
      [status('Succeeded')],
      [status('Failed', { reason: 'Evicted', message: 'node was low on storage' })],
    ]);
    assert.deepEqual(states(judgements), [
      'waiting',
      'waiting',
      'waiting',
      'ready',
      'ready',
      'failed',
    ]);
    assert.match(texts(judgements[0]), /Unschedulable: 0\/3 nodes are available/);
    assert.deepEqual(judgements[1]?.problems, [], 'being created is no problem');
    assert.match(texts(judgements[2]), /CrashLoopBackOff: back-off 10s.*FATAL: no PGDATA/);
    assert.match(texts(judgements[5]), /Evicted: node was low on storage/);
  });

  it('of a claim is its binding, or waiting for its first pod where the class says so', () => {
    const claim = (phase: string, spec: KubeObject = {}) => ({
      metadata: metadata(),
      spec: { storageClassName: 'local', ...spec },
      status: { phase },
    });
    const classes = (volumeBindingMode: string) => [
      { metadata: { name: 'local' }, volumeBindingMode },
    ];
    const late = { classes: classes('WaitForFirstConsumer') };
    const judgements = judge('v1', 'PersistentVolumeClaim', [
      [claim('Pending'), { classes: classes('Immediate') }],
      [claim('Pending'), late],
      [claim('Pending', { volumeName: 'pv' }), late],
      [claim('Bound')],
      [claim('Lost', { volumeName: 'pv' })],
      [claim('Pending'), { classes: [] }],
    ]);
    assert.deepEqual(states(judgements), [
      'waiting',
      'ready',
      'waiting',
      'ready',
      'failed',
      'waiting',
    ]);
    assert.match(texts(judgements[5]), /there is no StorageClass "local"/);
  });

  it('of a Service is an endpoint and an address, or nothing for a mere name', () => {
    const service = (spec: KubeObject, status: KubeObject = {}) => ({
      metadata: metadata(),
      spec,
      status,
    });
    const slices = [{ endpoints: [{ conditions: { ready: false } }] }];
    const balanced = { type: 'LoadBalancer', clusterIP: '10.0.0.1' };
    const judgements = judge('v1', 'Service', [
      [service({ type: 'ExternalName' })],
      [service({ clusterIP: 'None', selector: { app: 'db' } })],
      [service({ clusterIP: '10.0.0.1' }), { slices: [{ endpoints: [] }] }],
      [service({ clusterIP: '10.0.0.1' }), { slices }],
      [service(balanced), { slices }],
      [service(balanced, { loadBalancer: { ingress: [{ ip: '10.1.1.1' }] } }), { slices }],
    ]);
    assert.deepEqual(states(judgements), [
      'ready',
      'ready',
      'waiting',
      'ready',
      'waiting',
      'ready',
    ]);
    assert.match(texts(judgements[2]), /does not target any Pods/);
  });

  it('of volumes, namespaces, custom kinds and tokens is a word in their status', () => {
    const phase = (name: string) => ({ metadata: metadata(), status: { phase: name } });
    const volumes = judge('v1', 'PersistentVolume', [
      [phase('Pending')],
      [phase('Available')],
      [phase('Bound')],
      [phase('Released')],
    ]);
    assert.deepEqual(states(volumes), ['waiting', 'ready', 'ready', 'waiting']);
    assert.deepEqual(states(judge('v1', 'Namespace', [[phase('Active')]])), ['ready']);
    const definition = (...conditions: KubeObject[]) => ({
      metadata: metadata(),
      status: { conditions },
    });
    const definitions = judge('apiextensions.k8s.io/v1', 'CustomResourceDefinition', [
      [definition(condition('NamesAccepted', 'False', 'Conflict', 'plural is in use'))],
      [definition(condition('Established', 'True'))],
    ]);
    assert.deepEqual(states(definitions), ['waiting', 'ready']);
    assert.match(texts(definitions[0]), /plural is in use/);
    const token = { metadata: metadata(), type: 'kubernetes.io/service-account-token' };
    const secrets = judge('v1', 'Secret', [
      [token],
      [{ ...token, data: { token: 'eA==' } }],
      [{ metadata: metadata(), type: 'Opaque' }],
    ]);
    assert.deepEqual(states(secrets), ['waiting', 'ready', 'ready']);
  });

  it('is not asked for when the program says skipAwait, or of kinds without a rule', () => {
    const annotations = { 'pulumi.com/skipAwait': 'true' };
    const skipped = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', annotations } };
    assert.equal(readinessRule(skipped), undefined);
    assert.equal(readinessRule({ apiVersion: 'v1', kind: 'ConfigMap' }), undefined);
    assert.equal(readinessRule({ apiVersion: 'e.test/v1', kind: 'Pod' }), undefined);
  });
});

describe('waitFor', () => {
  const waitFor = (text: string) => {
    const annotations = { 'pulumi.com/waitFor': text };
    const rule = readinessRule({
      apiVersion: 'e.test/v1',
      kind: 'Shelf',
      metadata: { name: 'a', annotations },
    });
    assert.ok(rule);
    return (live: KubeObject) => rule.judge({ metadata: { name: 'a' }, ...live }, {}).state;
  };

  const rows: readonly (readonly [string, KubeObject, KubeObject])[] = [
    [
      'condition=Healthy',
      { status: { conditions: [condition('Healthy', 'False')] } },
      { status: { conditions: [condition('Healthy', 'True')] } },
    ],
    [
      'condition=Healthy',
      {
        metadata: { name: 'a', generation: 2 },
        status: { observedGeneration: 1, conditions: [condition('Healthy', 'True')] },
      },
      {
        metadata: { name: 'a', generation: 2 },
        status: { conditions: [condition('Healthy', 'True')] },
      },
    ],
    [
      'condition=Stuck=False',
      { status: { conditions: [condition('Stuck', 'True')] } },
      { status: { conditions: [condition('Stuck', 'False')] } },
    ],
    [
      'jsonpath={.status.phase}=Running',
      { status: { phase: 'Pending' } },
      { status: { phase: 'Running' } },
    ],
    ['jsonpath={$.status.count}=3', { status: { count: 2 } }, { status: { count: 3 } }],
    ['jsonpath={.status.ip}', { status: {} }, { status: { ip: 'x' } }],
    [
      'jsonpath={.status.list[1].name}=b',
      { status: { list: [{ name: 'a' }] } },
      { status: { list: [{ name: 'a' }, { name: 'b' }] } },
    ],
    [
      'jsonpath={.status.conditions[?(@.type=="Ready")].status}=True',
      { status: { conditions: [condition('Other', 'True'), condition('Ready', 'False')] } },
      { status: { conditions: [condition('Ready', 'True')] } },
    ],
    [
      "jsonpath={.metadata.labels['a.b/c']}=yes",
      { metadata: { name: 'a', labels: { 'a.b/c': 'no' } } },
      { metadata: { name: 'a', labels: { 'a.b/c': 'yes' } } },
    ],
    [
      '["condition=Ready", "jsonpath={.status.phase}=Up"]',
      { status: { phase: 'Up', conditions: [] } },
      { status: { phase: 'Up', conditions: [condition('Ready', 'True')] } },
    ],
  ];
  for (const [text, before, after] of rows) {
    it(`waits until it holds [${text}]`, () => {
      const state = waitFor(text);
      assert.equal(state(before), 'waiting');
      assert.equal(state(after), 'ready');
    });
  }

  it('is refused where it cannot be read, and not guessed', () => {
    for (const text of ['Ready', '[]', 'jsonpath={.a[1:2]}', '[1]', 'jsonpath=.a']) {
      assert.throws(() => waitFor(text), /waitFor/, text);
    }
  });
});
