/**
 * Our devices on the kernel's own NBD client: run in a virtual machine by
 * `test/system/guest.spec.ts`, or on any machine whose kernel has the module, as root.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  endKernelDevice,
  kernelDeviceOf,
  makeKernelDevice,
  reconnectKernelDevice,
} from '../../dataplane/host/kernel-nbd.ts';
import { chooseAttach } from '../../dataplane/host/node-attacher.ts';
import { run } from '../../lab/base/run.ts';
import { waitFor } from '../../lab/cluster/wait.ts';
import { MemoryBlocks } from '../support/nbd/memory-blocks.ts';
import { Serving } from '../support/nbd/serving.ts';
import { AttachedVolume } from '../system/support/attached-volume.ts';

const mebibyte = 2 ** 20;

describe("the kernel's NBD client", function () {
  this.timeout(120_000);
  let attached: AttachedVolume | undefined;

  afterEach(async () => {
    await attached?.drop();
    attached = undefined;
    assert.deepEqual(backends(), [], 'no device is left');
  });

  it('is what this node chooses, with its reason', async () => {
    const choice = await chooseAttach();
    assert.equal(choice.kind, 'kernel');
    assert.match(choice.because, /^kernel [0-9.]+\S* has nbd$/);
  });

  it('sends flush and FUA, and goes on with no other backend', async () => {
    const blocks = new MemoryBlocks(16 * mebibyte, { recording: true });
    await using serving = await Serving.unix(blocks);
    const from = { socket: serving.socket, name: 'disk', backend: serving.socket };
    const name = await makeKernelDevice(from);
    try {
      const write = ['if=/dev/zero', `of=/dev/${name}`, 'bs=4k', 'count=1'];
      await run('dd', [...write, 'oflag=direct,dsync']);
      assert.ok(blocks.calls?.includes('write 0 4096 fua'), blocks.calls?.join(', '));
      await run('dd', [...write, 'conv=fsync']);
      assert.ok(blocks.calls?.includes('flush 0 0'), blocks.calls?.join(', '));
      assert.equal(await kernelDeviceOf(from.backend), name);
      const other = { ...from, backend: 'another' };
      await assert.rejects(reconnectKernelDevice(name, other), { code: 'disk.failed' });
    } finally {
      await endKernelDevice(name);
    }
    assert.equal(await kernelDeviceOf(from.backend), undefined);
  });

  it('sees no error when the engine leaves in good order or is killed under a writer', async () => {
    attached = await AttachedVolume.make(64 * mebibyte);
    const device = await attached.attach();
    const write = ['if=/dev/urandom', `of=${device}`, 'bs=64k', 'count=512', 'oflag=direct'];
    const writing = run('dd', write);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      attached.signalEngine(signal);
      await attached.engineEnds();
      await attached.mend();
    }
    await writing;
    await attached.detach();
    assert.equal(await attached.running.compareCopies(), 'equal');
  });

  it('gives errors, and nothing waits, when the volume is attached elsewhere', async () => {
    attached = await AttachedVolume.make(16 * mebibyte);
    const device = await attached.attach();
    attached.signalEngine('SIGKILL');
    await attached.engineEnds();
    const write = ['if=/dev/zero', `of=${device}`, 'bs=4k', 'count=1', 'oflag=direct'];
    const dd = spawn('dd', write, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    dd.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const ended = once(dd, 'close');
    const waits = async () => /\) D /.test(await readFile(`/proc/${dd.pid}/stat`, 'utf8'));
    await waitFor('dd to wait in the kernel', waits, 30_000);
    await attached.cutOff();
    await ended;
    assert.equal(dd.exitCode, 1, said);
    assert.match(said, /Input\/output error/);
  });
});

/** Devices that are somebody's. */
function backends(): readonly string[] {
  const names = readdirSync('/sys/block').filter((name) => /^nbd\d+$/.test(name));
  return names.filter((name) => {
    try {
      return readFileSync(path.join('/sys/block', name, 'backend'), 'utf8').trim() !== '';
    } catch {
      return false;
    }
  });
}
