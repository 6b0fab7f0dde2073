/**
 * What people and Prometheus see of a lab with replicated volumes: the operator's command line as
 * one types it, and metrics for an account that may read those and nothing else.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { CoreV1Api, RbacAuthorizationV1Api, type V1Pod } from '@kubernetes/client-node';
import { execa } from 'execa';
import type { VolumeObject } from '../../../dataplane/control/objects.ts';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import type { Lab } from '../../../lab/cluster/lab.ts';

const namespace = 'default';
const system = 'larder-system';
/** Engines leave theirs every ten seconds. */
const leftMs = 60_000;

/** Every part is found, and a volume by its claim. */
export async function assertOperatorSees(lab: Lab, claim: string): Promise<void> {
  const program = path.join(repositoryRoot, 'operator/larder.ts');
  const typed = async (...args: string[]) =>
    execa(process.execPath, [program, ...args, '--kubeconfig', lab.kubeconfig], {
      reject: false,
      stdin: 'ignore',
    });
  const doctor = await typed('doctor');
  assert.equal(doctor.exitCode, 0, doctor.stdout + doctor.stderr);
  const { stdout } = await typed('volume', claim);
  assert.match(stdout, new RegExp(`^Volume ${namespace}/${claim} \\(pvc-[^)]+\\): `));
  assert.match(stdout, /2\/2 copies in sync/);
}

/** Volume, engine and copies are shown to who may read metrics, and to nobody else. */
export async function assertMetricsShown(lab: Lab, volume: VolumeObject): Promise<void> {
  const { items } = await lab.kubeConfig.makeApiClient(CoreV1Api).listNamespacedPod({
    namespace: system,
    labelSelector: 'larder.dev/metrics=shown',
  });
  const has = (name: string) => (pod: V1Pod) => pod.spec?.containers[0]?.name === name;
  const podOn = (node: string) => {
    const found = items.filter(has('storage')).find(({ spec }) => spec?.nodeName === node);
    assert.ok(found, `a node pod on ${node}`);
    return found;
  };
  const onNode = podOn(volume.status.attachedTo);
  assert.match(await ask(lab, onNode, {}), /a token of this cluster is needed/);
  const may = { authorization: `Bearer ${await readerToken(lab)}` };
  const { name } = volume.metadata;
  const written = `larder_volume_requests_total{volume="${name}",op="write",outcome="done"} `;
  await lab.waitFor(
    'what the engine reports',
    async () => new RegExp(`${written}[1-9]`).test(await ask(lab, onNode, may)),
    leftMs,
  );
  const [copy] = volume.status.places;
  const holder = podOn(copy?.node ?? '');
  const store = `larder_store_failed{volume="${name}",member="${copy?.member}"} 0`;
  assert.ok((await ask(lab, holder, may)).includes(store), `${store} on ${copy?.node}`);
  const told = await Promise.all(
    items.filter(has('controller')).map(async (pod) => ask(lab, pod, may)),
  );
  const leading = told.filter((text) => text.includes('larder_controller_leader 1'));
  assert.equal(leading.length, 1, told.join('\n'));
  assert.ok(leading[0]?.includes(`larder_volume_safety{volume="${name}",safety="Safe"} 1`));
}

async function ask(lab: Lab, pod: V1Pod, headers: object): Promise<string> {
  const options = { host: pod.status?.podIP, port: 7481, path: '/metrics', headers };
  const insecure = JSON.stringify({ ...options, rejectUnauthorized: false });
  const program = `require('node:https').get(${insecure}, (r) => r.pipe(process.stdout))`;
  const container = pod.spec?.containers[0]?.name ?? '';
  const where = { namespace: system, pod: pod.metadata?.name ?? '', container };
  return (await lab.exec(where, ['node', '-e', program])).stdout;
}

async function readerToken(lab: Lab): Promise<string> {
  const core = lab.kubeConfig.makeApiClient(CoreV1Api);
  const metadata = { name: 'metrics-reader' };
  await core.createNamespacedServiceAccount({ namespace, body: { metadata } });
  const apiGroup = 'rbac.authorization.k8s.io';
  await lab.kubeConfig.makeApiClient(RbacAuthorizationV1Api).createClusterRoleBinding({
    body: {
      metadata,
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'larder-metrics-reader' },
      subjects: [{ kind: 'ServiceAccount', name: metadata.name, namespace }],
    },
  });
  const body = { spec: { audiences: [] } };
  const made = await core.createNamespacedServiceAccountToken({ ...metadata, namespace, body });
  return made.status?.token ?? '';
}
