import assert from 'node:assert/strict';
import { Fault } from '../../../../dataplane/base/fault.ts';
import {
  createStore,
  type HostedStore,
  openStore,
} from '../../../../dataplane/drive/hosted-store.ts';
import { MemoryDisk } from '../memory-disk.ts';

const blockBytes = 4096;
const geometry = { sizeBytes: 24 * blockBytes, blockBytes, regionBlocks: 8 };
const identity = { volume: 'v', member: 'm', geometry };
const names = { volume: 'v', member: 'm' };

function content(seed: number): Uint8Array {
  return new Uint8Array(blockBytes).fill(seed);
}

async function made(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await createStore(disk, identity, { lineage: 'l', withVolume: true });
  return disk;
}

async function write(hosted: HostedStore, block: number, seed: number, sequence = 2) {
  await hosted.runner.run(
    hosted.store.write(block * blockBytes, content(seed), { sequence, fua: false }),
  );
}

async function read(hosted: HostedStore, block: number): Promise<number | 'corrupt'> {
  const span = { offsetBytes: block * blockBytes, lengthBytes: blockBytes };
  const outcome = await hosted.runner.run(hosted.store.read(span));
  if (outcome.kind === 'corrupt') return 'corrupt';
  const [seed] = outcome.bytes;
  assert.ok(
    seed !== undefined && outcome.bytes.every((byte) => byte === seed),
    `block ${block} is a mixture`,
  );
  return seed;
}

/** Blocks 0 to 11 written as 1 to 12, then 3 trimmed; the regions cleaned. */
async function used(closed: boolean): Promise<MemoryDisk> {
  const disk = await made();
  const hosted = await openStore(disk, names);
  await hosted.runner.run(hosted.store.promise(5, 'e'));
  for (let block = 0; block < 12; block++) await write(hosted, block, block + 1);
  const trimmed = { offsetBytes: 3 * blockBytes, lengthBytes: blockBytes };
  await hosted.runner.run(hosted.store.zero(trimmed, { sequence: 3, fua: false }));
  await hosted.runner.run(hosted.store.flush());
  hosted.store.flushedEverywhere(3);
  await hosted.runner.run(hosted.store.clean());
  assert.equal(hosted.store.dirtyCount, 0);
  if (closed) await hosted.runner.run(hosted.store.close());
  return disk;
}

const expected = (block: number) => (block === 3 || block > 11 ? 0 : block + 1);

