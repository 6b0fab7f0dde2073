/** A disk that is put back to an older state, with real stores on a real file system (I-24). */
import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from '../../lab/cluster/wait.ts';
import { blockBytes, VolumeInProcess } from './volume-in-process.ts';

const sizeBytes = 64 * blockBytes;
const patienceMs = 15_000;

describe('older disk', function () {
  this.timeout(30_000);
  let running: VolumeInProcess;

  beforeEach(async () => {
    running = await VolumeInProcess.make(['left', 'right'], sizeBytes);
    await write('old');
    // The image can prove itself: it is of a store that was closed in order.
    await running.stopMember('right');
    cpSync(directoryOf('right'), directoryOf('image'), { recursive: true });
    await running.startMember('right');
    await running.untilInSync('left', 'right');
    await write('new');
  });

  afterEach(async () => {
    await running.dispose();
  });

  const directoryOf = (name: string) => path.join(running.directory, name);

  async function write(text: string): Promise<void> {
    const bytes = Buffer.alloc(sizeBytes, text);
    assert.deepEqual(await running.engine.write(0, bytes, { fua: true }), { kind: 'done' });
  }

  async function readsNew(): Promise<void> {
    const found = await running.engine.read({ offsetBytes: 0, lengthBytes: sizeBytes });
    assert.ok(found.kind === 'data');
    assert.ok(Buffer.alloc(sizeBytes, 'new').equals(found.bytes), 'an older state was read');
  }

  async function putBack(): Promise<void> {
    await running.stopMember('right');
    rmSync(directoryOf('right'), { recursive: true });
    renameSync(directoryOf('image'), directoryOf('right'));
    await running.startMember('right');
  }

  it('is copied anew when it comes back to a volume that is served', async () => {
    await putBack();
    const copied = async () => Promise.resolve(running.engine.copiedBytes >= sizeBytes);
    await waitFor('"right" to be copied in full', copied, patienceMs);
    await running.untilInSync('left', 'right');
    await running.stopMember('left');
    await running.untilInSync('right');
    await readsNew();
  });

  it('is not served when the member that knows better is away, and is copied anew when it is back', async () => {
    running.engine.stop();
    await running.engine.end();
    await running.stopMember('left');
    await putBack();
    const opening = running.startEngine();
    const waits = async () =>
      Promise.resolve(/^Waiting for left[^,]*: only there may be/.test(running.engine.reason));
    await waitFor('the engine to wait for "left"', waits, patienceMs);
    assert.ok(!running.engine.serving);
    await running.startMember('left');
    await opening;
    await readsNew();
    await running.untilInSync('left', 'right');
    assert.ok(running.engine.copiedBytes >= sizeBytes, 'all of it was copied');
  });
});
