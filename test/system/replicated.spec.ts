/**
 * Replicated volumes on real nodes: `pulumi up`, a claim, pods that write while things go wrong.
 * Each fault ends with the same questions: did the writer see an error, and is everything there
 * that a sync had confirmed?
 */
import assert from 'node:assert/strict';
import { AppsV1Api, CoreV1Api, CustomObjectsApi } from '@kubernetes/client-node';
import {
  dataFinalizer,
  type StorageNodeObject,
  type VolumeObject,
} from '../../dataplane/control/objects.ts';
import { preferredAnnotation } from '../../dataplane/drive/controller.ts';
import { skip } from '../support/reporter.ts';
import { assertMetricsShown, assertOperatorSees } from './support/seen-from-outside.ts';
import { ClaimSnapshot } from './support/claim-snapshot.ts';
import { taintOutOfService, untaint } from './support/taints.ts';
import { ReplicatedLab } from './support/replicated-lab.ts';

const namespace = 'default';
const settledMs = 120_000;
const hookMs = 290_000;
/** 40 s of silence, a minute of grace, and the copying. */
const repairedMs = 180_000;

/** Counts, syncs every number, and says which are safe; ends at the first error. */
const counting = `
const fs = require('node:fs');
let n = 0;
try { n = Number(fs.readFileSync('/data/n', 'utf8')); } catch {}
console.log('from ' + n);
setInterval(() => {
  const file = fs.openSync('/data/n', 'r+');
  n += 1;
  fs.writeSync(file, String(n).padStart(12, '0'), 0);
  fs.fsyncSync(file);
  fs.closeSync(file);
  if (n % 5 === 0) console.log('safe ' + n);
}, 25);`;

