/** The offline tool as a process, on real stores, judged by other people's programs. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createStore, type HostedStore, openStore } from '../../dataplane/drive/hosted-store.ts';
import { HostDisk } from '../../dataplane/host/disk.ts';
import { requirePrograms, run, succeed } from '../support/nbd/programs.ts';
import { skip } from '../support/reporter.ts';

const tool = path.resolve(import.meta.dirname, '../../dataplane/main/larder-nbd.ts');
const sizeBytes = 12 * 2 ** 20;
const block = 4096;
const identity = {
  volume: 'books',
  member: 'kube01',
  geometry: { sizeBytes, blockBytes: block, regionBlocks: 1024 },
};

/** Where the test's volume has data: in two of three regions, at both ends. */
const written = [
  { at: 0, text: 'first ', blocks: 3 },
  { at: 900 * block, text: 'across regions ', blocks: 300 },
  { at: sizeBytes - block, text: 'last ', blocks: 1 },
];

function expected(): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (const { at, text, blocks } of written) bytes.fill(text, at, at + blocks * block);
  return bytes;
}

async function larder(...args: readonly string[]) {
  return run(process.execPath, tool, ...args);
}

/** Names, contents and times of all files of a directory. */
function portrait(directory: string): readonly string[] {
  return readdirSync(directory).map((name) => {
    const file = path.join(directory, name);
    const { mtimeMs, ctimeMs, size, ino } = statSync(file);
    const hash = createHash('sha256').update(readFileSync(file)).digest('hex');
    return [name, size, mtimeMs, ctimeMs, ino, hash].join(' ');
  });
}

