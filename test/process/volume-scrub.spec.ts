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
      const file = openSync(path.join(running.directory, member, 'data-1'), 'r+');
      writeSync(file, Buffer.of((bytes[100 * blockBytes] ?? 0) ^ 1), 0, 1, 100 * blockBytes);
      closeSync(file);
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
