import assert from 'node:assert/strict';
import { RoomBehind } from '../../../../dataplane/drive/room-behind.ts';
import { MemoryBlocks } from '../../../support/nbd/memory-blocks.ts';

const block = 4096;
const kept = Buffer.alloc(2 * block, 7);
const plain = { fua: false };

describe('room behind a volume', () => {
  const given = async () => {
    const volume = new MemoryBlocks(2 * block);
    const device = new RoomBehind(volume, 16 * block);
    assert.equal((await device.write(0, kept, plain)).kind, 'done');
    return { volume, device };
  };
  const read = async (device: RoomBehind, offsetBytes: number, lengthBytes: number) => {
    const outcome = await device.read({ offsetBytes, lengthBytes });
    assert.ok(outcome.kind === 'data');
    return Buffer.from(outcome.bytes);
  };

  it('is as large as it was told, whatever the volume is', async () => {
    const { device } = await given();
    assert.equal(device.geometry.sizeBytes, 16 * block);
  });

  it('reads as zeroes behind the end, also in a request that begins before it', async () => {
    const { device } = await given();
    const expected = Buffer.concat([kept.subarray(block), Buffer.alloc(block)]);
    assert.deepEqual(await read(device, block, 2 * block), expected);
    assert.deepEqual(await read(device, 8 * block, block), Buffer.alloc(block));
  });

  it('takes no bytes behind the end, and says where that is', async () => {
    const { device } = await given();
    const outcome = await device.write(block, kept, plain);
    assert.ok(outcome.kind === 'refused');
    assert.equal(outcome.reason, 'out-of-range');
    assert.match(outcome.message, /ends at 8192/);
    assert.deepEqual(await read(device, block, block), kept.subarray(block));
  });

  it('clears what is of the volume and leaves the rest as it is', async () => {
    const { device } = await given();
    const range = { offsetBytes: block, lengthBytes: 4 * block };
    assert.equal((await device.zero(range, { fua: false, mayPunch: true })).kind, 'done');
    assert.equal((await device.trim({ ...range, offsetBytes: 8 * block }, plain)).kind, 'done');
    assert.deepEqual(
      await read(device, 0, 2 * block),
      Buffer.concat([kept.subarray(block), Buffer.alloc(block)]),
    );
  });

  it('is a hole behind the end', async () => {
    const { device } = await given();
    const behind = await device.blockStatus({ offsetBytes: 8 * block, lengthBytes: 2 * block });
    assert.deepEqual(behind, {
      kind: 'extents',
      extents: [{ lengthBytes: 2 * block, allocated: false, zero: true }],
    });
    const across = await device.blockStatus({ offsetBytes: block, lengthBytes: 4 * block });
    assert.ok(across.kind === 'extents');
    assert.deepEqual(
      across.extents.map(({ lengthBytes }) => lengthBytes),
      [block],
    );
  });
});
