/**
 * The Kubernetes provider with real pods: what it waits for when they come up, what it says when
 * they do not, and that it waits until they are gone. One node serves the file.
 */
import assert from 'node:assert/strict';
import { labPaths } from '../../lab/base/paths.ts';
import { Lab, stopLab } from '../../lab/cluster/lab.ts';
import type { LabOptions } from '../../lab/cluster/options.ts';
import { at, textAt } from '../../lab/standin/kubernetes/object.ts';
import { serverOf, type TestApiServer } from '../engine/support/api-server.ts';
import { failed, succeeded } from '../engine/support/cli-run.ts';
import {
  declareObjects,
  inCluster,
  kinds,
  namespace,
  stackOn,
  type Values,
} from '../engine/support/kubernetes-stack.ts';
import { Project } from '../engine/support/project.ts';
import { resourceNamed } from '../engine/support/state.ts';
import { skip } from '../support/reporter.ts';
import { prepareLab, quietProgress } from './support/test-lab.ts';

const labName = 'provider-test';
const labOptions: LabOptions = {
  name: labName,
  nodes: [{ name: 'kube01', disks: [{ path: '/mnt/nvme', sizeMiB: 128 }] }],
};
const app = { app: 'web' };
const statefulSet = { group: 'apps', version: 'v1', kind: 'StatefulSet' };

describe('kubernetes provider with real pods', () => {
  const { state } = labPaths({ ...process.env, LARDER_LAB: labName });
  let api: TestApiServer;
  let image: string;

  before(async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: namespaces, mounts, loop devices');
    await stopLab(state, labName, quietProgress); // of a run that was killed
    const context = await prepareLab(state);
    image = context.images.tools.reference;
    const lab = await Lab.start(labOptions, context);
    api = serverOf(lab.kubeconfig);
  });

  after(async () => {
    await stopLab(state, labName, quietProgress);
  });

  const podSpec = (script: string, more: Values = {}) => ({
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image,
        imagePullPolicy: 'Never',
        command: ['node', '-e', script],
        terminationMessagePolicy: 'FallbackToLogsOnError',
        ...more,
      },
    ],
  });
  const forever = 'setInterval(() => {}, 1e6)';
  const workload = (spec: Values, kind: string, name: string, more: Values = {}) => ({
    kind,
    args: {
      metadata: { name: 'web', namespace: name },
      spec: {
        selector: { matchLabels: app },
        template: { metadata: { labels: app }, spec },
        ...more,
      },
    },
    dependsOn: ['ns'],
  });

  it('returns when claim, pods and service are there, and from destroy when they are gone', async function () {
    const name = api.uniqueName('comes-up');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const storageClassName = `${name}-local`;
    const spec = { storageClassName, accessModes: ['ReadWriteOnce'] };
    const volume = {
      kind: 'core.v1.PersistentVolume',
      args: {
        metadata: { name },
        spec: { ...spec, capacity: { storage: '1Gi' }, hostPath: { path: '/mnt/nvme' } },
      },
    };
    const storageClass = {
      kind: 'storage.v1.StorageClass',
      args: {
        metadata: { name: storageClassName },
        provisioner: 'kubernetes.io/no-provisioner',
        volumeBindingMode: 'WaitForFirstConsumer',
      },
    };
    const data = {
      kind: 'core.v1.PersistentVolumeClaim',
      args: {
        metadata: { name: 'data', namespace: name },
        spec: { ...spec, resources: { requests: { storage: '1Gi' } } },
      },
      dependsOn: ['ns', 'storageClass', 'volume'],
    };
    const mounted = {
      ...podSpec(forever, { volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
    };
    const set = workload(mounted, 'apps.v1.StatefulSet', name, { serviceName: 'web' });
    const service = {
      kind: 'core.v1.Service',
      args: {
        metadata: { name: 'web', namespace: name },
        spec: { selector: app, ports: [{ name: 'http', port: 80 }] },
      },
      dependsOn: ['ns', 'set'],
    };
    const job = {
      kind: 'batch.v1.Job',
      args: {
        metadata: { name: 'once', namespace: name },
        spec: { template: { spec: { ...podSpec('0'), restartPolicy: 'Never' } } },
      },
      dependsOn: ['ns'],
    };
    const objects = { ns: namespace(name), storageClass, volume, data, set, service, job };
    declareObjects(project, stackOn(api, objects));
    succeeded(await project.up());

    const live = await inCluster(api, statefulSet, name, 'web');
    assert.equal(at(live, 'status', 'readyReplicas'), 1);
    const bound = await inCluster(api, kinds.claim, name, 'data');
    assert.equal(textAt(bound, 'status', 'phase'), 'Bound');
    assert.deepEqual(succeeded(await project.up({ args: ['--refresh'] })).operations, []);

    succeeded(await project.destroy());
    assert.equal(await inCluster(api, kinds.namespace, '', name), undefined);
    assert.deepEqual(project.state().resources, []);
  });

  it('says why a rollout does not come, records it, and goes on with the next update', async function () {
    const name = api.uniqueName('crashes');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const declare = (script: string) => {
      const web = workload(podSpec(script), 'apps.v1.Deployment', name, {
        // Without it, a pod counts as available in the moment before it crashes.
        minReadySeconds: 3,
      });
      const options = { customTimeouts: { create: '15s', update: '90s' } };
      declareObjects(project, stackOn(api, { ns: namespace(name), web: { ...web, options } }));
    };
    declare('console.error("FATAL: no PGDATA"); process.exit(3)');
    const up = failed(await project.up());
    assert.match(up.screen, /web.* was successfully created, but .* failed to fully initialize/s);
    assert.match(up.screen, /exit code 3 \(Error\): FATAL: no PGDATA/);
    const { initErrors } = resourceNamed(project.state(), 'web');
    assert.match(initErrors?.join('\n') ?? '', /FATAL: no PGDATA/);

    declare(forever);
    assert.deepEqual(succeeded(await project.up()).operations, ['update web']);
    assert.equal(resourceNamed(project.state(), 'web').initErrors, undefined);
    const live = await inCluster(api, kinds.deployment, name, 'web');
    assert.equal(at(live, 'status', 'availableReplicas'), 1);
    succeeded(await project.destroy());
  });

  it('fails at once with the words of the pod when a job fails', async function () {
    const name = api.uniqueName('fails');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const script = 'console.error("disk is full"); process.exit(2)';
    const spec = { ...podSpec(script), restartPolicy: 'Never' };
    const job = {
      kind: 'batch.v1.Job',
      args: {
        metadata: { name: 'dump', namespace: name },
        spec: { backoffLimit: 0, template: { spec } },
      },
      dependsOn: ['ns'],
    };
    declareObjects(project, stackOn(api, { ns: namespace(name), job }));
    const up = failed(await project.up());
    assert.match(up.screen, /Job dump failed: BackoffLimitExceeded/);
    assert.match(up.screen, /container main: ended with exit code 2 \(Error\): disk is full/);
    succeeded(await project.destroy());
    const pods = { kind: { group: '', version: 'v1', kind: 'Pod' }, namespace: name };
    assert.deepEqual(await api.cluster.list(pods, AbortSignal.timeout(20_000)), []);
  });
});
