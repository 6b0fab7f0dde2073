/**
 * The lab itself: a real Kubernetes on this machine, the faults that can be made in it, and that
 * nothing is left of it. One lab serves the whole file; what it needs of tools and images comes
 * from the cache.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { AppsV1Api, CoreV1Api, type V1Pod } from '@kubernetes/client-node';
import { labPaths } from '../../lab/base/paths.ts';
import { run } from '../../lab/base/run.ts';
import { Lab, stopLab } from '../../lab/cluster/lab.ts';
import { waitFor } from '../../lab/cluster/wait.ts';
import { skip } from '../support/reporter.ts';
import { differences, type MachineSnapshot, machineSnapshot } from './support/machine-snapshot.ts';
import { nodeOf, podSpec } from './support/pods.ts';
import { labOptions, prepareLab, quietProgress, testLabName } from './support/test-lab.ts';

const settledMs = 60_000;
const disk = '/mnt/nvme';

describe('lab', () => {
  const { state } = labPaths({ ...process.env, LARDER_LAB: testLabName });
  let untouched: MachineSnapshot;
  let lab: Lab;
  let toolsImage: string;

  const core = () => lab.kubeConfig.makeApiClient(CoreV1Api);
  const inPod = (pod: string, ...command: string[]) =>
    lab.exec({ namespace: 'default', pod }, command);
  const createPod = async (
    name: string,
    node: string,
    parts: Parameters<typeof podSpec>[3] = {},
  ) => {
    await core().createNamespacedPod({
      namespace: 'default',
      body: podSpec(name, node, toolsImage, parts),
    });
  };
  const readyPod = async (name: string): Promise<V1Pod> =>
    lab.waitFor(
      `pod ${name} to be ready`,
      async () => {
        const pod = await core().readNamespacedPod({ namespace: 'default', name });
        const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
        if (ready?.status !== 'True') throw new Error(`phase ${pod.status?.phase}`);
        return pod;
      },
      settledMs,
    );
  const removePod = async (name: string) => {
    await core().deleteNamespacedPod({ namespace: 'default', name, gracePeriodSeconds: 0 });
    await lab.waitFor(
      `pod ${name} to be gone`,
      async () => {
        const { items } = await core().listNamespacedPod({ namespace: 'default' });
        return items.every(({ metadata }) => metadata?.name !== name);
      },
      settledMs,
    );
  };
  const readyStatus = async (name: string) => {
    const { status } = await core().readNode({ name });
    return status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  };

  before(async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: namespaces, mounts, loop devices');
    await stopLab(state, testLabName, quietProgress); // of a run that was killed
    const context = await prepareLab(state);
    untouched = await machineSnapshot(testLabName);
    toolsImage = context.images.tools.reference;
    lab = await Lab.start(labOptions, context);
    await createPod('web', 'kube01');
    await createPod('client', 'kube02');
    await Promise.all([readyPod('web'), readyPod('client')]);
  });

  after(async () => {
    await stopLab(state, testLabName, quietProgress);
  });

  describe('cluster', () => {
    it('has every node Ready, with the address, the labels and the disk it was given', async () => {
      const { items } = await core().listNode();
      const names = new Set(items.map(({ metadata }) => metadata?.name));
      assert.deepEqual(names, new Set(['kube01', 'kube02', 'kube03']));
      for (const name of ['kube01', 'kube02', 'kube03'])
        assert.equal(await readyStatus(name), 'True');
      const node = items.find(({ metadata }) => metadata?.name === 'kube01');
      assert.equal(node?.metadata?.labels?.['storage'], 'fast-ssd');
      const { stdout } = await lab.node('kube01').exec(['findmnt', '-n', '-o', 'FSTYPE', disk]);
      assert.equal(stdout, 'ext4');
    });

    it('carries packets from pod to pod across nodes', async () => {
      const web = await readyPod('web');
      const seen = await inPod(
        'client',
        'node',
        '-e',
        fetchScript(`http://${web.status?.podIP}:80/`),
      );
      assert.deepEqual([seen.stdout, seen.code], ['hello from web', 0]);
    });

    it('finds a service by name and reaches it on its cluster address', async () => {
      await core().createNamespacedService({
        namespace: 'default',
        body: {
          metadata: { name: 'web' },
          spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
        },
      });
      await lab.waitFor(
        'the service web to answer',
        async () => {
          const { stdout } = await inPod('client', 'node', '-e', fetchScript('http://web/'));
          return stdout === 'hello from web';
        },
        settledMs,
      );
      const name = 'web.default.svc.cluster.local';
      const { stdout } = await inPod('client', 'getent', 'hosts', name);
      assert.match(stdout, /^10\.68\./);
    });

    it('hands out the exit code, the output and the errors of a command in a pod', async () => {
      const seen = await inPod('client', 'sh', '-c', 'echo out; echo err >&2; exit 7');
      assert.deepEqual([seen.stdout, seen.stderr, seen.code], ['out', 'err', 7]);
    });

    it('hands out logs and events', async () => {
      assert.match(await lab.logs({ namespace: 'default', pod: 'web' }), /listening/);
      const events = await lab.events('default');
      assert.ok(events.some(({ involvedObject }) => involvedObject.name === 'web'));
    });

    it('names what was waited for when it does not come', async () => {
      await assert.rejects(
        lab.waitFor('the moon', async () => false, 200),
        /Waited 0 s for the moon/,
      );
    });
  });

  describe('disk', () => {
    before(async () => {
      await createPod('writer', 'kube03', { hostPath: disk });
      await readyPod('writer');
    });

    after(async () => {
      await removePod('writer');
    });

    it('gives ENOSPC to pods while it is full and takes writes again when freed', async () => {
      const node = lab.node('kube03');
      await node.fillDisk(disk);
      const refused = await inPod(
        'writer',
        'dd',
        'if=/dev/zero',
        'of=/data/more',
        'bs=1M',
        'count=1',
      );
      assert.match(refused.stderr, /No space left on device/);
      await node.freeDisk(disk);
      const taken = await inPod('writer', 'sh', '-c', 'echo kept > /data/kept && sync');
      assert.equal(taken.code, 0, taken.stderr);
    });

    it('gives EIO while it is gone, and its synced content when it is back', async () => {
      const node = lab.node('kube03');
      await node.detachDisk(disk);
      const refused = await inPod('writer', 'sh', '-c', 'cat /data/kept || echo x > /data/more');
      assert.match(refused.stderr, /Input\/output error/);
      await node.attachDisk(disk);
      const { stdout } = await node.exec(['cat', `${disk}/kept`]);
      assert.equal(stdout, 'kept');
    });

    it('shows an empty folder of the system disk when it is unmounted', async () => {
      const node = lab.node('kube03');
      await node.detachDisk(disk, 'unmounted');
      const source = await node.exec(['findmnt', '-n', '-o', 'TARGET', '--target', disk]);
      assert.equal(source.stdout, '/');
      assert.equal((await node.exec(['ls', '-A', disk])).stdout, '');
      await node.attachDisk(disk);
      assert.equal((await node.exec(['cat', `${disk}/kept`])).stdout, 'kept');
    });

    it('can be replaced by an empty one, also over a restart, and put back', async () => {
      const node = lab.node('kube03');
      await node.detachDisk(disk, 'unmounted');
      await node.attachDisk(disk, 'empty');
      assert.equal((await node.exec(['ls', '-A', disk])).stdout, 'lost+found');
      await node.restart();
      assert.equal((await node.exec(['ls', '-A', disk])).stdout, 'lost+found');
      await node.detachDisk(disk, 'unmounted');
      await node.attachDisk(disk);
      assert.equal((await node.exec(['cat', `${disk}/kept`])).stdout, 'kept');
    });

    it('refuses a second disk and a path that is none', async () => {
      const node = lab.node('kube03');
      await assert.rejects(node.attachDisk(disk), /There is a disk at \/mnt\/nvme .* already/);
      await assert.rejects(node.fillDisk('/mnt/other'), /has no disk at \/mnt\/other/);
      assert.throws(() => lab.node('kube09'), /The lab has no node kube09/);
    });
  });

  describe('node', () => {
    it('loses its power with every process of it, and is Ready again with its pods', async () => {
      const node = lab.node('kube01');
      await node.exec(['sh', '-c', `echo written > ${disk}/file`]);
      // As a volume's: a block device over a file system that only the node has.
      const attach =
        'mkdir /run/volume && mount -t tmpfs none /run/volume && truncate -s 1M /run/volume/image && ' +
        'losetup --find --show /run/volume/image';
      const device = (await node.exec(['sh', '-c', attach])).stdout.trim();
      assert.ok((await boundLoopDevices()).includes(device), device);
      await node.cutPower();
      assert.deepEqual(await nodeOf(testLabName, 'kube01'), []);
      assert.ok(!(await boundLoopDevices()).includes(device), `${device} outlived its node`);
      await assert.rejects(node.exec(['true']), /kube01 is off/);
      await lab.waitFor(
        'kube01 to be missed',
        async () => (await readyStatus('kube01')) === 'Unknown',
        settledMs,
      );
      await node.restart();
      assert.equal(await readyStatus('kube01'), 'True');
      assert.equal((await node.exec(['cat', `${disk}/file`])).stdout, 'written');
      const web = await readyPod('web');
      assert.equal(web.status?.containerStatuses?.[0]?.restartCount, 1);
    });

    it('is Unknown while its cable is out and Ready when it is back, its pods untouched', async () => {
      const node = lab.node('kube02');
      const started = (await readyPod('client')).status?.containerStatuses?.[0]?.containerID;
      await node.disconnect();
      await lab.waitFor(
        'kube02 to be missed',
        async () => (await readyStatus('kube02')) === 'Unknown',
        settledMs,
      );
      await node.reconnect();
      await lab.waitFor(
        'kube02 to be back',
        async () => (await readyStatus('kube02')) === 'True',
        settledMs,
      );
      const pod = await readyPod('client');
      assert.equal(pod.status?.containerStatuses?.[0]?.containerID, started);
    });
  });

  describe('start', () => {
    it('takes a moment when the lab runs, and changes no process of it', async () => {
      const processes = recordedProcesses(state);
      await Lab.start(labOptions, await prepareLab(state));
      assert.deepEqual(recordedProcesses(state), processes);
    });

    it('starts what has died and leaves the rest alone', async () => {
      const was = recordedProcesses(state);
      const scheduler = was['kube-scheduler'];
      assert.ok(scheduler);
      process.kill(scheduler.pid, 'SIGKILL');
      await lab.node('kube03').cutPower();
      lab = await Lab.start(labOptions, await prepareLab(state));
      const is = recordedProcesses(state);
      assert.notDeepEqual(is['kube-scheduler'], scheduler);
      assert.deepEqual(is['etcd'], was['etcd']);
      assert.equal(await readyStatus('kube03'), 'True');
    });

    it('keeps the cluster and its data when every process was killed', async () => {
      for (const { pid } of Object.values(recordedProcesses(state))) kill(pid);
      lab = await Lab.start(labOptions, await prepareLab(state));
      const { items } = await lab.kubeConfig
        .makeApiClient(AppsV1Api)
        .listNamespacedDeployment({ namespace: 'default' });
      assert.deepEqual(items, []);
      await readyPod('web');
      assert.equal((await lab.node('kube01').exec(['cat', `${disk}/file`])).stdout, 'written');
    });

    it('refuses an API port that somebody holds, and names the holder', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      assert.ok(address !== null && typeof address === 'object');
      const context = await prepareLab(`${state}-other`);
      await assert.rejects(
        Lab.start({ ...labOptions, name: `${testLabName}-o`, apiPort: address.port }, context),
        new RegExp(`Port ${address.port} .* in use by .*process ${process.pid}`),
      );
      server.close();
      assert.equal(existsSync(path.join(`${state}-other`, 'lab.json')), false);
    });

    it('goes on after its starter was killed at any step, and stop removes what that left', async () => {
      await stopLab(state, testLabName, quietProgress);
      for (const until of ['pki', 'nodes/kube02/root.img', 'nodes/kube03/log/kubelet.log']) {
        const starter = await startAndKill(state, path.join(state, until));
        assert.equal(starter.signalCode, 'SIGKILL', `it was done before ${until} appeared`);
        await stopLab(state, testLabName, quietProgress);
        assert.deepEqual(differences(untouched, await machineSnapshot(testLabName)), [], until);
      }
      await startAndKill(state, path.join(state, 'nodes/kube02/root.img'));
      await startAndKill(state, path.join(state, 'nodes/kube03/log/kubelet.log'));
      lab = await Lab.start(labOptions, await prepareLab(state));
      assert.equal(await readyStatus('kube01'), 'True');
    });
  });

  describe('stop', () => {
    it('leaves the machine as it was, within 15 s', async () => {
      const begunMs = performance.now();
      const removed = await lab.stop(quietProgress);
      const tookMs = performance.now() - begunMs;
      assert.ok(removed.processes > 10, `only ${removed.processes} processes were removed`);
      assert.ok(tookMs < 15_000, `took ${tookMs} ms`);
      assert.deepEqual(differences(untouched, await machineSnapshot(testLabName)), []);
      assert.equal(existsSync(state), false);
    });

    it('finds nothing to do a second time', async () => {
      const removed = await stopLab(state, testLabName, quietProgress);
      assert.deepEqual(removed, { processes: 0, loopDevices: 0, cgroups: 0, folder: false });
    });
  });
});

async function boundLoopDevices(): Promise<readonly string[]> {
  const { stdout } = await run('losetup', ['--list', '--noheadings', '--output', 'NAME']);
  return stdout.split('\n').map((line) => line.trim());
}

function fetchScript(url: string): string {
  return `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(3000) }).then((r) => r.text()).then((t) => process.stdout.write(t))`;
}

function recordedProcesses(state: string): Record<string, { pid: number; startTime: string }> {
  const record = JSON.parse(readFileSync(path.join(state, 'lab.json'), 'utf8')) as {
    processes: Record<string, { pid: number; startTime: string }>;
  };
  return record.processes;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended with another one.
  }
}

/** A starter of its own, killed in the moment the file appears. */
async function startAndKill(state: string, file: string): Promise<ChildProcess> {
  mkdirSync(path.dirname(state), { recursive: true });
  const program = path.join(import.meta.dirname, 'support', 'start-lab.ts');
  const starter = spawn(process.execPath, [program, state], { stdio: 'ignore' });
  const ended = once(starter, 'exit');
  await waitFor(
    `${file} to appear`,
    async () => existsSync(file) || starter.exitCode !== null,
    settledMs,
  );
  starter.kill('SIGKILL');
  await ended;
  return starter;
}
