/** What a disk must be before stores are made on it, with real file systems. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { HostStorageDisks } from '../../dataplane/host/storage-disks.ts';
import { run } from '../../lab/base/run.ts';
import { skip } from '../support/reporter.ts';

describe('declared disk', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-disk-'));
  const place = path.join(folder, 'mounted');

  before(function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: mounts');
    mkdirSync(place);
  });

  afterEach(async () => {
    await run('umount', [place], { allow: [32] });
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [bytes, problem] of [
    [1024, /blocks of 1024 bytes, which tear those of a volume .* `mkfs\.ext4 -b 4096`$/],
    [4096, /^$/],
  ] as const) {
    it(`is judged by the blocks of its file system [${bytes}]`, async () => {
      const image = path.join(folder, `${bytes}.img`);
      writeFileSync(image, '');
      truncateSync(image, 8 * 2 ** 20);
      await run('mkfs.ext4', ['-q', '-F', '-b', `${bytes}`, image]);
      await run('mount', ['-o', 'loop', image, place]);
      const disk = { name: 'ssd', path: place, id: '' };
      assert.match((await new HostStorageDisks('/').inspect(disk)).problem, problem);
    });
  }

  it('holds nothing of a volume whose last store was removed', async () => {
    const image = path.join(folder, 'removed.img');
    writeFileSync(image, '');
    truncateSync(image, 8 * 2 ** 20);
    await run('mkfs.ext4', ['-q', '-F', '-b', '4096', image]);
    await run('mount', ['-o', 'loop', image, place]);
    const disks = new HostStorageDisks('/');
    const disk = { name: 'ssd', path: place, id: '' };
    for (const member of ['one', 'two']) await disks.store(disk, 'volume', member, true);
    await disks.removeStore(disk, 'volume', 'one');
    assert.deepEqual(await disks.listStores(disk), ['volume/two']);
    await disks.removeStore(disk, 'volume', 'two');
    assert.deepEqual(readdirSync(path.join(place, 'larder/replicas')), []);
  });

  it('is not used when nothing is mounted at its path', async () => {
    const state = await new HostStorageDisks('/').inspect({ name: 'ssd', path: place, id: '' });
    assert.match(state.problem, /nothing is mounted at .*\/mounted: mount the disk there/);
    assert.deepEqual(readdirSync(place), [], 'nothing is written onto the disk of the node itself');
  });

  it('is known by its token: emptied, or another in its place, it is refused', async () => {
    const disks = new HostStorageDisks('/');
    await run('mount', ['-t', 'tmpfs', 'none', place]);
    const { id } = await disks.inspect({ name: 'ssd', path: place, id: '' });
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.equal((await disks.inspect({ name: 'ssd', path: place, id })).problem, '');
    const other = await disks.inspect({ name: 'ssd', path: place, id: 'f'.repeat(32) });
    assert.match(other.problem, /another disk is mounted .* than the one known as ssd/);
    rmSync(path.join(place, 'larder'), { recursive: true });
    assert.match((await disks.inspect({ name: 'ssd', path: place, id })).problem, /another disk/);
    assert.deepEqual(readdirSync(place), [], 'no new token');
  });

  it('is refused when another cluster uses it, and said whose it is', async () => {
    await run('mount', ['-t', 'tmpfs', 'none', place]);
    const asSeenIn = (cluster: string) =>
      new HostStorageDisks('/', { clusterId: async () => cluster });
    const disk = { name: 'ssd', path: place, id: '' };
    const first = await asSeenIn('cluster-a').inspect(disk);
    assert.equal(first.problem, '');
    assert.equal((await asSeenIn('cluster-a').inspect({ ...disk, id: first.id })).problem, '');
    const second = await asSeenIn('cluster-b').inspect(disk);
    assert.match(second.problem, /belongs to another cluster \(cluster-a\).*disk\.json/);
    assert.equal((await asSeenIn('').inspect(disk)).problem, '', 'nobody knows: the token counts');
  });
});
