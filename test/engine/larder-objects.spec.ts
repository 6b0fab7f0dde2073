import assert from 'node:assert/strict';
import path from 'node:path';
import { execa } from 'execa';
import {
  storageNodeObject,
  type VolumeObject,
  type VolumeSpec,
} from '../../dataplane/control/objects.ts';
import type { Changed } from '../../dataplane/ports/objects.ts';
import { KubernetesCluster } from '../../dataplane/host/kubernetes-cluster.ts';
import { KubeClient } from '../../dataplane/host/kube-client.ts';
import { claimed } from '../../dataplane/volume/record.ts';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { waitFor } from '../../lab/cluster/wait.ts';
import { type TestApiServer, useApiServer } from './support/api-server.ts';
import {
  type LarderApi,
  recordOf,
  useLarderObjects,
  volumeNamed,
} from './support/larder-objects.ts';

/** What the generated CRDs and our own client do on a real API server. */
describe('objects of larder.dev', () => {
  let api: TestApiServer;
  let larder: LarderApi;
  before(async function () {
    api = await useApiServer(this);
    larder = await useLarderObjects(api);
  });

  async function made(name: string): Promise<VolumeObject> {
    return written(await larder.objects.volumes.create(volumeNamed(name)));
  }

  it('keeps what is written, with the defaults of the schema', async () => {
    const name = api.uniqueName('v');
    const volume = await made(name);
    assert.equal(volume.status.safety, 'Creating');
    const status = { ...volume.status, record: recordOf(name), attachedTo: 'kube01' };
    written(await larder.objects.volumes.putStatus({ ...volume, status }));
    assert.deepEqual((await larder.objects.volumes.get(name))?.status, status);
  });

  for (const [what, spec] of [
    ['smaller than 4 MiB', { sizeBytes: 4096 }],
    ['not of whole blocks', { sizeBytes: 4 * 2 ** 20 + 1 }],
    ['of more copies than there may be', { copies: 4 }],
    ['of a content nobody knows', { content: 'ntfs' as 'ext4' }],
    ['with a disk tag that cannot be a name', { diskTags: ['../etc'] }],
  ] satisfies [string, Partial<VolumeSpec>][]) {
    it(`refuses a volume ${what}`, async () => {
      const outcome = await larder.objects.volumes.create(volumeNamed(api.uniqueName('bad'), spec));
      assert.equal(outcome.kind, 'refused');
    });
  }

  it('refuses to shrink a volume and says so', async () => {
    const volume = await made(api.uniqueName('v'));
    const smaller = { ...volume, spec: { ...volume.spec, sizeBytes: 8 * 2 ** 20 } };
    const grown = written(await larder.objects.volumes.put(smaller));
    const outcome = await larder.objects.volumes.put({
      ...grown,
      spec: { ...grown.spec, sizeBytes: 4 * 2 ** 20 },
    });
    assert.match(outcome.kind === 'refused' ? outcome.message : '', /never shrinks/);
  });

  it('changes nothing when somebody wrote since', async () => {
    const volume = await made(api.uniqueName('v'));
    const say = (message: string) => ({ ...volume, status: { ...volume.status, message } });
    written(await larder.objects.volumes.putStatus(say('first')));
    const late = await larder.objects.volumes.putStatus(say('second'));
    assert.equal(late.kind, 'conflict');
    const found = await larder.objects.volumes.get(volume.metadata.name);
    assert.equal(found?.status.message, 'first');
  });

  it('does not delete another volume of the same name', async () => {
    const name = api.uniqueName('v');
    const old = await made(name);
    written(await larder.objects.volumes.remove(old));
    await made(name);
    assert.equal((await larder.objects.volumes.remove(old)).kind, 'conflict');
    assert.notEqual(await larder.objects.volumes.get(name), undefined);
  });

  it('is mirrored by what changes, with what this process wrote itself', async () => {
    const name = api.uniqueName('v');
    const hints: string[] = [];
    using mirror = larder.objects.volumes.mirror((now, before) => {
      if ([now, before].some((volume) => volume?.metadata.name === name)) {
        hints.push(`${before?.status.message ?? 'none'} -> ${now?.status.message ?? 'none'}`);
      }
    });
    const seen = async () => (await mirror.all()).find(({ metadata }) => metadata.name === name);
    assert.equal(await seen(), undefined);
    const volume = await made(name);
    mirror.learn(volume);
    assert.equal((await seen())?.metadata.uid, volume.metadata.uid);
    const status = { ...volume.status, message: 'hello' };
    written(await larder.objects.volumes.putStatus({ ...volume, status }));
    const limit = { hint: 'a watch brings changes at once' };
    const told = async () => (await seen())?.status.message === 'hello';
    await waitFor('the change', told, 5_000, limit);
    written(await larder.objects.volumes.remove(volume));
    await waitFor('the end', async () => (await seen()) === undefined, 5_000, limit);
    assert.deepEqual(hints.slice(-2), [' -> hello', 'hello -> none']);
  });

  it('leaves out a bent object and goes on with the others', async () => {
    const good = await made(api.uniqueName('v'));
    const names = (await larder.objects.volumes.list()).map(({ metadata }) => metadata.name);
    assert.ok(names.includes(good.metadata.name));
  });

  describe('as the configuration manager', () => {
    async function recorded() {
      const volume = await made(api.uniqueName('v'));
      const { name } = volume.metadata;
      const status = { ...volume.status, record: recordOf(name) };
      written(await larder.objects.volumes.putStatus({ ...volume, status }));
      return { name, cluster: new KubernetesCluster(larder.client) };
    }

    it('swaps on the version that was read and on no other', async () => {
      const { name, cluster } = await recorded();
      const first = await cluster.read(name);
      const next = claimed(first.record, 'engine');
      const outcome = await cluster.swap(name, first.version, next);
      assert.equal(outcome.kind, 'written');
      const late = await cluster.swap(name, first.version, claimed(first.record, 'late'));
      assert.deepEqual(late, { kind: 'conflict' });
      assert.deepEqual((await cluster.read(name)).record, next);
    });

    it('lets one of many that swap at once through', async () => {
      const { name, cluster } = await recorded();
      const { version, record } = await cluster.read(name);
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, async (_, index) =>
          cluster.swap(name, version, claimed(record, `engine ${index}`)),
        ),
      );
      assert.equal(outcomes.filter(({ kind }) => kind === 'written').length, 1);
      assert.equal(outcomes.filter(({ kind }) => kind === 'conflict').length, 7);
    });

    it('leaves what others wrote into the status as it is', async () => {
      const { name, cluster } = await recorded();
      const found = await larder.objects.volumes.get(name);
      assert.ok(found !== undefined);
      const status = { ...found.status, attachedTo: 'kube02', message: 'words' };
      written(await larder.objects.volumes.putStatus({ ...found, status }));
      const { version, record } = await cluster.read(name);
      await cluster.swap(name, version, claimed(record, 'engine'));
      const after = await larder.objects.volumes.get(name);
      assert.equal(after?.status.attachedTo, 'kube02');
      assert.equal(after?.status.message, 'words');
      assert.equal(after?.status.record?.writer, 'engine');
    });

    it('hints when somebody writes the volume, and not when another is written', async () => {
      const { name, cluster } = await recorded();
      const other = await recorded();
      let hints = 0;
      let tell: () => void = () => {};
      using _watch = cluster.watch(name, () => {
        hints += 1;
        tell();
      });
      // The watch begins with what is there.
      const next = async () =>
        new Promise<void>((resolve) => {
          tell = resolve;
        });
      await next();
      const before = hints;
      const unheard = await other.cluster.read(other.name);
      await other.cluster.swap(other.name, unheard.version, claimed(unheard.record, 'x'));
      const heard = next();
      const { version, record } = await cluster.read(name);
      await cluster.swap(name, version, claimed(record, 'somebody'));
      await heard;
      assert.equal(hints, before + 1);
    });

    it('takes a write of somebody else for a conflict', async () => {
      const { name, cluster } = await recorded();
      const { version, record } = await cluster.read(name);
      const found = await larder.objects.volumes.get(name);
      assert.ok(found !== undefined);
      const status = { ...found.status, message: 'words' };
      written(await larder.objects.volumes.putStatus({ ...found, status }));
      const outcome = await cluster.swap(name, version, claimed(record, 'engine'));
      assert.deepEqual(outcome, { kind: 'conflict' });
    });

    it('refuses a new volume under the name of the one it opened', async () => {
      const { name, cluster } = await recorded();
      await cluster.read(name);
      const old = await larder.objects.volumes.get(name);
      assert.ok(old !== undefined);
      written(await larder.objects.volumes.remove(old));
      const again = await made(name);
      const status = { ...again.status, record: recordOf(name) };
      written(await larder.objects.volumes.putStatus({ ...again, status }));
      await assert.rejects(cluster.read(name), /another volume of the same name/);
    });

    it('says unreachable of a read and unknown of a swap when nobody answers', async () => {
      const cluster = new KubernetesCluster(new KubeClient({ server: 'https://127.0.0.1:2' }));
      await assert.rejects(cluster.read('v'), { code: 'cluster.unreachable' });
      const outcome = await cluster.swap('v', '1', recordOf('v'));
      assert.deepEqual(outcome, { kind: 'unknown' });
    });
  });

  /** The commands as one types them; what they decide is in test/unit/operator. */
  describe('as an operator sees them', () => {
    const typed = async (...args: string[]) => {
      const program = path.join(repositoryRoot, 'operator/larder.ts');
      const env = { KUBECONFIG: api.kubeconfig };
      const options = { env, reject: false, stdin: 'ignore' } as const;
      return execa(process.execPath, [program, ...args], options);
    };

    it('shows what is there, with the claim that asked for it, and marks a node to be emptied', async () => {
      const { metadata } = await made(api.uniqueName('v'));
      const post = async (at: string, body: object) =>
        larder.client.send({ method: 'POST', path: at, body });
      const claim = api.uniqueName('claim');
      await post('/api/v1/persistentvolumes', {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: metadata.name },
        spec: {
          capacity: { storage: '4Mi' },
          accessModes: ['ReadWriteOnce'],
          claimRef: { namespace: 'apps', name: claim },
          csi: { driver: 'csi.larder.dev', volumeHandle: metadata.name },
        },
      });
      const node = storageNodeObject.parse({
        metadata: { name: api.uniqueName('kube') },
        spec: { disks: [{ name: 'disk', path: '/mnt/disk' }] },
      });
      written(await larder.objects.storageNodes.create(node));
      const { name } = node.metadata;
      const looked = await typed('volume', claim, '--json');
      const facts = JSON.parse(looked.stdout) as { name: string; claim: string; safety: string };
      assert.equal(facts.claim, `apps/${claim}`);
      assert.deepEqual([facts.name, facts.safety], [metadata.name, 'Creating']);
      assert.equal(looked.exitCode, 3);
      const done = await typed('drain', name, '--yes');
      assert.equal(done.exitCode, 0, done.stderr);
      assert.match(done.stdout, new RegExp(`${name} is empty`));
      const marked = await larder.objects.storageNodes.get(name);
      assert.deepEqual(marked?.spec, { ...node.spec, evacuate: true });
      const undone = await typed('drain', name, '--undo');
      assert.match(undone.stdout, /is emptied no more/);
      assert.equal((await larder.objects.storageNodes.get(name))?.spec.evacuate, false);
    });
  });
});

function written<T>(outcome: Changed<T>): T {
  if (outcome.kind === 'written') return outcome.object;
  throw new Error(`not written: ${JSON.stringify(outcome)}`);
}
