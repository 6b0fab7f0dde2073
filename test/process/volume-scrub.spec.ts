/** The scrub of a volume with real stores on a real file system, over sockets (I-21). */
import assert from 'node:assert/strict';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from '../../lab/cluster/wait.ts';
import { blockBytes, VolumeInProcess } from './volume-in-process.ts';

const blocks = 256;
const patienceMs = 15_000;

describe('scrub of a volume', function () {
  this.timeout(30_000);
  let running: VolumeInProcess;

  beforeEach(async () => {
    running = await VolumeInProcess.make(['left', 'right'], blocks * blockBytes);
  });

  afterEach(async () => {
    await running.dispose();
  });

  it('answers with an error where every copy is corrupt, and only there, until it is written', async () => {
    const bytes = Buffer.alloc(blocks * blockBytes, 'something to keep ');
    assert.deepEqual(await running.engine.write(0, bytes, { fua: true }), { kind: 'done' });
    for (const member of ['left', 'right']) {
      flip(member, 100 * blockBytes);
    }
    const read = async (block: number) =>
      running.engine.read({ offsetBytes: block * blockBytes, lengthBytes: blockBytes });
    const lost = await read(100);
    assert.ok(lost.kind === 'failed' && lost.reason === 'io', `block 100: ${lost.kind}`);
    assert.match(lost.fault.message, /Block 100 matches its checksum on no in-sync member/);
    for (const block of [99, 101]) assert.equal((await read(block)).kind, 'data');
    const again = bytes.subarray(0, blockBytes);
    const written = await running.engine.write(100 * blockBytes, again, { fua: true });
    assert.deepEqual(written, { kind: 'done' });
    assert.equal((await read(100)).kind, 'data');
  });

  it('mends what only a snapshot shows where it lies, and says so when no copy has it', async () => {
    const old = Buffer.alloc(blocks * blockBytes, 'an old state ');
    assert.deepEqual(await running.engine.write(0, old, { fua: true }), { kind: 'done' });
    assert.deepEqual(await running.engine.snapshot('monday'), { kind: 'done' });
    const now = Buffer.alloc(2 * blockBytes, 'a new state ');
    const at = 100 * blockBytes;
    assert.deepEqual(await running.engine.write(at, now, { fua: true }), { kind: 'done' });
    flip('right', at);
    flip('left', at + blockBytes);
    flip('right', at + blockBytes);
    const met = async () => {
      const { repairedBlocks, lostBlocks } = running.engine.scrub;
      return Promise.resolve(repairedBlocks === 1 && lostBlocks > 0);
    };
    await waitFor('block 100 to be mended and block 101 to be missed', met, patienceMs);
    assert.ok(blockOf('right', 100).equals(old.subarray(at, at + blockBytes)), 'mended in place');
    assert.equal(running.engine.scrub.differedBlocks, 0);
    const found = await running.engine.read({ offsetBytes: at, lengthBytes: now.length });
    assert.ok(found.kind === 'data' && now.equals(found.bytes), 'the volume was never touched');
  });

  const fileOf = (member: string) => path.join(running.directory, member, 'data-1');

  function flip(member: string, at: number): void {
    const file = openSync(fileOf(member), 'r+');
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, at);
    writeSync(file, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
    closeSync(file);
  }

  function blockOf(member: string, block: number): Buffer {
    const file = openSync(fileOf(member), 'r');
    const bytes = Buffer.alloc(blockBytes);
    readSync(file, bytes, 0, blockBytes, block * blockBytes);
    closeSync(file);
    return bytes;
  }

  it('repairs the file of the member that is not read when a byte of it flips', async () => {
    const bytes = Buffer.alloc(blocks * blockBytes, 'something to keep ');
    assert.deepEqual(await running.engine.write(0, bytes, { fua: false }), { kind: 'done' });
    assert.deepEqual(await running.engine.flush(), { kind: 'done' });
    const at = 100 * blockBytes + 7;
    const file = openSync(path.join(running.directory, 'right', 'data-1'), 'r+');
    try {
      writeSync(file, Buffer.of((bytes[at] ?? 0) ^ 1), 0, 1, at);
      const repaired = async () => Promise.resolve(running.engine.scrub.repairedBlocks === 1);
      await waitFor('the repair of block 100 of "right"', repaired, patienceMs);
      const found = Buffer.alloc(blockBytes);
      readSync(file, found, 0, blockBytes, 100 * blockBytes);
      assert.ok(found.equals(bytes.subarray(100 * blockBytes, 101 * blockBytes)));
    } finally {
      closeSync(file);
    }
  });
});
