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
