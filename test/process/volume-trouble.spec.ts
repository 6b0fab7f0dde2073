/** What befalls the surroundings of a volume, with real stores on a real file system. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { mock } from 'node:test';
import { NbdClient } from '../../dataplane/drive/nbd-client.ts';
import { HostClock } from '../../dataplane/host/clock.ts';
import { DirectoryCluster } from '../../dataplane/host/cluster.ts';
import { HostConnector } from '../../dataplane/host/link.ts';
import { connectNbd } from '../../dataplane/host/nbd-connect.ts';
import { VolumeService } from '../../dataplane/main/volume-service.ts';
import type { BlockOutcome } from '../../dataplane/ports/block-service.ts';
import type { Cluster } from '../../dataplane/ports/cluster.ts';
import { waitFor } from '../../lab/cluster/wait.ts';
import { blockBytes, VolumeInProcess } from './volume-in-process.ts';

const sizeBytes = 64 * blockBytes;
const patienceMs = 15_000;
const tenYearsMs = 10 * 365 * 86_400_000;

describe('volume in trouble', function () {
  this.timeout(30_000);
  let running: VolumeInProcess;

  beforeEach(async () => {
    running = await VolumeInProcess.make(['left', 'right'], sizeBytes);
  });

  afterEach(async () => {
    await running.dispose();
  });

  const write = async (fill: number): Promise<BlockOutcome> =>
    running.engine.write(0, Buffer.alloc(sizeBytes, fill), { fua: true });

  async function holds(fill: number): Promise<void> {
    const found = await running.engine.read({ offsetBytes: 0, lengthBytes: sizeBytes });
    assert.ok(found.kind === 'data');
    assert.ok(Buffer.alloc(sizeBytes, fill).equals(found.bytes), `not all bytes are ${fill}`);
  }

  it('goes on while its record is out of reach, and freezes when a member is lost meanwhile', async () => {
    const record = path.join(running.directory, 'record');
    renameSync(record, `${record}.away`);
    // A directory that holds no record: what a manager gives that is not there.
    mkdirSync(record);
    assert.deepEqual(await write(1), { kind: 'done' });
    await running.stopMember('right');
    const frozen = write(2);
    const waits = async () => Promise.resolve(/record/.test(running.engine.reason));
    await waitFor('the engine to say that it waits for the record', waits, patienceMs);
    assert.equal(await Promise.race([frozen, Promise.resolve('nothing yet')]), 'nothing yet');
    renameSync(record, `${record}.empty`);
    renameSync(`${record}.away`, record);
    assert.deepEqual(await frozen, { kind: 'done' });
    await running.untilInSync('left');
    await holds(2);
  });

  it('goes on when the clock of the machine is set back ten years, also when members come and go', async () => {
    assert.deepEqual(await write(1), { kind: 'done' });
    mock.timers.enable({ apis: ['Date'], now: Date.now() - tenYearsMs });
    try {
      assert.deepEqual(await write(2), { kind: 'done' });
      await running.stopMember('right');
      await running.untilInSync('left');
      assert.deepEqual(await write(3), { kind: 'done' });
      await running.startMember('right');
      await running.untilInSync('left', 'right');
      await running.stopMember('left');
      await running.untilInSync('right');
      await holds(3);
    } finally {
      mock.timers.reset();
    }
  });

  it('notes in the record that it is an older one, and stays closed until a person has looked', async () => {
    assert.deepEqual(await write(1), { kind: 'done' });
    running.engine.stop();
    await running.engine.end();
    const { epoch } = await running.record();
    await running.changeRecord((record) => ({ ...record, epoch: epoch - 1, writer: '' }));
    await assert.rejects(running.startEngine(), { code: 'cluster.rolled-back' });
    assert.match((await running.record()).doubt, /has promised epoch \d+ to another engine/);
    await assert.rejects(running.startEngine(), { code: 'cluster.rolled-back' });
    assert.equal((await running.record()).epoch, epoch, 'a record in doubt is not claimed');
    await running.changeRecord((record) => ({ ...record, doubt: '' }));
    await running.startEngine();
    await holds(1);
  });

  it('leaves its neighbour in the same process alone when a bug ends it, and comes back by itself', async () => {
    const other = await VolumeInProcess.make(['left', 'right'], sizeBytes);
    let sick = false;
    const services = [running, other].map((volume) => {
      const cluster = new DirectoryCluster(path.join(volume.directory, 'record'));
      const broken = async () => {
        if (sick && volume === running) throw new TypeError('undefined is not a function');
        return cluster.read('test-volume');
      };
      const faulty: Cluster = {
        read: broken,
        swap: async (...request) => cluster.swap(...request),
        watch: (...request) => cluster.watch(...request),
      };
      const trouble: string[] = [];
      const log = { info: () => {}, warn: (text: string) => void trouble.push(text) };
      const ports = { clock: new HostClock(), connector: new HostConnector(undefined), log };
      const socket = path.join(volume.directory, 'nbd');
      const named = { volume: 'test-volume', cluster: faulty, socket, preferred: '' };
      const service = new VolumeService(ports, named);
      return { service, socket, trouble, end: service.run() };
    });
    const [first, second] = services;
    assert.ok(first !== undefined && second !== undefined);
    try {
      const bytes = Buffer.alloc(blockBytes, 5);
      const neighbour = await opened(second.socket);
      const client = await opened(first.socket);
      assert.equal((await client.write(0, bytes, { fua: true })).kind, 'done');
      sick = true;
      // Whatever is written beside the record makes its engine look, and meet the bug.
      writeFileSync(path.join(running.directory, 'record', 'record.hint'), '');
      const ended = async () => Promise.resolve(first.trouble.some((one) => /a bug/.test(one)));
      await waitFor('the bug to end one of the two', ended, patienceMs);
      assert.equal((await neighbour.write(0, bytes, { fua: true })).kind, 'done');
      sick = false;
      const again = await opened(first.socket);
      const found = await again.read({ offsetBytes: 0, lengthBytes: blockBytes });
      assert.ok(found.kind === 'data');
      assert.ok(bytes.equals(found.bytes), 'what was flushed before the bug is there');
      assert.equal((await neighbour.read({ offsetBytes: 0, lengthBytes: 4096 })).kind, 'data');
      assert.deepEqual(
        second.trouble.filter((one) => /a bug/.test(one)),
        [],
      );
      await Promise.all([neighbour.disconnect(), again.disconnect()]);
    } finally {
      for (const { service } of services) service.stop();
      await Promise.all(services.map(async ({ end }) => end));
      await other.dispose();
    }
  });
});

/** As soon as somebody serves there. */
async function opened(socket: string): Promise<NbdClient> {
  const look = async () => NbdClient.open(await connectNbd({ path: socket }));
  return waitFor(`somebody to serve on ${socket}`, look, patienceMs);
}
