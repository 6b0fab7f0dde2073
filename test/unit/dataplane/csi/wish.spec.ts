import assert from 'node:assert/strict';
import type { CreateVolumeRequest } from '../../../../dataplane/csi/messages.ts';
import { page, volumeIdOf } from '../../../../dataplane/csi/names.ts';
import { Refusal } from '../../../../dataplane/csi/refusal.ts';
import { specOf } from '../../../../dataplane/csi/wish.ts';

const mebibyte = 2 ** 20;
const single = { mode: 'SINGLE_NODE_WRITER' } as const;
const good: CreateVolumeRequest = {
  name: 'pvc-1',
  capacityRange: { requiredBytes: 8 * mebibyte, limitBytes: 0 },
  volumeCapabilities: [{ mount: { fsType: '', mountFlags: [] }, accessMode: single }],
  parameters: {},
  mutableParameters: {},
};

function refusalOf(request: Partial<CreateVolumeRequest>): Refusal {
  try {
    specOf({ ...good, ...request });
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('wish for a volume', () => {
  it('takes two copies of ext4 on different nodes when the class says nothing', () => {
    assert.deepEqual(specOf(good), {
      copies: 2,
      diskTags: [],
      spread: 'node',
      sizeBytes: 8 * mebibyte,
      content: 'ext4',
    });
  });

  it('gives whole blocks, and at least the smallest volume', () => {
    const sized = (requiredBytes: number) =>
      specOf({ ...good, capacityRange: { requiredBytes, limitBytes: 0 } }).sizeBytes;
    assert.equal(sized(8 * mebibyte + 1), 8 * mebibyte + 4096);
    assert.equal(sized(1), 4 * mebibyte);
  });

  it('tells all that is wrong with a class at once', () => {
    const { code, message } = refusalOf({
      parameters: { copies: '7', spread: 'rack', diskTags: 'a/b', replicas: '3' },
    });
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.match(message, /copies: found "7", expected 1, 2 or 3/);
    assert.match(message, /spread: found "rack", expected node or zone/);
    assert.match(message, /diskTags: "a\/b" cannot be a tag/);
    assert.match(message, /replicas: unknown parameter; expected copies, diskTags, spread/);
  });

  it('sends whoever wants to write on many nodes to the shared tier', () => {
    const accessMode = { mode: 'MULTI_NODE_MULTI_WRITER' } as const;
    const [capability] = good.volumeCapabilities;
    const { message } = refusalOf({ volumeCapabilities: [{ ...capability, accessMode }] });
    assert.match(message, /one node at a time.*shared tier/);
  });

  it('refuses a file system that it does not make', () => {
    const mount = { fsType: 'btrfs', mountFlags: [] };
    const { message } = refusalOf({ volumeCapabilities: [{ mount, accessMode: single }] });
    assert.match(message, /btrfs is not offered; choose ext4 or xfs/);
  });

  it('refuses a size that cannot be met', () => {
    const { code } = refusalOf({
      capacityRange: { requiredBytes: 8 * mebibyte + 1, limitBytes: 8 * mebibyte + 2 },
    });
    assert.equal(code, 'OUT_OF_RANGE');
    const small = refusalOf({ capacityRange: { requiredBytes: 1, limitBytes: 4096 } });
    assert.equal(small.code, 'OUT_OF_RANGE');
  });
});

describe('name of a volume', () => {
  it('is the requested one when that can be a name', () => {
    const name = 'pvc-9d7487c4-d0d5-4064-a9c2-62a2c8125fa9';
    assert.equal(volumeIdOf(name), name);
  });

  it('is derived, and always the same, when the requested one is too long or strange', () => {
    const long = 'x'.repeat(128);
    assert.match(volumeIdOf(long), /^v-[0-9a-f]{32}$/);
    assert.equal(volumeIdOf(long), volumeIdOf(long));
    assert.notEqual(volumeIdOf(long), volumeIdOf(`${long}y`));
    assert.match(volumeIdOf('../etc/passwd'), /^v-[0-9a-f]{32}$/);
  });
});

describe('page of a list', () => {
  const all = ['a', 'b', 'c'];

  it('goes through all entries, each once', () => {
    const first = page(all, 2, '');
    assert.deepEqual(first, { items: ['a', 'b'], nextToken: '2' });
    assert.deepEqual(page(all, 2, first.nextToken), { items: ['c'], nextToken: '' });
  });

  it('refuses a token of another list', () => {
    assert.throws(() => page(all, 2, 'garbage'), { code: 'ABORTED' });
    assert.throws(() => page(all, 2, '9'), { code: 'ABORTED' });
  });
});
