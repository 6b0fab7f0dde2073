/** Policies about copies: of volumes, of pods, and of pods that want one volume. */
import { deepEqual } from 'node:assert/strict';
import { UNKNOWN } from '../../../policies/model/value.ts';
import { noMultiAttachTrap } from '../../../policies/rules/no-multi-attach-trap.ts';
import { replicaAntiAffinity } from '../../../policies/rules/replica-anti-affinity.ts';
import { workloadSpread } from '../../../policies/rules/workload-spread.ts';
import { describePolicy } from './support/cases.ts';
import { type Inputs, object } from './support/given.ts';
import { messages } from './support/judge.ts';
import { app, claim, storageClass } from './support/shapes.ts';

const longhornClass = (parameters: Inputs) => storageClass('lh', 'driver.longhorn.io', parameters);
const setting = (name: string, value: string) =>
  object('longhorn.io/v1beta2:Setting', `longhorn-system/${name}`, { value });
const chart = (defaultSettings: Inputs) =>
  object('helm.sh/v3:Release', 'x/longhorn', { chart: 'longhorn', values: { defaultSettings } });
const zone = (name: string, label: string) =>
  object('core/v1:NodePatch', name, {
    metadata: { labels: { 'topology.kubernetes.io/zone': label } },
  });
const zones = [zone('n1', 'cellar'), zone('n2', 'attic')];
const postgres = app({ image: 'postgres:16', mountPath: '/var/lib/postgresql/data' });
const pool = (spec: Inputs) => object('ceph.rook.io/v1:CephBlockPool', 'rook-ceph/pool', { spec });
const zoneField = 'parameters.replicaZoneSoftAntiAffinity';

describePolicy(replicaAntiAffinity, [
  ['Longhorn keeps copies apart', [longhornClass({ numberOfReplicas: '2' })], []],
  [
    'a class lets copies share a node',
    [longhornClass({ replicaSoftAntiAffinity: 'enabled' })],
    ['violation parameters.replicaSoftAntiAffinity'],
  ],
  ['a class forbids it', [longhornClass({ replicaSoftAntiAffinity: 'disabled' })], []],
  ['the setting forbids it', [setting('replica-soft-anti-affinity', 'false')], []],
  ['the setting allows it', [setting('replica-soft-anti-affinity', 'true')], ['violation value']],
  ['another setting is on', [setting('replica-auto-balance', 'true')], []],
  [
    'the chart allows it',
    [chart({ replicaSoftAntiAffinity: true })],
    ['violation values.defaultSettings.replicaSoftAntiAffinity'],
  ],
  ['the chart forbids it', [chart({ replicaSoftAntiAffinity: false })], []],
  ['the chart says what only the update knows', [chart({ replicaSoftAntiAffinity: UNKNOWN })], []],
  ['nodes stand in two zones', [...zones, longhornClass({})], [`advice ${zoneField}`]],
  [
    'nodes stand in two zones and copies must too',
    [...zones, longhornClass({})],
    [`violation ${zoneField}`],
    { domains: 'hard' },
  ],
  ['zones are to be ignored', [...zones, longhornClass({})], [], { domains: 'ignore' }],
  ['all nodes stand in one zone', [zone('n1', 'a'), zone('n2', 'a'), longhornClass({})], []],
  [
    'the class keeps copies in different zones',
    [...zones, longhornClass({ replicaZoneSoftAntiAffinity: 'disabled' })],
    [],
  ],
  [
    'the setting keeps copies in different zones',
    [...zones, longhornClass({}), setting('replica-zone-soft-anti-affinity', 'false')],
    [],
  ],
  [
    'a database has one copy on a network volume',
    [postgres, claim('lh'), longhornClass({ numberOfReplicas: '1' })],
    ['violation spec.storageClassName'],
  ],
  [
    'a database has two copies',
    [postgres, claim('lh'), longhornClass({ numberOfReplicas: '2' })],
    [],
  ],
  [
    'a database has one copy on its own node',
    [postgres, claim('lh'), longhornClass({ numberOfReplicas: '1', dataLocality: 'strict-local' })],
    [],
  ],
  [
    'an application has one copy',
    [app({ image: 'jellyfin/jellyfin:10' }), claim('lh'), longhornClass({ numberOfReplicas: '1' })],
    [],
  ],
  [
    'Ceph keeps two copies on hosts',
    [pool({ failureDomain: 'host', replicated: { size: 2 } })],
    [],
  ],
  [
    'Ceph keeps copies on the disks of one host',
    [pool({ failureDomain: 'osd', replicated: { size: 2 } })],
    ['violation spec.failureDomain'],
  ],
  ['Ceph keeps one copy', [pool({ replicated: { size: 1 } })], ['violation spec.replicated.size']],
  [
    'Ceph keeps one copy, said twice',
    [pool({ replicated: { size: 1, requireSafeReplicaSize: false } })],
    ['advice spec.replicated.size'],
  ],
]);

