/** What the real disk does at once, beside what every disk keeps (ports.spec.ts). */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Fault } from '../../dataplane/base/fault.ts';
import { HostDisk } from '../../dataplane/host/disk.ts';
import type { DiskFile } from '../../dataplane/ports/disk.ts';
import { skip } from '../support/reporter.ts';

describe('disk at once', () => {
  let folder: string;
  let file: DiskFile;

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-disk-'));
    const disk = new HostDisk(folder);
    await disk.replace('data', new Uint8Array(4096));
    file = await disk.open('data');
  });

  afterEach(async () => {
    await file.close().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  });

  it('reads at once what was written at once, and by a thread alike', async () => {
    const bytes = new Uint8Array(8192).fill(7);
    assert.equal(file.writeAtOnce?.(4096, bytes), true);
    assert.deepEqual(file.readAtOnce?.(4096, 8192), bytes);
    assert.deepEqual(await file.read(4096, 8192), bytes);
  });

  it('shows zeroes beyond the end of the file, never what the memory held before', async () => {
    for (let round = 0; round < 50; round++) new Uint8Array(65_536).fill(0xff);
    const beyond = file.readAtOnce?.(1 << 20, 65_536);
    assert.ok(beyond?.every((byte) => byte === 0));
    const across = file.readAtOnce?.(0, 65_536) ?? (await file.read(0, 65_536));
    assert.ok(across.every((byte) => byte === 0));
  });

  it('leaves what is long to a thread', () => {
    assert.equal(file.readAtOnce?.(0, 4 << 20), undefined);
    assert.equal(file.writeAtOnce?.(0, new Uint8Array(4 << 20)), false);
  });

  it('syncs at once what is short when threads were fast, and once in a turn', async function () {
    const patienceRounds = 200;
    let rounds = 0;
    for (let done = false; !done; rounds += 1) {
      if (rounds > patienceRounds) skip(this, 'the syncs of this disk are not fast');
      await file.write(0, new Uint8Array(4096));
      done = file.syncAtOnce?.() === true;
      if (!done) await file.sync();
    }
    assert.equal(file.syncAtOnce?.(), false, 'the next in this turn is shared with others');
    assert.ok(rounds > 1, 'the first is for a thread: nothing is known of the disk');
    await new Promise((resolve) => setImmediate(resolve));
    await file.write(0, new Uint8Array(1 << 20));
    assert.equal(file.syncAtOnce?.(), false, 'much to carry takes long');
  });

  it('tells a failure at once as the fault it is', async () => {
    await file.close();
    const isFault = (error: unknown) => error instanceof Fault && error.code === 'disk.failed';
    assert.throws(() => file.writeAtOnce?.(0, new Uint8Array(4096)), isFault);
    assert.throws(() => file.readAtOnce?.(0, 4096), isFault);
    await assert.rejects(file.sync(), isFault);
  });
});
