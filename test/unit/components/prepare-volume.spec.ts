import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { ShellBench } from './shell-bench.ts';

describe('script prepare-volume', () => {
  const names = ['disk', 'prepare-volume'] as const;
  const directory = 'larder/volumes/git';
  const prepare = (bench: ShellBench, env: Record<string, string> = {}) =>
    bench.run(names, { VOLUME: 'git', ...env });

  it('makes the directory and its mark on a mounted disk, and does nothing the second time', () => {
    using bench = new ShellBench('mounted');
    const first = prepare(bench);
    assert.deepEqual(
      [first.code, first.out],
      [0, 'made /mnt/nvme/larder/volumes/git on kube01 for the volume git\n'],
    );
    assert.equal(readFileSync(bench.onDisk(`${directory}/.larder-volume`), 'utf8'), 'git\n');
    writeFileSync(bench.onDisk(`${directory}/data`), 'precious');
    const second = prepare(bench);
    assert.match(second.out, /holds the volume git already; nothing to do/);
    assert.equal(readFileSync(bench.onDisk(`${directory}/data`), 'utf8'), 'precious');
  });

  it('refuses a bare mount point and writes nothing there', () => {
    using bench = new ShellBench('bare');
    const { code, out } = prepare(bench);
    assert.equal(code, 1);
    assert.match(
      out,
      /^REFUSED: \/mnt\/nvme on kube01 is an ordinary folder and no disk is mounted there/,
    );
    assert.equal(bench.has('larder'), false);
  });

  it('refuses a mount path that is not there', () => {
    using bench = new ShellBench('missing');
    const { code, out } = prepare(bench);
    assert.equal(code, 1);
    assert.match(out, /^REFUSED: there is no \/mnt\/nvme on kube01/);
  });

  it('makes nothing on another disk once the volume exists', () => {
    using bench = new ShellBench('mounted');
    writeFileSync(bench.file('known'), 'git');
    const { code, out } = prepare(bench);
    assert.equal(code, 1);
    assert.match(
      out,
      /^REFUSED: the volume git exists, but \/mnt\/nvme on kube01 does not hold it/,
    );
    assert.equal(bench.has('larder'), false);
  });

  it('finds a volume that exists on its disk', () => {
    using bench = new ShellBench('mounted');
    assert.equal(prepare(bench).code, 0);
    writeFileSync(bench.file('known'), 'git');
    assert.match(prepare(bench).out, /nothing to do/);
  });

  it('refuses a directory with files that are not a volume', () => {
    using bench = new ShellBench('mounted');
    mkdirSync(bench.onDisk(directory), { recursive: true });
    writeFileSync(bench.onDisk(`${directory}/photo`), 'x');
    const { code, out } = prepare(bench);
    assert.equal(code, 1);
    assert.match(out, /holds files that Larder did not put there/);
  });

  it('refuses a directory that belongs to another volume', () => {
    using bench = new ShellBench('mounted');
    mkdirSync(bench.onDisk(directory), { recursive: true });
    writeFileSync(bench.onDisk(`${directory}/.larder-volume`), 'wiki\n');
    const { code, out } = prepare(bench);
    assert.equal(code, 1);
    assert.match(out, /belongs to the volume wiki, not to git/);
  });

  it('adopts a folder that holds data, as it is, and only with a word', () => {
    using bench = new ShellBench('mounted');
    mkdirSync(bench.onDisk('old/git'), { recursive: true });
    writeFileSync(bench.onDisk('old/git/HEAD'), 'precious');
    const { code, out } = prepare(bench, { ADOPT: 'old/git' });
    assert.deepEqual([code, out], [0, 'adopted /mnt/nvme/old/git on kube01 as the volume git\n']);
    assert.equal(readFileSync(bench.onDisk('old/git/HEAD'), 'utf8'), 'precious');
    assert.equal(readFileSync(bench.onDisk('old/git/.larder-volume'), 'utf8'), 'git\n');
    assert.match(prepare(bench, { ADOPT: 'old/git' }).out, /nothing to do/);
  });

  for (const state of ['missing', 'empty']) {
    it(`adopts nothing when the folder is ${state}`, () => {
      using bench = new ShellBench('mounted');
      if (state === 'empty') mkdirSync(bench.onDisk('old/git'), { recursive: true });
      const { code, out } = prepare(bench, { ADOPT: 'old/git' });
      assert.equal(code, 1);
      assert.match(out, /^REFUSED: there is nothing to adopt at \/mnt\/nvme\/old\/git on kube01/);
      assert.equal(bench.has('old/git/.larder-volume'), false);
    });
  }

  it('ends what a power cut interrupted: a directory without its mark is made whole', () => {
    using bench = new ShellBench('mounted');
    mkdirSync(bench.onDisk(directory), { recursive: true });
    assert.equal(prepare(bench).code, 0);
    assert.equal(bench.has(`${directory}/.larder-volume`), true);
  });

  describe('when the inventory gives a UUID', () => {
    const uuid = '6d2b-44f1';
    const attach = (bench: ShellBench, device: string, mounted: string, numbers = '8:1') => {
      mkdirSync(bench.file('by-uuid'));
      symlinkSync(`../../${device}`, bench.file(`by-uuid/${uuid}`));
      const line = `36 25 ${numbers} / ${bench.disk} rw,relatime shared:1 - ext4 ${mounted} rw\n`;
      writeFileSync(bench.file('mountinfo'), line);
      mkdirSync(bench.file(`block/${device}`), { recursive: true });
      writeFileSync(bench.file(`block/${device}/dev`), '8:17\n');
      return {
        UUID: uuid,
        BY_UUID: bench.file('by-uuid'),
        MOUNTINFO: bench.file('mountinfo'),
        SYS_BLOCK: bench.file('block'),
      };
    };

    it('accepts the file system of that UUID', () => {
      using bench = new ShellBench('mounted');
      assert.equal(prepare(bench, attach(bench, 'sdb1', '/dev/sdb1')).code, 0);
    });

    it('accepts it by its device number when it is mounted under another name', () => {
      using bench = new ShellBench('mounted');
      assert.equal(prepare(bench, attach(bench, 'dm-0', '/dev/mapper/crypt', '8:17')).code, 0);
    });

    it('refuses another drive at the same path', () => {
      using bench = new ShellBench('mounted');
      const { code, out } = prepare(bench, attach(bench, 'sdb1', '/dev/sda1'));
      assert.equal(code, 1);
      assert.match(
        out,
        /^REFUSED: \/mnt\/nvme on kube01 is \/dev\/sda1, and the file system 6d2b-44f1 is on sdb1/,
      );
      assert.equal(bench.has('larder'), false);
    });

    it('refuses when the drive is not attached', () => {
      using bench = new ShellBench('mounted');
      const env = attach(bench, 'sdb1', '/dev/sdb1');
      rmSync(bench.file(`by-uuid/${uuid}`));
      const { code, out } = prepare(bench, env);
      assert.equal(code, 1);
      assert.match(out, /no file system with UUID 6d2b-44f1 is attached to kube01/);
    });
  });
});

