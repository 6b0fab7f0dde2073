import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createStore, openStore } from '../../dataplane/drive/hosted-store.ts';
import { HostDisk } from '../../dataplane/host/disk.ts';

const blockBytes = 4096;
const geometry = { sizeBytes: 16 * 2 ** 20, blockBytes, regionBlocks: 1024 };
const names = { volume: 'v', member: 'm' };
const whole = { offsetBytes: 0, lengthBytes: 8 * 2 ** 20 };

describe('a store on a real file system', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'larder-disk-'));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  const used = (file: string) => statSync(path.join(directory, file)).blocks * 512;

  async function written() {
    const disk = new HostDisk(directory);
    await createStore(disk, { ...names, geometry }, { lineage: 'l', withVolume: true });
    const hosted = await openStore(disk, names);
    await hosted.runner.run(hosted.store.promise(1));
    const bytes = new Uint8Array(whole.lengthBytes).fill(7);
    await hosted.runner.run(hosted.store.write(0, bytes, { sequence: 2, fua: true }));
    return hosted;
  }

  it('takes space only for what was written, and gives it back when it is trimmed', async () => {
    const hosted = await written();
    assert.ok(used('data-1') >= whole.lengthBytes, 'everything written takes space');
    assert.ok(used('data-1') < whole.lengthBytes + 2 ** 20, 'nothing else does');
    const half = { offsetBytes: 0, lengthBytes: whole.lengthBytes / 2 };
    await hosted.runner.run(hosted.store.zero(half, { sequence: 3, fua: true }));
    assert.ok(used('data-1') <= whole.lengthBytes / 2 + 2 ** 16, 'the trimmed half is a hole');
    const outcome = await hosted.runner.run(hosted.store.read(whole));
    assert.ok(outcome.kind === 'data');
    assert.equal(outcome.bytes[half.lengthBytes - 1], 0);
    assert.equal(outcome.bytes[half.lengthBytes], 7);
    await hosted.runner.close();
  });

  it('merges a deleted snapshot with room for one region more', async () => {
    const hosted = await written();
    await hosted.runner.run(hosted.store.snapshot('s'));
    await hosted.runner.run(hosted.store.deleteSnapshot('s'));
    const before = used('data-1');
    let most = before;
    while (await hosted.runner.run(hosted.store.mergeStep())) {
      const left = statSync(path.join(directory, 'data-1'), { throwIfNoEntry: false });
      most = Math.max(most, (left?.blocks ?? 0) * 512 + used('data-2'));
    }
    const region = blockBytes * geometry.regionBlocks;
    assert.ok(most <= before + region + 2 ** 16, `${most - before} bytes more than before`);
    assert.equal(statSync(path.join(directory, 'data-1'), { throwIfNoEntry: false }), undefined);
    const outcome = await hosted.runner.run(hosted.store.read(whole));
    assert.ok(outcome.kind === 'data');
    assert.ok(
      outcome.bytes.every((byte) => byte === 7),
      'nothing is lost',
    );
    await hosted.runner.close();
  });
});
