import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Fault } from '../../dataplane/base/fault.ts';
import { createStore, type HostedStore, openStore } from '../../dataplane/drive/hosted-store.ts';
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
    await hosted.runner.run(hosted.store.promise(1, 'e'));
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

  it('writes nothing to the bare mount point when its disk is unmounted', async () => {
    const hosted = await written();
    renameSync(directory, `${directory}.unmounted`);
    mkdirSync(directory);
    try {
      await assert.rejects(
        async () => hosted.runner.run(hosted.store.snapshot('s')),
        (error) => error instanceof Fault && error.code === 'disk.failed' && error.hint !== '',
      );
      assert.deepEqual(readdirSync(directory), []);
    } finally {
      await hosted.runner.close();
      rmSync(`${directory}.unmounted`, { recursive: true });
    }
  });

  /** A store with a snapshot and a head upon it, small enough to be damaged everywhere. */
  async function layered(): Promise<readonly (number | undefined)[]> {
    const disk = new HostDisk(directory);
    const small = { sizeBytes: 12 * blockBytes, blockBytes, regionBlocks: 4 };
    await createStore(disk, { ...names, geometry: small }, { lineage: 'l', withVolume: true });
    const { store, runner } = await openStore(disk, names);
    await runner.run(store.promise(5, 'e'));
    const write = async (block: number, value: number) =>
      runner.run(
        store.write(block * blockBytes, new Uint8Array(blockBytes).fill(value), {
          sequence: 2,
          fua: false,
        }),
      );
    for (let block = 0; block < 8; block++) await write(block, block + 1);
    await runner.run(store.snapshot('s'));
    for (let block = 0; block < 3; block++) await write(block, block + 101);
    const trimmed = { offsetBytes: 3 * blockBytes, lengthBytes: blockBytes };
    await runner.run(store.zero(trimmed, { sequence: 2, fua: false }));
    await runner.run(store.flush());
    store.flushedEverywhere(2);
    await runner.run(store.clean());
    await runner.run(store.become('in-sync', true));
    await runner.run(store.close());
    await runner.close();
    return [101, 102, 103, 0, 5, 6, 7, 8, 0, 0, 0, 0];
  }

  /** Refused with a hint, or every block is what it was or known to be corrupt. */
  async function expectHarmless(what: string, head: readonly (number | undefined)[]) {
    const frozen = [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0];
    let hosted: HostedStore;
    try {
      hosted = await openStore(new HostDisk(directory), names);
    } catch (error) {
      assert.ok(error instanceof Fault && error.hint !== '', `${what}: ${String(error)}`);
      return;
    }
    const { store, runner } = hosted;
    for (let block = 0; block < head.length; block++) {
      const span = { offsetBytes: block * blockBytes, lengthBytes: blockBytes };
      const shown = await runner.run(store.read(span));
      if (shown.kind === 'data') assert.equal(shown.bytes[0], head[block], `${what}: ${block}`);
      const old = await runner.run(store.readSnapshot('s', span));
      if (old?.kind === 'data') assert.equal(old.bytes[0], frozen[block], `${what}: s ${block}`);
    }
    await runner.close();
  }

  const files = ['identity', 'layers', 'superblock', 'regions-1', 'table-1', 'data-1'];
  for (const file of [...files, 'regions-2', 'table-2', 'data-2']) {
    it(`is refused or reads nothing wrong when ${file} is damaged at any 512 bytes, cut or gone`, async () => {
      const head = await layered();
      const good = new Map(
        readdirSync(directory).map((name) => [name, readFileSync(path.join(directory, name))]),
      );
      const whole = good.get(file);
      assert.ok(whole !== undefined && whole.length > 0, `${file} holds something`);
      const attempt = async (what: string, content: Uint8Array | undefined) => {
        for (const name of readdirSync(directory)) rmSync(path.join(directory, name));
        for (const [name, bytes] of good) writeFileSync(path.join(directory, name), bytes);
        if (content === undefined) rmSync(path.join(directory, file));
        else writeFileSync(path.join(directory, file), content);
        await expectHarmless(`${file} ${what}`, head);
      };
      await attempt('gone', undefined);
      for (let at = 0; at < whole.length; at += 512) {
        const flipped = Uint8Array.from(whole);
        flipped[at] = (flipped[at] ?? 0) ^ 1;
        await attempt(`with a flipped bit at ${at}`, flipped);
        const zeroed = Uint8Array.from(whole);
        zeroed.fill(0, at, at + 512);
        await attempt(`zeroed at ${at}`, zeroed);
        await attempt(`cut to ${at}`, whole.subarray(0, at));
      }
    });
  }

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
