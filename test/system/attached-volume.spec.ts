/**
 * Real file systems on a replicated volume that is attached as a node without the kernel's NBD
 * client does it (engine, nbdkit, nbdfuse, loop device), while replica servers and the engine are
 * killed in turn: fio verifies every block, the file system is clean, the copies are equal. When
 * every copy lost writes the device says so.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { FuseAttacher } from '../../dataplane/host/fuse-attacher.ts';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { run } from '../../lab/base/run.ts';
import { waitFor } from '../../lab/cluster/wait.ts';
import { RunningVolume } from '../process/running-volume.ts';
import { requirePrograms, run as tryRun } from '../support/nbd/programs.ts';
import { skip } from '../support/reporter.ts';

const members = ['left', 'right'];
/**
 * One after the other. Not for as long as fio works: each engine that is killed costs it a second
 * or more, and killed without a pause it does not get on at all.
 */
const victims = ['left', 'engine', 'right', 'engine'] as const;
/** After these the test has seen what it is about. */
const killingsMin = 3;
/** For an engine to give up on a member, and for a member to be copied anew. */
const memberMs = 20_000;
const fioMs = 60_000;

const fileSystems = [
  { kind: 'ext4', mebibytes: 64, make: ['mkfs.ext4', '-q', '-F'], check: ['e2fsck', '-f', '-n'] },
  // mkfs.xfs makes nothing below 300 MiB.
  { kind: 'xfs', mebibytes: 320, make: ['mkfs.xfs', '-q', '-f'], check: ['xfs_repair', '-n'] },
] as const;

/** A volume of two replica servers, attached here and with a place to mount it. */
class AttachedVolume {
  readonly running: RunningVolume;
  readonly directory: string;
  readonly #attacher: FuseAttacher;
  readonly #folder: string;

  private constructor(running: RunningVolume) {
    this.running = running;
    this.directory = path.join(running.directory, 'mounted');
    this.#folder = path.join(running.directory, 'attached');
    for (const folder of [this.directory, this.#folder]) mkdirSync(folder);
    const engine = {
      program: process.execPath,
      args: [path.join(repositoryRoot, 'dataplane/main/engine.ts')],
    };
    const settingsOf = async (volume: string, socket: string) => ({
      volumes: [{ volume, socket, record: path.join(running.directory, 'record') }],
    });
    const quiet = { info: () => {}, warn: () => {} };
    this.#attacher = new FuseAttacher(
      { folder: this.#folder, engine, inPod: false, settingsOf },
      quiet,
    );
  }

  static async make(sizeBytes: number): Promise<AttachedVolume> {
    const running = await RunningVolume.make(members, sizeBytes);
    // The attacher starts an engine of its own.
    await running.kill('engine', 'SIGTERM');
    return new AttachedVolume(running);
  }

  attach(): Promise<string> {
    return this.#attacher.attach(this.running.volume);
  }

  detach(): Promise<void> {
    return this.#attacher.detach(this.running.volume);
  }

  /** Kills it and returns when it is there again and the copies are in sync. */
  async killAndMend(victim: (typeof victims)[number]): Promise<void> {
    if (victim === 'engine') {
      process.kill(this.#enginePid(), 'SIGKILL');
      await this.engineEnds();
      await this.mend();
    } else {
      await this.running.kill(victim);
      // The record goes on calling it in sync until the engine has given it up. Whoever asks
      // earlier is misled, kills the other one, and then no copy can prove that it lost nothing.
      await this.running.untilInSync(
        members.filter((id) => id !== victim),
        memberMs,
      );
      await this.running.startMember(victim);
    }
    await this.running.untilInSync(members, memberMs);
  }

  /** Kills every copy before any can be told by another what it missed, and starts all again. */
  async killAllMembers(): Promise<void> {
    for (const member of members) await this.running.kill(member);
    for (const member of members) await this.running.startMember(member);
  }

  /** What the CSI node does every few seconds. */
  mend(): Promise<void> {
    return this.#attacher.mend(this.running.volume);
  }

  async engineEnds(): Promise<void> {
    const gone = async () => !(await isAlive(this.#enginePid()));
    await waitFor('the engine to be gone', gone, memberMs);
  }

  #enginePid(): number {
    const file = path.join(this.#folder, this.running.volume, 'engine.pid');
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly pid: number }).pid;
  }

  /** Takes everything away, also with requests that nobody will answer. */
  async drop(): Promise<void> {
    await this.#attacher.cutOff(this.running.volume);
    await tryRun('umount', '--lazy', this.directory);
    await this.detach();
    await this.running.dispose();
  }
}

describe('file system on an attached volume', function () {
  this.timeout(120_000);
  let attached: AttachedVolume | undefined;

  before(function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: mounts, loop devices, FUSE');
    requirePrograms(this, 'nbdkit', 'nbdfuse', 'fio', 'losetup');
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

/** A process that has ended and that nobody has asked for counts as gone. */
async function isAlive(pid: number): Promise<boolean> {
  const { stdout } = await tryRun('ps', '-o', 'stat=', '-p', String(pid));
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

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
