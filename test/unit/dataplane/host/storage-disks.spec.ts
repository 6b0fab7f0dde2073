import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { HostStorageDisks } from '../../../../dataplane/host/storage-disks.ts';

/** Objects can be edited: no name in them leads anywhere but below a declared disk. */
describe('folder of a store', () => {
  let root: string;
  before(() => {
    root = mkdtempSync(path.join(tmpdir(), 'larder-disks-'));
    mkdirSync(path.join(root, 'mnt/disk'), { recursive: true });
  });
  after(() => {
    rmSync(root, { recursive: true });
  });

  const disk = { name: 'disk', path: '/mnt/disk', id: '' };
  for (const [volume, member] of [
    ['..', 'm1'],
    ['v', '../../../etc'],
    ['v/../../x', 'm1'],
    ['v', '.m1'],
    ['', 'm1'],
    ['v', 'm1\n'],
  ] as const) {
    it(`is refused for the names ${JSON.stringify([volume, member])}, before anything is looked at`, async () => {
      const disks = new HostStorageDisks(root);
      const refused = { code: 'input.invalid', message: /cannot be the folder of a store/ };
      await assert.rejects(disks.store(disk, volume, member, true), refused);
      await assert.rejects(disks.removeStore(disk, volume, member), refused);
      assert.deepEqual(readdirSync(path.join(root, 'mnt/disk')), []);
    });
  }

  for (const at of ['/../etc', '/mnt/../../etc', 'mnt/disk', '/mnt//disk']) {
    it(`is nowhere when the disk is said to be at ${at}`, async () => {
      const bent = { ...disk, path: at };
      const { problem } = await new HostStorageDisks(root).inspect(bent);
      assert.match(problem, /cannot be where a disk is mounted|nothing is mounted/);
      await assert.rejects(new HostStorageDisks(root).store(bent, 'v', 'm1', true));
    });
  }
});
