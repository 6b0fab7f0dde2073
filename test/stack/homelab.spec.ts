import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { assertGolden, renderRun } from './support/golden.ts';
import {
  homelabConfig,
  type ProgramRun,
  type Recorded,
  runProgram,
  secretMark,
} from './support/record.ts';

/** Kinds whose deletion loses data, or what leads to them. */
const dataKinds = [
  'kubernetes:core/v1:Namespace',
  'kubernetes:core/v1:PersistentVolume',
  'kubernetes:core/v1:PersistentVolumeClaim',
  'random:index/randomPassword:RandomPassword',
];

describe('homelab stack', () => {
  let run: ProgramRun;
  before(async () => {
    run = await runProgram({ config: homelabConfig() });
  });
  const ofKind = (kind: string) => run.resources.filter(({ type }) => type === kind);
  const named = (name: string): Recorded => {
    const found = run.resources.find((resource) => resource.name === name);
    assert.ok(found, `no resource is called ${name}`);
    return found;
  };

  it('declares what its golden file says', () => {
    assertGolden('homelab', renderRun(run));
  });

  it('protects and keeps everything that holds data', () => {
    for (const kind of dataKinds) {
      const found = ofKind(kind);
      assert.ok(found.length > 0, `${kind} is declared`);
      for (const { urn, options } of found) {
        assert.equal(options.protect, true, `${urn} is protected`);
        assert.equal(options.retainOnDelete, true, `${urn} is kept on delete`);
      }
    }
    const secret = named('postgres-main-secret');
    assert.deepEqual([secret.options.protect, secret.options.retainOnDelete], [true, true]);
  });

  it('takes over existing objects where data are, and only there', () => {
    const upsert = (name: string) => named(name).inputs['upsertExistingObjects'];
    assert.equal(upsert('cluster'), 'false');
    assert.equal(upsert('cluster-data'), 'true');
    for (const { type, name, options } of run.resources) {
      if (!type.startsWith('kubernetes:')) continue;
      const holds =
        dataKinds.includes(type) || /-(?:prepare|record)$|^postgres-main-secret$/.test(name);
      assert.equal(options.provider, holds ? 'cluster-data' : 'cluster', `provider of ${name}`);
    }
  });

  it('records that claims need their namespace, so that its deletion waits for theirs', () => {
    const { options } = named('postgres-main-volume-claim');
    assert.ok(options.dependsOn.includes('apps-namespace'), String(options.dependsOn));
  });

  it('hides the kubeconfig and the passwords', () => {
    for (const provider of ['cluster', 'cluster-data'])
      assert.equal(named(provider).inputs['kubeconfig'], secretMark);
    for (const secret of ['postgres-main-secret', 'dump-main-secret'])
      assert.equal(named(secret).inputs['data'], secretMark);
    const golden = readFileSync(path.join(import.meta.dirname, 'golden/homelab.txt'), 'utf8');
    assert.doesNotMatch(golden, /a-(?:token|password)-that-no-golden-may-show/);
  });

  it('gives every child the component that made it as parent, and every component a token', () => {
    for (const { urn, type } of run.resources) {
      if (type.startsWith('pulumi:')) continue;
      if (type.startsWith('larder:')) assert.match(type, /^larder:index:[A-Z][A-Za-z]+$/);
      else assert.match(urn, /larder:index:[A-Za-z]+\$/, `${urn} has a component as parent`);
    }
  });

  it('warns in a preview that the cluster does not answer', () => {
    assert.match(
      run.warnings.join('\n'),
      /the context homelab does not answer at https:\S+: .* the state of the stack alone.* `pulumi up` will refuse/,
    );
  });

  it('tells how to connect, what tiers promise and where dumps are', () => {
    const { databases, tiers, volumes } = run.outputs as {
      databases: Record<string, Record<string, string>>;
      tiers: Record<string, string>;
      volumes: Record<string, string>;
    };
    assert.equal(
      databases['main']?.['address'],
      'postgresql://app@postgres-main.apps.svc:5432/app',
    );
    assert.match(databases['main']?.['dumps'] ?? '', /^kube02:\/mnt\/nvme\/larder\/dumps\/main/);
    assert.match(tiers['local-ssd'] ?? '', /lost with that disk/);
    assert.match(volumes['postgres-main'] ?? '', /^10Gi on kube01:/);
  });
});