describe('larder-nbd', function () {
  this.timeout(60_000);
  let folder: string;
  let directory: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-offline-'));
    directory = path.join(folder, 'store');
    mkdirSync(directory);
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function fill(): Promise<HostedStore> {
    const disk = new HostDisk(directory);
    await createStore(disk, identity, { lineage: 'first', withVolume: true });
    const hosted = await openStore(disk, identity);
    await hosted.runner.run(hosted.store.promise(7, 'e'));
    let sequence = 1;
    for (const { at, text, blocks } of written) {
      sequence += 1;
      const bytes = Buffer.alloc(blocks * block, text);
      // A text does not fit a block evenly: each block differs, as on a real volume.
      await hosted.runner.run(hosted.store.write(at, bytes, { sequence, fua: false }));
    }
    return hosted;
  }

  async function release(hosted: HostedStore): Promise<void> {
    await hosted.runner.close();
  }

  /** A store that was stopped in order, or one whose process died while it wrote. */
  async function makeStore(end: 'in order' | 'without warning'): Promise<void> {
    const hosted = await fill();
    if (end === 'in order') await hosted.runner.run(hosted.store.close());
    await release(hosted);
  }

  function flip(name: string, at: number): void {
    const bytes = readFileSync(path.join(directory, name));
    bytes[at] = (bytes[at] ?? 0) ^ 0x40;
    writeFileSync(path.join(directory, name), bytes);
  }

  for (const end of ['in order', 'without warning'] as const) {
    it(`leaves every byte and time as it was [stopped ${end}]`, async () => {
      await makeStore(end);
      const before = portrait(directory);
      const image = path.join(folder, 'image');
      assert.equal((await larder('inspect', directory)).code, 0);
      assert.equal((await larder('verify', directory)).code, 0);
      assert.equal((await larder('export', directory, image)).code, 0);
      await using served = await serve('--socket', path.join(folder, 'nbd'));
      assert.equal((await succeed('nbdinfo', '--size', served.uri)).trim(), String(sizeBytes));
      assert.deepEqual(portrait(directory), before);
      assert.ok(readFileSync(image).equals(expected()), 'the image is what was written');
    });
  }

  it('works on a read-only mount', async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: mounts');
    await makeStore('without warning');
    const script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"';
    const shell = ['--mount', 'sh', '-c', script, 'sh', directory];
    const command = [process.execPath, tool, 'verify', directory];
    const { code, stdout, stderr } = await run('unshare', ...shell, ...command);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /3072 blocks: 304 hold data, 2768 are zero, 0 are corrupt/);
  });

  it('says what a copy knows about itself', async () => {
    await makeStore('in order');
    const { stdout } = await larder('inspect', directory, '--json');
    const {
      counter: _counter,
      dirtyRegions: _dirty,
      ...facts
    } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(facts, {
      ...identity,
      lineage: 'first',
      promisedEpoch: 7,
      promisedTo: 'e',
      age: 0,
      peerAge: 0,
      standing: 'in-sync',
      clean: true,
      absences: [],
      snapshots: [],
      regions: 3,
      regionMapDamaged: false,
    });
    const { stdout: text } = await larder('inspect', directory);
    assert.match(text, /^size +12 MiB \(12582912 bytes\)$/m);
    assert.match(text, /^last stop +in order$/m);
  });

  it('names every corrupt block, and exports around them only when asked', async () => {
    await makeStore('in order');
    flip('data-1', 901 * block + 5);
    flip('data-1', 902 * block + 5);
    flip('data-1', 0);
    const checked = await larder('verify', directory);
    assert.equal(checked.code, 3);
    assert.match(checked.stdout, /301 hold data, 2768 are zero, 3 are corrupt/);
    assert.match(checked.stdout, /corrupt: blocks 0 to 0 \(1\)\n.*blocks 901 to 902 \(2\)/);
    const image = path.join(folder, 'image');
    const refused = await larder('export', directory, image);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Block 0 does not match its checksum.*--skip-corrupt/s);
    assert.deepEqual(readdirSync(folder), ['store'], 'nothing half done is left');
    const skipped = await larder('export', directory, image, '--skip-corrupt');
    assert.equal(skipped.code, 3);
    assert.match(skipped.stdout, /3 corrupt blocks are zeroes there: 0, 901, 902/);
    const wanted = expected();
    for (const at of [0, 901, 902]) wanted.fill(0, at * block, (at + 1) * block);
    assert.ok(readFileSync(image).equals(wanted));
  });

  it('says which blocks it cannot judge after a stop without warning', async () => {
    await makeStore('without warning');
    const { code, stdout } = await larder('verify', directory);
    assert.equal(code, 0);
    assert.match(stdout, /3072 blocks were being written .* prove nothing/s);
  });

  it('shows a snapshot as it was, whatever was written since', async () => {
    const { store, runner } = await fill();
    await runner.run(store.snapshot('monday'));
    const order = { sequence: 9, fua: false };
    await runner.run(store.write(0, Buffer.alloc(3 * block, 'changed '), order));
    await runner.run(store.zero({ offsetBytes: 900 * block, lengthBytes: block }, order));
    await runner.run(store.close());
    await runner.close();
    assert.match((await larder('inspect', directory)).stdout, /^snapshots +monday$/m);
    const before = portrait(directory);
    const image = path.join(folder, 'image');
    assert.equal((await larder('export', directory, image, '--snapshot', 'monday')).code, 0);
    assert.ok(readFileSync(image).equals(expected()), 'the snapshot is what was written first');
    const checked = await larder('verify', directory, '--snapshot', 'monday');
    assert.match(checked.stdout, /304 hold data, 2768 are zero, 0 are corrupt/);
    const wrong = await larder('verify', directory, '--snapshot', 'tuesday');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /no snapshot "tuesday"; there are: monday/);
    assert.deepEqual(portrait(directory), before);
    assert.equal((await larder('export', directory, image, '--force')).code, 0);
    const now = expected()
      .fill('changed ', 0, 3 * block)
      .fill(0, 900 * block, 901 * block);
    assert.ok(readFileSync(image).equals(now), 'the volume is what was written last');
  });

  it('exports holes as holes', async () => {
    await makeStore('in order');
    const image = path.join(folder, 'image');
    const { stdout } = await larder('export', directory, image);
    assert.match(stdout, /12 MiB, of which 1\.2 MiB are data/);
    const { size, blocks } = statSync(image);
    assert.equal(size, sizeBytes);
    assert.ok(blocks * 512 < 2 * 2 ** 20, `${blocks} sectors for 1.2 MiB of data`);
  });

  it('imports what it exported: the copies are equal, and a replica server opens the new store', async () => {
    await makeStore('in order');
    const image = path.join(folder, 'image');
    const copy = path.join(folder, 'copy');
    mkdirSync(copy);
    assert.equal((await larder('export', directory, image)).code, 0);
    const names = ['--volume', 'books', '--member', 'kube02', '--lineage', 'second'];
    const imported = await larder('import', image, copy, ...names);
    assert.equal(imported.code, 0, imported.stderr);
    const shown = JSON.parse((await larder('inspect', copy, '--json')).stdout) as object;
    const wanted = {
      member: 'kube02',
      lineage: 'second',
      standing: 'in-sync',
      clean: true,
      dirtyRegions: 0,
    };
    assert.deepEqual({ ...shown, ...wanted }, shown);
    const checked = await larder('verify', copy);
    assert.match(checked.stdout, /304 hold data, 2768 are zero, 0 are corrupt/);
    const hosted = await openStore(new HostDisk(copy), { volume: 'books', member: 'kube02' });
    const span = { offsetBytes: 0, lengthBytes: sizeBytes };
    const read = await hosted.runner.run(hosted.store.read(span));
    assert.ok(read.kind === 'data' && Buffer.from(read.bytes).equals(expected()));
    assert.equal(hosted.store.proven, true);
    await release(hosted);
  });

  it('leaves a store that counts as empty when an import is interrupted', async () => {
    const image = path.join(folder, 'image');
    writeFileSync(image, '');
    truncateSync(image, 64 * 2 ** 30);
    const names = ['--volume', 'v', '--member', 'm'];
    const child = spawn(process.execPath, [tool, 'import', image, directory, ...names]);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.stderr.once('data', () => child.kill('SIGINT'));
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 130);
    assert.match(
      said,
      /imported .* of 64 GiB.*unfinished store, which counts as empty.*Interrupted/s,
    );
    const { stdout } = await larder('inspect', directory);
    assert.match(stdout, /^standing +new: it holds nothing, or was not filled to the end$/m);
  });

  it('refuses what it must not touch or cannot read, and says what to do', async () => {
    await makeStore('in order');
    const image = path.join(folder, 'image');
    writeFileSync(image, 'x'.repeat(5000));
    const names = ['--volume', 'v', '--member', 'm'];
    const empty = path.join(folder, 'empty');
    mkdirSync(empty);
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['export', directory, image], 1, /image exists\..*--force/s],
      [['import', image, empty, ...names], 1, /5000 bytes.*truncate --size=8192/s],
      [['import', image, directory, ...names], 1, /store is not empty.*nothing was changed/s],
      [
        ['inspect', empty],
        1,
        /empty: The directory holds no store.*Name the directory of one replica/s,
      ],
      [['inspect', path.join(folder, 'nowhere')], 1, /nowhere: Could not list.*ENOENT/s],
      [['verify'], 2, /verify takes one path; got 0/],
      [['polish', directory], 2, /There is no command "polish"/],
      [['inspect', directory, '--force'], 2, /inspect does not take --force/],
      [['inspect', directory, '--colour'], 2, /Unknown option '--colour'/],
      [['serve', directory], 2, /either --socket or --port/],
      [['serve', directory, '--port', '70000'], 2, /from 0 to 65535; got "70000"/],
      [['import', image, empty, '--volume', 'v'], 2, /import needs --member/],
      [['import', image, empty, '--volume', 'v w', '--member', 'm'], 2, /--volume is 1 to 40/],
    ];
    const results = await Promise.all(cases.map(([args]) => larder(...args)));
    for (const [index, [args, code, message]] of cases.entries()) {
      const stderr = results[index]?.stderr ?? '';
      assert.equal(results[index]?.code, code, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, message);
    }
    assert.deepEqual(readdirSync(empty), []);
    const helped = await larder('--help');
    assert.equal(helped.code, 0);
    assert.match(helped.stdout, /Exit codes: 0 done/);
  });

  it('tells apart a store that is damaged and one of a newer version', async () => {
    await makeStore('in order');
    flip('identity', 30);
    assert.match(
      (await larder('inspect', directory)).stderr,
      /`identity` does not match.*keep this one/s,
    );
    flip('identity', 30);
    flip('superblock', 20);
    assert.equal((await larder('verify', directory)).code, 0, 'one slot is enough');
    flip('superblock', 512 + 20);
    const { code, stderr } = await larder('verify', directory);
    assert.equal(code, 1);
    assert.match(stderr, /Neither slot of the superblock matches/);
  });

  describe('serving', () => {
    before(function () {
      requirePrograms(this, 'nbdinfo', 'nbdcopy', 'qemu-img');
    });

    for (const where of ['--socket', '--port']) {
      it(`gives every byte to nbdcopy and qemu-img, and takes none [${where}]`, async () => {
        await makeStore('in order');
        await using served = await serve(
          where,
          where === '--port' ? '0' : path.join(folder, 'nbd'),
        );
        const image = path.join(folder, 'image');
        writeFileSync(image, expected());
        const compare = ['compare', '-f', 'raw', '-F', 'raw', image, served.uri];
        assert.match(await succeed('qemu-img', ...compare), /Images are identical/);
        const copied = path.join(folder, 'copied');
        await succeed('nbdcopy', served.uri, copied);
        assert.ok(readFileSync(copied).equals(expected()));
        const { code, stderr } = await run('nbdcopy', image, served.uri);
        assert.notEqual(code, 0);
        assert.match(stderr, /read.?only/i);
      });
    }

    it('answers a corrupt block with an error and the others with their bytes', async () => {
      await makeStore('in order');
      flip('data-1', 5);
      await using served = await serve('--socket', path.join(folder, 'nbd'));
      const all = await run('nbdcopy', served.uri, path.join(folder, 'copied'));
      assert.notEqual(all.code, 0);
      const part = ['-f', 'raw', '-O', 'raw', 'bs=4096', 'skip=1', 'count=3'];
      const [source, target] = [`if=${served.uri}`, `of=${path.join(folder, 'rest')}`];
      await succeed('qemu-img', 'dd', ...part, source, target);
      const bytes = readFileSync(path.join(folder, 'rest'));
      assert.ok(bytes.equals(expected().subarray(block, 3 * block)));
    });
  });

  async function serve(...where: readonly string[]): Promise<AsyncDisposable & { uri: string }> {
    const child: ChildProcess = spawn(process.execPath, [tool, 'serve', directory, ...where], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const gone = once(child, 'exit');
    const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    const uri = /serving (\S+)/.exec(line.toString())?.[1];
    assert.ok(uri !== undefined, line.toString());
    return {
      uri,
      async [Symbol.asyncDispose]() {
        child.kill('SIGTERM');
        const [code] = (await gone) as [number];
        assert.equal(code, 0);
        const socket = path.join(folder, 'nbd');
        assert.equal(existsSync(socket), false, 'the socket file is gone');
      },
    };
  }
});