describe('store', () => {
  it('reads zeroes where nothing was written', async () => {
    const hosted = await openStore(await made(), names);
    assert.equal(await read(hosted, 23), 0);
  });

  for (const closed of [true, false]) {
    it(`holds everything when it is opened again [closed cleanly: ${closed}]`, async () => {
      const hosted = await openStore(await used(closed), names);
      for (let block = 0; block < 24; block++)
        assert.equal(await read(hosted, block), expected(block));
      assert.equal(hosted.store.proven, closed, 'I-10 only a clean end is proof');
      assert.equal(hosted.store.state.promisedEpoch, 5);
    });
  }

  it('I-11 keeps regions dirty that were written before it stopped in order within an epoch', async () => {
    const disk = await made();
    const before = await openStore(disk, names);
    await before.runner.run(before.store.promise(5, 'e'));
    await write(before, 0, 1, 40);
    await before.runner.run(before.store.close());
    const { store, runner } = await openStore(disk, names);
    await runner.run(store.promise(5, 'e'));
    // Up to here everybody has flushed; write 40 is later.
    store.flushedEverywhere(39);
    assert.equal(store.cleanable, false);
    await runner.run(store.promise(6, 'e'));
    store.flushedEverywhere(1);
    assert.equal(store.cleanable, true, 'the next epoch begins with a flush of everything');
  });

  it('I-13 knows what changed since a member left, and nothing about another absence of it', async () => {
    const hosted = await openStore(await used(true), names);
    const absence = { member: 'gone', generation: 4 };
    await hosted.runner.run(hosted.store.promise(6, 'e'));
    await hosted.runner.run(hosted.store.track(absence, false));
    await write(hosted, 17, 9);
    assert.deepEqual([...(hosted.store.changedSince(absence, 0)?.members() ?? [])], [2]);
    assert.equal(hosted.store.changedSince({ member: 'gone', generation: 5 }, 0), undefined);
    assert.equal(hosted.store.changedSince({ member: 'other', generation: 4 }, 0), undefined);
    await hosted.runner.run(hosted.store.track(absence, true));
    assert.deepEqual([...(hosted.store.changedSince(absence, 0)?.members() ?? [])], [0, 1, 2]);
    await hosted.runner.run(hosted.store.untrack('gone'));
    assert.equal(hosted.store.changedSince(absence, 0), undefined);
  });

  it('I-24 does not say what a member missed that was older when it left than it is now', async () => {
    const disk = await used(true);
    const hosted = await openStore(disk, names);
    const absence = { member: 'gone', generation: 4 };
    await hosted.runner.run(hosted.store.promise(6, 'e'));
    await hosted.runner.run(hosted.store.grow(8, 7));
    await hosted.runner.run(hosted.store.track(absence, false));
    await hosted.runner.run(hosted.store.close());
    const { store, runner } = await openStore(disk, names);
    assert.equal(store.changedSince(absence, 6), undefined, 'an older state of its disk');
    assert.ok(store.changedSince(absence, 7) !== undefined);
    const copied = { age: 9, beforeBytes: 0, sequence: 5 };
    await runner.run(store.copied(absence, copied));
    assert.equal(store.changedSince(absence, 8), undefined, 'before it was filled this far');
    await runner.run(store.track(absence, true));
    assert.ok(store.changedSince(absence, 0) !== undefined, 'everything is what it missed');
  });

  it('I-24 never gets younger', async () => {
    const disk = await used(true);
    const hosted = await openStore(disk, names);
    await hosted.runner.run(hosted.store.grow(8, 7));
    await hosted.runner.run(hosted.store.grow(3, 0));
    await hosted.runner.run(hosted.store.close());
    const { store } = await openStore(disk, names);
    assert.deepEqual([store.state.age, store.state.peerAge], [8, 7]);
  });

  it('reads a snapshot whose pages are no longer in memory', async () => {
    const disk = new MemoryDisk();
    const many = { sizeBytes: 600 * blockBytes, blockBytes, regionBlocks: 1 };
    await createStore(disk, { ...names, geometry: many }, { lineage: 'l', withVolume: true });
    const hosted = await openStore(disk, names);
    await hosted.runner.run(hosted.store.promise(1, 'e'));
    for (let block = 0; block < 600; block++) await write(hosted, block, 1 + (block % 100));
    await hosted.runner.run(hosted.store.snapshot('s'));
    for (let block = 0; block < 600; block++) await write(hosted, block, 200);
    for (let block = 0; block < 600; block++) {
      const span = { offsetBytes: block * blockBytes, lengthBytes: blockBytes };
      const outcome = await hosted.runner.run(hosted.store.readSnapshot('s', span));
      assert.ok(outcome?.kind === 'data', `block ${block} of the snapshot can be read`);
      assert.equal(outcome.bytes[0], 1 + (block % 100));
    }
  });

  it('I-21 mends a block of a snapshot with the bytes its seal was made of, and with no others', async () => {
    const disk = await used(true);
    const hosted = await openStore(disk, names);
    const { store, runner } = hosted;
    await runner.run(store.promise(6, 'e'));
    await write(hosted, 3, 40);
    await runner.run(store.snapshot('s'));
    await write(hosted, 3, 50, 2);
    disk.files.get('data-1')?.fill(9, 3 * blockBytes, 3 * blockBytes + 5);
    const span = { offsetBytes: 3 * blockBytes, lengthBytes: blockBytes };
    const right = new Uint8Array(blockBytes).fill(40);
    const wrong = new Uint8Array(blockBytes).fill(50);
    assert.equal((await runner.run(store.readSnapshot('s', span)))?.kind, 'corrupt');
    assert.deepEqual(await runner.run(store.mend('s', span.offsetBytes, wrong)), [3]);
    assert.equal((await runner.run(store.readSnapshot('s', span)))?.kind, 'corrupt');
    assert.deepEqual(await runner.run(store.mend('s', span.offsetBytes, right)), []);
    const mended = await runner.run(store.readSnapshot('s', span));
    assert.ok(mended?.kind === 'data');
    assert.deepEqual(mended.bytes, right);
    assert.equal(await read(hosted, 3), 50, 'the volume is as it was');
  });

  it('I-13 counts what a revert changes as changed for an absent member', async () => {
    const hosted = await openStore(await used(true), names);
    const absence = { member: 'gone', generation: 4 };
    await hosted.runner.run(hosted.store.promise(6, 'e'));
    await hosted.runner.run(hosted.store.snapshot('s'));
    await write(hosted, 17, 9, 2);
    await hosted.runner.run(hosted.store.flush());
    hosted.store.flushedEverywhere(9);
    await hosted.runner.run(hosted.store.clean());
    await hosted.runner.run(hosted.store.track(absence, false));
    assert.deepEqual([...(hosted.store.changedSince(absence, 0)?.members() ?? [])], []);
    await hosted.runner.run(hosted.store.revert('s'));
    assert.equal(await read(hosted, 17), 0);
    assert.deepEqual([...(hosted.store.changedSince(absence, 0)?.members() ?? [])], [2]);
    assert.deepEqual([...hosted.store.dirty.members()], [2], 'and as dirty');
  });

  it('I-21 finds bytes of another block that were put in the place of this one', async () => {
    const disk = await used(true);
    const data = disk.files.get('data-1');
    assert.ok(data !== undefined);
    data.copyWithin(0, blockBytes, 2 * blockBytes);
    const hosted = await openStore(disk, names);
    assert.equal(await read(hosted, 0), 'corrupt');
    assert.equal(await read(hosted, 1), 2);
    await hosted.runner.run(hosted.store.promise(6, 'e'));
    await write(hosted, 0, 77);
    assert.equal(await read(hosted, 0), 77, 'writing a block makes it readable');
  });

  const damages: readonly (readonly [string, (bytes: Uint8Array) => void])[] = [
    [
      'a flipped bit',
      (sector) => (sector[100 % sector.length] = (sector[100 % sector.length] ?? 0) ^ 1),
    ],
    ['zeroes', (sector) => sector.fill(0)],
    ['ones', (sector) => sector.fill(0xff)],
  ];
  for (const file of ['identity', 'superblock', 'layers', 'regions-1', 'table-1', 'data-1']) {
    for (const [what, damage] of damages) {
      it(`never reads wrong bytes when any sector of ${file} becomes ${what}`, async () => {
        const good = await used(true);
        const size = good.files.get(file)?.length ?? 0;
        assert.ok(size > 0, `${file} is empty`);
        for (let at = 0; at < size; at += 512) {
          const disk = new MemoryDisk(good.files);
          damage(disk.files.get(file)?.subarray(at, at + 512) ?? new Uint8Array(0));
          await expectHarmless(disk, `${file} at ${at}`);
        }
      });
    }

    it(`never reads wrong bytes when ${file} is cut short anywhere`, async () => {
      const good = await used(true);
      const whole = good.files.get(file) ?? new Uint8Array(0);
      for (let length = 0; length < whole.length; length += 512) {
        const disk = new MemoryDisk(good.files);
        disk.files.set(file, whole.slice(0, length));
        await expectHarmless(disk, `${file} cut to ${length}`);
      }
    });
  }
});