const term = (topologyKey: string, label = 'app') => ({
  topologyKey,
  labelSelector: { matchLabels: { app: label } },
});
const three = (pod: Inputs = {}, spec: Inputs = {}) =>
  app({ image: 'x/y:1', pod, spec: { replicas: 3, ...spec } });
const templates = { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] };
const set = (pod: Inputs = {}) =>
  app({ image: 'x/y:1', kind: 'StatefulSet', pod, spec: { replicas: 3, ...templates } });
const spread = 'spec.template.spec.topologySpreadConstraints';
const required = (...terms: readonly Inputs[]) => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const preferred = {
  affinity: {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, podAffinityTerm: term('kubernetes.io/hostname') },
      ],
    },
  },
};
const cluster = (spec: Inputs) =>
  object('postgresql.cnpg.io/v1:Cluster', 'apps/db', { spec: { instances: 3, ...spec } });

describePolicy(workloadSpread, [
  ['there is one replica', [app({ image: 'x/y:1' })], []],
  ['nothing keeps three replicas apart', [three()], [`advice ${spread}`]],
  ['nothing keeps three replicas with volumes apart', [set()], [`violation ${spread}`]],
  ['they may not share a node', [set(required(term('kubernetes.io/hostname')))], []],
  ['they prefer not to share a node', [set(preferred)], []],
  ['they may not share a zone', [set(required(term('topology.kubernetes.io/zone')))], []],
  [
    'they are spread over nodes',
    [set({ topologySpreadConstraints: [term('kubernetes.io/hostname')] })],
    [],
  ],
  [
    'they avoid another application',
    [set(required(term('kubernetes.io/hostname', 'other')))],
    [`violation ${spread}`],
  ],
  [
    'they are spread over something else',
    [set({ topologySpreadConstraints: [term('rack')] })],
    [`violation ${spread}`],
  ],
  ['their affinity is known only after the update', [set({ affinity: UNKNOWN })], []],
  ['CloudNativePG prefers different nodes', [cluster({})], ['advice spec.affinity']],
  [
    'CloudNativePG requires different nodes',
    [cluster({ affinity: { podAntiAffinityType: 'required' } })],
    [],
  ],
  [
    'CloudNativePG is told not to care',
    [cluster({ affinity: { enablePodAntiAffinity: false } })],
    ['violation spec.affinity'],
  ],
  ['CloudNativePG has one instance', [cluster({ instances: 1 })], []],
]);

const rolling = { spec: { strategy: undefined } };
const image = 'gitea/gitea:1';

describePolicy(noMultiAttachTrap, [
  ['the old pod is stopped first', [app({ image }), claim('longhorn')], []],
  [
    'the new pod is started first',
    [app({ image, ...rolling }), claim('longhorn')],
    ['violation spec.strategy'],
  ],
  [
    'the new pod is started first on one node',
    [app({ image, ...rolling }), claim('local-path')],
    ['advice spec.strategy'],
  ],
  [
    'the new pod is started first and only one pod may have the volume',
    [app({ image, ...rolling }), claim('local-path', { accessModes: ['ReadWriteOncePod'] })],
    ['violation spec.strategy'],
  ],
  [
    'a rolling update may not surge',
    [
      app({
        image,
        spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0 } } },
      }),
      claim('longhorn'),
    ],
    [],
  ],
  [
    'three replicas share the volume',
    [app({ image, spec: { replicas: 3 } }), claim('longhorn')],
    ['violation spec.replicas'],
  ],
  [
    'three replicas share a file system',
    [app({ image, spec: { replicas: 3 } }), claim('nfs', { accessModes: ['ReadWriteMany'] })],
    [],
  ],
  [
    'three replicas have a volume each',
    [app({ image, kind: 'StatefulSet', claimName: null, spec: { replicas: 3, ...templates } })],
    [],
  ],
  [
    'a DaemonSet shares the volume, which is a question of access modes',
    [app({ image, kind: 'DaemonSet' }), claim('longhorn')],
    [],
  ],
  [
    'the volume may also be shared',
    [
      app({ image, ...rolling }),
      claim('longhorn', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] }),
    ],
    [],
  ],
  ['the claim is not in the program', [app({ image, ...rolling })], []],
  [
    'replicas are known only after the update',
    [app({ image, spec: { replicas: UNKNOWN } }), claim('longhorn')],
    [],
  ],
  ['a database runs in a Deployment', [postgres, claim('longhorn')], ['advice kind']],
  ['a cache runs in a Deployment', [app({ image: 'redis:8' }), claim('longhorn')], []],
]);

describe('no-multi-attach-trap, exemption', () => {
  it('may stand at the claim as well as at the workload', () => {
    const annotations = { 'larder.dev/exempt.no-multi-attach-trap': 'there is one node' };
    const exempt = object('core/v1:PersistentVolumeClaim', 'apps/data', {
      metadata: { annotations },
      spec: { storageClassName: 'longhorn', accessModes: ['ReadWriteOnce'] },
    });
    deepEqual(messages(noMultiAttachTrap, [app({ image, ...rolling }), exempt]), []);
  });
});
