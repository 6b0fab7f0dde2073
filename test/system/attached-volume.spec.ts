/**
 * Real file systems on a replicated volume that is attached as a node without the kernel's NBD
 * client does it (engine, nbdkit, nbdfuse, loop device), while replica servers and the engine are
 * killed in turn: fio verifies every block, the file system is clean, the copies are equal. When
 * every copy lost writes the device says so.
 */
import assert from 'node:assert/strict';
import { run } from '../../lab/base/run.ts';
import { requirePrograms, run as tryRun } from '../support/nbd/programs.ts';
import { skip } from '../support/reporter.ts';
import { AttachedVolume, byKernel, patience } from './support/attached-volume.ts';

/**
 * One after the other. Not for as long as fio works: each engine that is killed costs it a second
 * or more, and killed without a pause it does not get on at all.
 */
const victims = ['left', 'engine', 'right', 'engine'] as const;
/** After these the test has seen what it is about. */
const killingsMin = 3;
const fioMs = 60_000 * patience;

const fileSystems = [
  { kind: 'ext4', mebibytes: 64, make: ['mkfs.ext4', '-q', '-F'], check: ['e2fsck', '-f', '-n'] },
  // mkfs.xfs makes nothing below 300 MiB.
  { kind: 'xfs', mebibytes: 320, make: ['mkfs.xfs', '-q', '-f'], check: ['xfs_repair', '-n'] },
] as const;

describe('file system on an attached volume', function () {
  this.timeout(120_000 * patience);
  let attached: AttachedVolume | undefined;

  before(function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: mounts, loop devices, FUSE');
    requirePrograms(this, 'fio', ...(byKernel ? [] : ['nbdkit', 'nbdfuse', 'losetup']));
  });

  afterEach(async () => {
    await attached?.drop();
    attached = undefined;
  });

  for (const { kind, mebibytes, make, check } of fileSystems) {
    it(`keeps what fio verifies while processes are killed in turn [${kind}]`, async function () {
      const [maker, ...makeOptions] = make;
      const [checker, ...checkOptions] = check;
      for (const program of [maker, checker]) {
        const { code } = await tryRun('which', program);
        if (code !== 0) skip(this, `${program} is not installed`);
      }
      attached = await AttachedVolume.make(mebibytes * 2 ** 20);
      const device = await attached.attach();
      await run(maker, [...makeOptions, device]);
      await run('mount', ['-t', kind, device, attached.directory]);

      const work = new AbortController();
      let ended = false;
      const fio = run('fio', fioJob(attached.directory), {
        signal: AbortSignal.any([work.signal, AbortSignal.timeout(fioMs)]),
      }).finally(() => {
        ended = true;
      });
      let killings = 0;
      const killing = async () => {
        for (const victim of victims) {
          if (ended) return;
          await attached?.killAndMend(victim);
          killings += 1;
        }
      };
      try {
        await Promise.all([fio, killing()]);
      } finally {
        work.abort();
      }

      assert.ok(killings >= killingsMin, `fio was done after ${killings} killings`);
      await run('umount', [attached.directory]);
      await run(checker, [...checkOptions, device]);
      await attached.detach();
      assert.equal(await attached.running.compareCopies(), 'equal');
    });
  }

  it('leaves no device when what was behind it has just ended', async () => {
    attached = await AttachedVolume.make(16 * 2 ** 20);
    const device = await attached.attach();
    await run('mkfs.ext4', ['-q', '-F', device]);
    await run('mount', [device, attached.directory]);
    await attached.cutOff();
    await tryRun('umount', '--lazy', attached.directory);
    await attached.detach();
    const { code, stdout } = await tryRun('losetup', device);
    assert.equal(code, 1, stdout);
  });

  it('gives errors instead of a flush that lies when every copy lost writes', async () => {
    attached = await AttachedVolume.make(16 * 2 ** 20);
    const device = await attached.attach();
    const write = ['if=/dev/zero', `of=${device}`, 'bs=4k', 'count=1', 'oflag=direct'];
    await run('dd', write);
    await attached.killAllMembers();
    await attached.engineEnds();
    // It waits in the relay, which asks again and again.
    const waiting = tryRun('dd', ...write, 'conv=fsync');
    await attached.mend();
    const { code, stderr } = await waiting;
    assert.equal(code, 1, stderr);
    assert.match(stderr, /Input\/output error/);
    await assert.rejects(attached.attach(), { code: 'volume.data-lost' });
    await attached.detach();
    await run('dd', [`if=${await attached.attach()}`, 'of=/dev/null', 'bs=4k', 'iflag=direct']);
  });
});

/** Reads and writes at the pace of a small database, and reads all of it back. */
function fioJob(directory: string): readonly string[] {
  return [
    '--name=verify',
    `--directory=${directory}`,
    '--rw=randrw',
    '--bsrange=4k-64k',
    '--size=8m',
    '--ioengine=libaio',
    '--direct=1',
    '--iodepth=8',
    '--rate_iops=30',
    '--fsync=32',
    '--verify=crc32c',
    '--verify_fatal=1',
    '--verify_state_save=0',
    '--randseed=1',
  ];
}