/** Refused with a reason, or every block is right or known to be corrupt. */
async function expectHarmless(disk: MemoryDisk, what: string): Promise<void> {
  let hosted: HostedStore;
  try {
    hosted = await openStore(disk, names);
  } catch (error) {
    assert.ok(error instanceof Fault, `${what}: ${String(error)}`);
    assert.notEqual(error.hint, '', `${what}: the fault says what to do`);
    return;
  }
  for (let block = 0; block < 24; block++) {
    const found = await read(hosted, block);
    if (found !== 'corrupt') assert.equal(found, expected(block), `${what}: block ${block}`);
  }
  assert.ok(hosted.store.state.promisedEpoch === 5, `${what}: the promise was forgotten`);
}

describe('opening a store', () => {
  const refused = async (disk: MemoryDisk, code: string) => {
    await assert.rejects(
      openStore(disk, names),
      (error) => error instanceof Fault && error.code === code && error.hint !== '',
    );
  };

  it('refuses an empty directory: I-05', async () => {
    await refused(new MemoryDisk(), 'store.missing');
  });

  it('refuses the store of another member', async () => {
    const disk = new MemoryDisk();
    await createStore(disk, { ...identity, member: 'other' }, { lineage: 'l', withVolume: false });
    await refused(disk, 'store.foreign');
  });

  it('refuses a superblock of a later format', async () => {
    const disk = await made();
    const { encodeSuperblock } = await import('../../../../dataplane/store/superblock.ts');
    const { crc32c } = await import('../../../../dataplane/base/crc32c.ts');
    const slot = encodeSuperblock({
      counter: 9,
      lineage: 'l',
      promisedEpoch: 1,
      promisedTo: 'e',
      age: 1,
      peerAge: 1,
      standing: 'in-sync',
      clean: true,
      absences: [],
    });
    const view = new DataView(slot.buffer);
    view.setUint32(8, 2);
    view.setUint32(508, crc32c(slot.subarray(0, 508)));
    disk.files.get('superblock')?.set(slot, 0);
    await refused(disk, 'store.newer-format');
  });

  it('does not make a store where anything else lies', async () => {
    const disk = new MemoryDisk(new Map([['photos', content(1)]]));
    await assert.rejects(createStore(disk, identity, { lineage: 'l', withVolume: true }), /photos/);
    assert.deepEqual([...disk.files.keys()], ['photos']);
  });

  it('does not make a store over a used one that lost its identity', async () => {
    const disk = await used(true);
    disk.files.delete('identity');
    const before = disk.files.get('superblock')?.slice();
    await assert.rejects(createStore(disk, identity, { lineage: 'l', withVolume: true }), Fault);
    assert.deepEqual(disk.files.get('superblock'), before);
  });

  it('goes on with a creation that was interrupted', async () => {
    const disk = await made();
    disk.files.delete('identity');
    await createStore(disk, identity, { lineage: 'l', withVolume: true });
    assert.equal(await read(await openStore(disk, names), 0), 0);
  });
});