describe('script local-path-setup', () => {
  const setup = (bench: ShellBench, part: string) => {
    const parent = bench.onDisk('larder-dynamic');
    writeFileSync(
      bench.file('mountinfo'),
      `36 25 8:1 ${part} ${parent} rw shared:1 - ext4 /dev/sda1 rw\n`,
    );
    return bench.run(['local-path-setup'], {
      VOL_DIR: `${parent}/pvc-1`,
      MOUNTINFO: bench.file('mountinfo'),
    });
  };

  it('makes the folder of a claim on a mounted disk', () => {
    using bench = new ShellBench('mounted');
    assert.equal(setup(bench, '/larder-dynamic').code, 0);
    assert.equal(bench.has('larder-dynamic/pvc-1'), true);
  });

  it('refuses a bare mount point', () => {
    using bench = new ShellBench('bare');
    const { code, out } = setup(bench, bench.onDisk('larder-dynamic'));
    assert.equal(code, 1);
    assert.match(out, /^REFUSED: no disk is mounted above/);
    assert.equal(bench.has('larder-dynamic'), false);
  });
});

describe('script guard-volume', () => {
  const guard = (bench: ShellBench, volume = 'git') =>
    bench.run(['guard-volume'], { VOLUME: volume, ROOT: bench.disk });

  it('lets an application begin on its own volume', () => {
    using bench = new ShellBench('mounted');
    writeFileSync(bench.onDisk('.larder-volume'), 'git\n');
    assert.equal(guard(bench).code, 0);
    assert.equal(guard(bench, '').code, 0, 'a provisioner makes no mark');
  });

  it('refuses what is not the volume, and what was not wholly restored', () => {
    using bench = new ShellBench('mounted');
    const wrong = guard(bench);
    assert.equal(wrong.code, 1);
    assert.match(wrong.out, /is not the volume git/);
    writeFileSync(bench.onDisk('.larder-volume'), 'git\n');
    writeFileSync(bench.onDisk('.larder-restoring'), 'id\n');
    const half = guard(bench);
    assert.equal(half.code, 1);
    assert.match(half.out, /the restore of .* did not end/);
  });
});

describe('script guard-postgres', () => {
  const guard = (bench: ShellBench, volume = 'postgres-main') =>
    bench.run(['guard-postgres'], {
      VOLUME: volume,
      ROOT: bench.disk,
      PGDATA: bench.onDisk('pgdata'),
    });
  const marked = (bench: ShellBench) =>
    writeFileSync(bench.onDisk('.larder-volume'), 'postgres-main\n');

  it('lets a new volume be initialised', () => {
    using bench = new ShellBench('mounted');
    marked(bench);
    assert.equal(guard(bench).code, 0);
    assert.equal(bench.has('.larder-initialised'), false);
  });

  it('refuses what is not the volume', () => {
    using bench = new ShellBench('mounted');
    const { code, out } = guard(bench);
    assert.equal(code, 1);
    assert.match(out, /is not the volume postgres-main/);
  });

  it('refuses an empty data directory where there was one', () => {
    using bench = new ShellBench('mounted');
    marked(bench);
    mkdirSync(bench.onDisk('pgdata'));
    writeFileSync(bench.onDisk('pgdata/PG_VERSION'), '16\n');
    assert.equal(guard(bench).code, 0);
    rmSync(bench.onDisk('pgdata'), { recursive: true });
    const { code, out } = guard(bench);
    assert.equal(code, 1);
    assert.match(out, /the data directory \S+ has gone from a volume that had one; restore a dump/);
  });

  it('asks no mark of a volume that a provisioner made', () => {
    using bench = new ShellBench('mounted');
    assert.equal(guard(bench, '').code, 0);
  });
});