describe('replicated volumes in the lab', () => {
  let started: ReplicatedLab;

  before(async function () {
    this.timeout(hookMs);
    if (process.getuid?.() !== 0) skip(this, 'needs root: namespaces, mounts, loop devices');
    started = await ReplicatedLab.start();
  });

  after(async function () {
    this.timeout(hookMs);
    await (started as ReplicatedLab | undefined)?.stop();
  });

  it('gives a claim two copies and a pod its file system within 15 s', async function () {
    this.timeout(settledMs);
    await core().createNamespacedPersistentVolumeClaim({
      namespace,
      body: {
        metadata: { name: 'data' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '64Mi' } },
        },
      },
    });
    await runPod('kube01', 15_000);
    await until('numbers that are safe', async () => (await safe()) >= 20);
    const [volume] = await volumes();
    assert.equal(volume?.status.safety, 'Safe');
    assert.equal(volume.status.copies, '2/2');
    const nodes = volume.status.places.map(({ node }) => node);
    assert.equal(new Set(nodes).size, 2);
    assert.ok(nodes.includes('kube01'), `a copy is on the pod's node: ${nodes.join(', ')}`);
  });

  it('goes on without an error when the pods of its node are replaced', async function () {
    this.timeout(settledMs);
    const { items } = await core().listNamespacedPod({
      namespace: 'larder-system',
      labelSelector: 'app.kubernetes.io/name=larder-node',
      fieldSelector: 'spec.nodeName=kube01',
    });
    const [pod] = items;
    const { name = '', uid } = pod?.metadata ?? {};
    const before = await safe();
    await core().deleteNamespacedPod({ name, namespace: 'larder-system' });
    await until('another node pod', async () => {
      const { items: now } = await core().listNamespacedPod({
        namespace: 'larder-system',
        labelSelector: 'app.kubernetes.io/name=larder-node',
        fieldSelector: 'spec.nodeName=kube01',
      });
      return now.some(
        ({ metadata, status }) =>
          metadata?.uid !== uid && status?.conditions?.some(isReady) === true,
      );
    });
    await until('the writer to go on', async () => (await safe()) > before + 20);
    assert.equal(await phase(), 'Running');
  });

  it('goes on without an error when its engine is killed', async function () {
    this.timeout(settledMs);
    const before = await safe();
    const { code } = await started.lab.node('kube01').exec(['pkill', '-KILL', '-f', 'main/engine']);
    assert.equal(code, 0, 'there was an engine');
    await until('the writer to go on', async () => (await safe()) > before + 20);
    assert.equal(await phase(), 'Running');
  });

  it("finds every part in place in the operator's eyes", async () => {
    await assertOperatorSees(started.lab, 'data');
  });

  it('shows metrics to who may read them, and to nobody else', async function () {
    this.timeout(settledMs);
    const [volume] = await volumes();
    assert.ok(volume);
    await assertMetricsShown(started.lab, volume);
  });

  it('does not let a node write about another', async function () {
    this.timeout(settledMs);
    const { items } = await core().listNamespacedPod({
      namespace: 'larder-system',
      labelSelector: 'app.kubernetes.io/name=larder-node',
      fieldSelector: 'spec.nodeName=kube02',
    });
    const pod = items[0]?.metadata?.name ?? '';
    const write = async (path: string, edit: string) => {
      const program = `
import('/opt/larder/dataplane/host/kube-client.js').then(async ({ KubeClient, accessOfPod }) => {
  const client = new KubeClient(accessOfPod(process.env));
  const path = '/apis/larder.dev/v1alpha1/${path}';
  const { body } = await client.send({ method: 'GET', path });
  ${edit}
  const answer = await client.send({ method: 'PUT', path: path + '/status', body });
  console.log(answer.code, answer.body.message ?? '');
  process.exit(0);
});`;
      const where = { namespace: 'larder-system', pod, container: 'csi' };
      return (await started.lab.exec(where, ['node', '-e', program])).stdout;
    };
    const [volume] = await volumes();
    const name = volume?.metadata.name ?? '';
    assert.match(await write('storagenodes/kube02', ''), /^200/);
    assert.match(await write('storagenodes/kube01', ''), /^422 .*nothing about others/);
    const steal = "body.status.attachedTo = 'kube02';";
    assert.match(await write(`volumes/${name}`, steal), /^422 .*(controller|attached to it)/);
    const bend = 'body.status.record.epoch += 1;';
    assert.match(await write(`volumes/${name}`, bend), /^422 .*attached to/);
  });

  it('brings what was safe to a node without a copy', async function () {
    this.timeout(settledMs);
    const [volume] = await volumes();
    const holders = volume?.status.places.map(({ node }) => node) ?? [];
    const other = ['kube01', 'kube02', 'kube03'].find((node) => !holders.includes(node)) ?? '';
    const before = await safe();
    await endPod();
    await runPod(other, settledMs);
    assert.ok((await startedFrom()) >= before);
    await until('the writer to go on', async () => (await safe()) > before + 20);
    await endPod();
    await runPod('kube01', settledMs);
  });

  it('gives a claim that grew while no pod used it a larger file system', async function () {
    this.timeout(settledMs);
    const before = await safe();
    await endPod();
    const claim = { name: 'data', namespace };
    const body = await core().readNamespacedPersistentVolumeClaim(claim);
    if (body.spec !== undefined) body.spec.resources = { requests: { storage: '96Mi' } };
    await core().replaceNamespacedPersistentVolumeClaim({ ...claim, body });
    await until('the resizer to have promised the room', async () => {
      const { status } = await core().readNamespacedPersistentVolumeClaim(claim);
      return status?.conditions?.some(({ type }) => type === 'FileSystemResizePending') === true;
    });
    await runPod('kube01', settledMs);
    assert.ok((await startedFrom()) >= before);
    const where = { namespace, pod: 'writer', container: 'writer' };
    const { stdout } = await started.lab.exec(where, ['df', '-k', '/data']);
    const kibibytes = Number(/\s(\d+)\s+\d+\s+\d+\s+\d+%/.exec(stdout)?.[1]);
    assert.ok(kibibytes > 72 * 1024, stdout);
    const [volume] = await volumes();
    assert.equal(volume?.status.record?.sizeBytes, 96 * 2 ** 20);
    await until('the claim to say so', async () => {
      const { status } = await core().readNamespacedPersistentVolumeClaim(claim);
      return status?.capacity?.['storage'] === '96Mi';
    });
  });

  it('gives a claim from a snapshot what was safe before it', async function () {
    this.timeout(settledMs);
    if (started.snapshots === undefined) skip(this, 'needs the sources of external-snapshotter');
    await until('the writer to go on', async () => (await safe()) > 0);
    const before = await safe();
    const snapshot = await ClaimSnapshot.take(started.lab, { name: 'data', namespace }, 'moment');
    const restored = Number(await snapshot.read('n', '96Mi', started.toolsImage));
    assert.ok(restored >= before, `restored ${restored}, safe was ${before}`);
    await snapshot.delete();
    await until('the copy to be gone', async () => (await volumes()).length === 1);
    assert.equal(await phase(), 'Running');
  });

  it('loses nothing that was safe when the power of its node is cut', async function () {
    this.timeout(settledMs);
    await until('the writer to go on', async () => (await safe()) > 0);
    const before = await safe();
    await started.lab.node('kube01').cutPower();
    await taintOutOfService(core(), 'kube01');
    await until('the pod to be gone', async () => (await phase()) === 'gone');
    const [volume] = await volumes();
    const holder = volume?.status.places.find(({ node }) => node !== 'kube01')?.node ?? '';
    await runPod(holder, settledMs);
    assert.ok((await startedFrom()) >= before, `from ${await startedFrom()}, safe was ${before}`);
    await until('the volume to say that a copy is away', async () => {
      const [now] = await volumes();
      return now?.status.safety === 'Degraded' && now.status.copies === '1/2';
    });
    await started.lab.node('kube01').restart();
    await untaint(core(), 'kube01');
    await until('both copies to be equal again', async () => {
      const [now] = await volumes();
      return now?.status.safety === 'Safe' && now.status.copies === '2/2';
    });
  });

  it('makes a copy elsewhere when its node stays away, and loses nothing', async function () {
    this.timeout(hookMs);
    const [volume] = await volumes();
    const holders = volume?.status.places.map(({ node }) => node) ?? [];
    const lost = volume?.status.places.find(({ node }) => node !== 'kube01');
    const third = ['kube01', 'kube02', 'kube03'].find((node) => !holders.includes(node)) ?? '';
    assert.ok(lost !== undefined && third !== '', holders.join());
    await endPod();
    await runPod('kube01', settledMs);
    await runMover(lost.node);
    await started.lab.node(lost.node).cutPower();
    await until('the other pod to be given up and taken for ended', async () => {
      return (await phase('mover')) === 'gone';
    });
    const goneMs = performance.now();
    await runMover(third);
    const tookMs = performance.now() - goneMs;
    process.stdout.write(`${' '.repeat(6)}elsewhere ${seconds(tookMs)} after it was gone\n`);
    await endPod('mover');
    await started.lab.waitFor(
      `the copies on ${third}`,
      async () => {
        const found = await volumes();
        const on = found.map(({ status }) => status.places.map(({ node }) => node));
        const isThere = on.every((nodes) => nodes.includes(third) && !nodes.includes(lost.node));
        return isThere && found.every(({ status }) => status.safety === 'Safe');
      },
      repairedMs,
    );
    const before = await safe();
    await endPod();
    await runPod(third, settledMs);
    assert.ok((await startedFrom()) >= before, `from ${await startedFrom()}, safe was ${before}`);
    await started.lab.node(lost.node).restart();
    const orphan = `${volume?.metadata.name}/${lost.member}`;
    await until('the node to name what it keeps', async () =>
      (await messageOf(lost.node)).includes(orphan),
    );
    const remove = 'rm -r /mnt/nvme/larder/replicas/*';
    await started.lab.node(lost.node).exec(['sh', '-c', remove]);
    await until('the node to be well', async () => (await messageOf(lost.node)) === '');
    await core().deleteNamespacedPersistentVolumeClaim({ name: 'moving', namespace });
    await until('its volume to be gone', async () => (await volumes()).length === 1);
  });

  it('empties a node with four volumes within 60 s, and never with a copy less', async function () {
    this.timeout(settledMs);
    const [used] = await volumes();
    const from =
      used?.status.places.find(({ node }) => node !== used.status.attachedTo)?.node ?? '';
    const spares = ['spare-1', 'spare-2', 'spare-3'];
    for (const name of spares) await makeVolume(name, from);
    const isSafe = ({ status }: VolumeObject) => status.copies === '2/2';
    await until('four volumes', async () => {
      const found = await volumes();
      return found.length === 4 && found.every((each) => each.status.places.every((at) => at.made));
    });
    assert.ok(
      (await volumes()).every(({ status }) => status.places.some((at) => at.node === from)),
    );
    const before = await safe();
    const begunMs = performance.now();
    await evacuate(from, true);
    await started.lab.waitFor(
      `${from} to be empty`,
      async () => {
        const found = await volumes();
        assert.ok(found.every(isSafe), JSON.stringify(found.map(({ status }) => status.message)));
        return found.every(({ status }) => status.places.every(({ node }) => node !== from));
      },
      60_000,
    );
    process.stdout.write(`${' '.repeat(6)}emptied in ${seconds(performance.now() - begunMs)}\n`);
    const left = await started.lab
      .node(from)
      .exec(['find', '/mnt/nvme/larder/replicas', '-type', 'f']);
    assert.equal(left.stdout.trim(), '');
    await until('the writer to go on', async () => (await safe()) > before + 20);
    await evacuate(from, false);
    for (const name of spares) await objects().deleteClusterCustomObject({ ...ofVolumes, name });
    await until('the spare volumes to be gone', async () => (await volumes()).length === 1);
  });

  it('leaves nothing behind when the claim is deleted', async function () {
    this.timeout(settledMs);
    await endPod();
    await core().deleteNamespacedPersistentVolumeClaim({ name: 'data', namespace });
    await until('the volume to be gone', async () => (await volumes()).length === 0);
    for (const node of started.lab.nodes) {
      const found = await node.exec(['find', '/mnt/nvme/larder/replicas', '-type', 'f']);
      assert.equal(found.stdout.trim(), '', node.name);
      const attached = await node.exec(['sh', '-c', 'ls /run/larder/volumes 2>/dev/null']);
      assert.equal(attached.stdout.trim(), '', node.name);
    }
  });

  it('changes nothing when the program runs again', async function () {
    this.timeout(settledMs);
    const read = async () => {
      const sets = await started.lab.kubeConfig
        .makeApiClient(AppsV1Api)
        .listNamespacedDaemonSet({ namespace: 'larder-system' });
      return sets.items.map(({ metadata }) => [metadata?.name, metadata?.generation]);
    };
    const before = await read();
    await started.up();
    assert.deepEqual(await read(), before);
  });

  function core(): CoreV1Api {
    return started.lab.kubeConfig.makeApiClient(CoreV1Api);
  }

  async function until(what: string, ready: () => Promise<boolean>): Promise<void> {
    await started.lab.waitFor(what, ready, settledMs - 5_000);
  }

  function objects(): CustomObjectsApi {
    return started.lab.kubeConfig.makeApiClient(CustomObjectsApi);
  }

  async function volumes(): Promise<readonly VolumeObject[]> {
    const found = (await objects().listClusterCustomObject(ofVolumes)) as {
      readonly items: readonly VolumeObject[];
    };
    return found.items;
  }

  /** Without a claim: the controller places it all the same. */
  async function makeVolume(name: string, on: string): Promise<void> {
    const metadata = {
      name,
      finalizers: [dataFinalizer],
      annotations: { [preferredAnnotation]: on },
    };
    const spec = { sizeBytes: 64 * 2 ** 20, copies: 2 };
    const body = { apiVersion: 'larder.dev/v1alpha1', kind: 'Volume', metadata, spec };
    await objects().createClusterCustomObject({ ...ofVolumes, body });
  }

  async function evacuate(name: string, isWanted: boolean): Promise<void> {
    const plural = 'storagenodes';
    const body = [{ op: 'add', path: '/spec/evacuate', value: isWanted }];
    await objects().patchClusterCustomObject({ ...ofVolumes, plural, name, body });
  }

  async function messageOf(node: string): Promise<string> {
    const found = (await started.lab.kubeConfig
      .makeApiClient(CustomObjectsApi)
      .getClusterCustomObject({
        group: 'larder.dev',
        version: 'v1alpha1',
        plural: 'storagenodes',
        name: node,
      })) as StorageNodeObject;
    return found.status.message;
  }

  async function runPod(node: string, withinMs: number): Promise<void> {
    await core().createNamespacedPod({
      namespace,
      body: {
        metadata: { name: 'writer' },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': node },
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'writer',
              image: started.toolsImage,
              imagePullPolicy: 'Never',
              command: ['sh', '-c', 'touch /data/n; exec node -e "$0"', counting],
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            },
          ],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
        },
      },
    });
    const isRunning = async () => (await phase()) === 'Running';
    await started.lab.waitFor(`the writer on ${node}`, isRunning, withinMs);
  }

  /** A pod that Kubernetes gives up soon after its node falls silent, with a volume of its own. */
  async function runMover(node: string): Promise<void> {
    const metadata = { name: 'moving' };
    const claims = await core().listNamespacedPersistentVolumeClaim({ namespace });
    if (!claims.items.some((each) => each.metadata?.name === metadata.name)) {
      const resources = { requests: { storage: '32Mi' } };
      const spec = { accessModes: ['ReadWriteOnce'], resources };
      await core().createNamespacedPersistentVolumeClaim({ namespace, body: { metadata, spec } });
    }
    const tolerations = ['not-ready', 'unreachable'].map((why) => ({
      key: `node.kubernetes.io/${why}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 5,
    }));
    const container = {
      name: 'mover',
      image: started.toolsImage,
      imagePullPolicy: 'Never',
      command: ['sh', '-c', 'date >> /data/lives; exec sleep 3600'],
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
    };
    const volume = { name: 'data', persistentVolumeClaim: { claimName: metadata.name } };
    const spec = {
      nodeSelector: { 'kubernetes.io/hostname': node },
      tolerations,
      terminationGracePeriodSeconds: 1,
      containers: [container],
      volumes: [volume],
    };
    await core().createNamespacedPod({ namespace, body: { metadata: { name: 'mover' }, spec } });
    await until(`the mover on ${node}`, async () => (await phase('mover')) === 'Running');
  }

  async function endPod(name = 'writer'): Promise<void> {
    await core().deleteNamespacedPod({ name, namespace });
    await until(`${name} to be gone`, async () => (await phase(name)) === 'gone');
  }

  async function phase(name = 'writer'): Promise<string> {
    const { items } = await core().listNamespacedPod({
      namespace,
      fieldSelector: `metadata.name=${name}`,
    });
    return items[0] === undefined ? 'gone' : (items[0].status?.phase ?? '');
  }

  async function log(): Promise<readonly string[]> {
    return (await started.lab.logs({ namespace, pod: 'writer' })).trim().split('\n');
  }

  /** The newest number that the writer knows to be on disks. */
  async function safe(): Promise<number> {
    const last = (await log()).findLast((line) => line.startsWith('safe '));
    return Number(last?.slice(5) ?? '0');
  }

  async function startedFrom(): Promise<number> {
    let from: string | undefined;
    await until('the first line of the writer', async () => {
      from = (await log()).find((line) => line.startsWith('from '));
      return from !== undefined;
    });
    return Number(from?.slice(5));
  }
});

const ofVolumes = { group: 'larder.dev', version: 'v1alpha1', plural: 'volumes' };

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

const isReady = ({ type, status }: { type: string; status: string }) =>
  type === 'Ready' && status === 'True';
