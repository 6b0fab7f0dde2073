import { deepEqual, match } from 'node:assert/strict';
import { volumesProtected } from '../../../policies/rules/volumes-protected.ts';
import { object } from './support/given.ts';
import { messages, verdicts } from './support/judge.ts';
import { app, claim } from './support/shapes.ts';

const violation = ['violation options.protect'];
const namespace = (protect: boolean) => object('core/v1:Namespace', 'apps', {}, { protect });

describe('volumes-protected', () => {
  it('is silent when the claim and its namespace are protected', () => {
    deepEqual(verdicts(volumesProtected, [namespace(true), claim('longhorn')]), []);
  });

  it('reports the namespace when only the claim in it is protected', () => {
    deepEqual(verdicts(volumesProtected, [namespace(false), claim('longhorn')]), violation);
    const [text] = messages(volumesProtected, [namespace(false), claim('longhorn')]);
    match(text ?? '', /^Namespace apps, .*contains PersistentVolumeClaim apps\/data/);
  });

  it('is silent about a namespace that holds no data', () => {
    deepEqual(verdicts(volumesProtected, [namespace(false)]), []);
  });

  const objects: readonly (readonly [string, object])[] = [
    ['core/v1:PersistentVolumeClaim', { spec: { storageClassName: 'longhorn' } }],
    ['core/v1:PersistentVolume', { spec: { hostPath: { path: '/mnt/ssd/x' } } }],
    ['postgresql.cnpg.io/v1:Cluster', { spec: { instances: 2 } }],
    ['longhorn.io/v1beta2:Volume', {}],
    ['ceph.rook.io/v1:CephCluster', {}],
    ['apiextensions.k8s.io/v1:CustomResourceDefinition', { spec: { group: 'longhorn.io' } }],
    ['helm.sh/v3:Release', { chart: 'longhorn/longhorn' }],
  ];
  for (const [token, inputs] of objects) {
    it(`reports an unprotected ${token}, and is silent when it is protected`, () => {
      const make = (protect: boolean) => object(token, 'x/y', { ...inputs }, { protect });
      deepEqual(verdicts(volumesProtected, [make(false)]), violation);
      deepEqual(verdicts(volumesProtected, [make(true)]), []);
    });
  }

  it('leaves claims of a scratch class and their namespace alone', () => {
    const scratch = object('core/v1:PersistentVolumeClaim', 'apps/tmp', {
      spec: { storageClassName: 'scratch' },
    });
    deepEqual(verdicts(volumesProtected, [namespace(false), scratch]), []);
    deepEqual(verdicts(volumesProtected, [scratch], { scratchClasses: ['other'] }), violation);
  });

  it('leaves definitions of other groups alone', () => {
    const inputs = { spec: { group: 'monitoring.coreos.com' } };
    const other = object('apiextensions.k8s.io/v1:CustomResourceDefinition', 'x', inputs);
    deepEqual(verdicts(volumesProtected, [other]), []);
  });

  for (const when of ['whenDeleted', 'whenScaled']) {
    it(`reports a StatefulSet that deletes its claims ${when}`, () => {
      const spec = { persistentVolumeClaimRetentionPolicy: { [when]: 'Delete' } };
      const set = app({ image: 'postgres:16', kind: 'StatefulSet', claimName: null, spec });
      deepEqual(verdicts(volumesProtected, [set]), [
        `violation spec.persistentVolumeClaimRetentionPolicy.${when}`,
      ]);
    });
  }

  it('is silent when the object is exempt with a reason, and not without one', () => {
    const bare = (text: string) =>
      object('core/v1:PersistentVolumeClaim', 'apps/data', {
        metadata: { annotations: { 'larder.dev/exempt.volumes-protected': text } },
      });
    deepEqual(messages(volumesProtected, [bare('throw-away cluster')]), []);
    match(messages(volumesProtected, [bare(' ')])[0] ?? '', /Not exempt: .* no reason/);
    match(
      messages(volumesProtected, [bare('x; until 2026-11-20')])[0] ?? '',
      /ended on 2026-11-20/,
    );
    deepEqual(messages(volumesProtected, [bare('x; until 2026-11-21')]), []);
  });
});
