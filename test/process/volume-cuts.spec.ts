/** Snapshots, growth, holes and resync of a volume with real stores and sockets (I-13, I-23). */
import assert from 'node:assert/strict';
import path from 'node:path';
import { limits } from '../../dataplane/base/limits.ts';
import { HostDisk } from '../../dataplane/host/disk.ts';
import { openStore } from '../../dataplane/drive/hosted-store.ts';
import { blockBytes, VolumeInProcess } from './volume-in-process.ts';

const blocks = 256;
const sizeBytes = blocks * blockBytes;

describe('volume', function () {
  this.timeout(60_000);
  let running: VolumeInProcess;

  beforeEach(async () => {
    running = await VolumeInProcess.make(['left', 'right'], sizeBytes);
  });

  afterEach(async () => {
    await running.dispose();
  });

  const pattern = (seed: number) => Buffer.alloc(blockBytes, `write ${seed} `);

  async function write(block: number, seed: number): Promise<void> {
    const outcome = await running.engine.write(block * blockBytes, pattern(seed), { fua: false });
    assert.equal(outcome.kind, 'done');
  }

  async function read(block: number): Promise<Buffer> {
    const range = { offsetBytes: block * blockBytes, lengthBytes: blockBytes };
    const outcome = await running.engine.read(range);
    assert.ok(outcome.kind === 'data', JSON.stringify(outcome));
    return Buffer.from(outcome.bytes);
  }

  /** What a stopped member's store shows of a block in a snapshot. */
  async function inSnapshot(member: string, name: string, block: number): Promise<Buffer> {
    await running.stopMember(member);
    const disk = new HostDisk(path.join(running.directory, member));
    const { store, runner } = await openStore(disk, { volume: 'test-volume', member });
    const span = { offsetBytes: block * blockBytes, lengthBytes: blockBytes };
    const outcome = await runner.run(store.readSnapshot(name, span));
    assert.ok(outcome?.kind === 'data', `${member} has no readable snapshot ${name}`);
    await runner.run(store.close());
    await runner.close();
    return Buffer.from(outcome.bytes);
  }

  it('keeps what was there when a snapshot was made, and takes it away again', async () => {
    await write(3, 1);
    assert.deepEqual(await running.engine.snapshot('monday'), { kind: 'done' });
    assert.deepEqual(await running.engine.snapshot('monday'), { kind: 'done' });
    await write(3, 2);
    assert.deepEqual((await running.record()).snapshots, ['monday']);
    assert.ok((await read(3)).equals(pattern(2)));
    assert.ok((await inSnapshot('right', 'monday', 3)).equals(pattern(1)));
    await running.startMember('right');
    await running.untilInSync('left', 'right');
    assert.deepEqual(await running.engine.deleteSnapshot('monday'), { kind: 'done' });
    assert.deepEqual((await running.record()).snapshots, []);
    assert.ok((await read(3)).equals(pattern(2)));
  });

  it('I-23 counts a member in only after it has the snapshots it missed, with what they show', async () => {
    await write(3, 1);
    await running.stopMember('right');
    await running.untilInSync('left');
    await write(3, 2);
    await write(9, 2);
    await running.engine.snapshot('missed');
    await write(3, 3);
    await running.startMember('right');
    await running.untilInSync('left', 'right');
    assert.ok((await read(3)).equals(pattern(3)));
    for (const block of [3, 9]) {
      assert.ok((await inSnapshot('right', 'missed', block)).equals(pattern(2)), `block ${block}`);
      await running.startMember('right');
      await running.untilInSync('left', 'right');
    }
  });

  it('refuses one snapshot too many, and every impossible size, with a reason', async () => {
    for (let index = 0; index < limits.snapshotsMax; index++) {
      assert.equal((await running.engine.snapshot(`s${index}`)).kind, 'done');
    }
    const refusals = [
      await running.engine.snapshot('too-many'),
      await running.engine.resize(sizeBytes - blockBytes),
      await running.engine.resize(sizeBytes + 1),
    ];
    for (const refusal of refusals) {
      assert.ok(refusal.kind === 'failed' && refusal.fault.code === 'input.invalid');
      assert.match(refusal.fault.message, /the most it may|it grows, by whole blocks/);
    }
    await write(0, 1);
  });

  it('grows on all members, also on one that was away, and shows zeroes where it is new', async () => {
    await write(blocks - 1, 1);
    await running.stopMember('right');
    await running.untilInSync('left');
    assert.deepEqual(await running.engine.resize(2 * sizeBytes), { kind: 'done' });
    assert.equal(running.engine.geometry.sizeBytes, 2 * sizeBytes);
    assert.ok((await read(2 * blocks - 1)).equals(Buffer.alloc(blockBytes)));
    await write(2 * blocks - 2, 2);
    await running.startMember('right');
    await running.untilInSync('left', 'right');
    await running.stopMember('left');
    assert.ok((await read(2 * blocks - 2)).equals(pattern(2)));
    assert.ok((await read(blocks - 1)).equals(pattern(1)));
  });

  it('fills a member that somebody adds to the record, and lets one go that is taken out', async () => {
    await write(7, 7);
    await running.engine.snapshot('before');
    await running.startMember('third');
    const address = running.addressOf('third');
    const newcomer = { id: 'third', address, inSync: false, departedAt: 0 };
    await running.changeMembers((members) => [...members, newcomer]);
    await running.untilInSync('left', 'right', 'third');
    await running.stopMember('left');
    await running.untilInSync('right', 'third');
    await running.changeMembers((members) => members.filter(({ id }) => id !== 'left'));
    await write(8, 8);
    await running.stopMember('right');
    assert.ok((await read(7)).equals(pattern(7)));
    assert.ok((await read(8)).equals(pattern(8)));
    assert.deepEqual(
      (await running.record()).members.map(({ id }) => id),
      ['right', 'third'],
    );
  });

  it('tells holes from blocks that hold something', async () => {
    await write(2, 1);
    await write(3, 1);
    await running.engine.trim(
      { offsetBytes: 3 * blockBytes, lengthBytes: blockBytes },
      { fua: false },
    );
    const outcome = await running.engine.blockStatus({ offsetBytes: 0, lengthBytes: sizeBytes });
    assert.ok(outcome.kind === 'extents');
    assert.deepEqual(
      outcome.extents.map(({ lengthBytes, allocated, zero }) => [
        lengthBytes / blockBytes,
        allocated,
        zero,
      ]),
      [
        [2, false, true],
        [1, true, false],
        [blocks - 3, false, true],
      ],
    );
  });

  it('says where snapshots and the volume may differ, and refuses to compare what is not there', async () => {
    await write(2, 1);
    assert.deepEqual(await running.engine.snapshot('monday'), { kind: 'done' });
    await write(4, 2);
    assert.deepEqual(await running.engine.snapshot('tuesday'), { kind: 'done' });
    await write(5, 3);
    const differs = async (from: string, to: string) => {
      const range = { offsetBytes: 0, lengthBytes: sizeBytes };
      const found = await running.engine.differences({ from, to }).dirtyStatus(range);
      assert.ok(found.kind === 'extents', `${from} to ${to}: ${found.kind}`);
      let block = 0;
      return found.extents.flatMap(({ lengthBytes, dirty }) => {
        const first = block;
        block += lengthBytes / blockBytes;
        return dirty ? [[first, block - first]] : [];
      });
    };
    assert.deepEqual(await differs('monday', 'tuesday'), [[4, 1]]);
    assert.deepEqual(await differs('monday', ''), [[4, 2]]);
    assert.deepEqual(await differs('tuesday', ''), [[5, 1]]);
    assert.deepEqual(await differs('', 'monday'), [[2, 1]]);
    const range = { offsetBytes: 0, lengthBytes: sizeBytes };
    const none = await running.engine.differences({ from: 'sunday', to: '' }).dirtyStatus(range);
    assert.ok(none.kind === 'failed');
    assert.match(none.fault.message, /no snapshot sunday/);
  });

  it('I-13 copies no more than what a member missed, though whole regions count as changed', async () => {
    for (let block = 0; block < blocks; block++) await write(block, block);
    await running.stopMember('right');
    await running.untilInSync('left');
    const missed = [1, 40, 41, 200];
    for (const block of missed) await write(block, 1000 + block);
    const before = running.engine.copiedBytes;
    await running.startMember('right');
    await running.untilInSync('left', 'right');
    assert.equal(running.engine.copiedBytes - before, missed.length * blockBytes);
    await running.stopMember('left');
    for (const block of missed) assert.ok((await read(block)).equals(pattern(1000 + block)));
    assert.ok((await read(0)).equals(pattern(0)));
  });
});
